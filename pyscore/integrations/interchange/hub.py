"""Entries for ``.eval_results/*.yaml`` of model repositories on the Hugging Face hub.

An entry has one value and no place for its uncertainty, which therefore stands in ``notes``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pyscore.integrations.interchange.results import Details, Result, RunResults, number

__all__ = ["entries", "is_entries", "read_entries"]

_NUMBER = r"(-?[\d.]+(?:e[+-]?\d+)?)"
_NOTES = {
    "metric": re.compile(r"(mean_probability|preference_rate)\b"),
    "interval": re.compile(rf"; interval \[{_NUMBER}, {_NUMBER}\] at confidence {_NUMBER}"),
    "stderr": re.compile(rf"; standard error {_NUMBER}"),
    "n": re.compile(r"; (\d+) questions"),
}


def entries(run: RunResults, given: Mapping[str, str]) -> list[dict[str, Any]]:
    """The entries of a run, one a data set and metric.

    Raises:
        ValueError: a detail is missing or unknown; a date that is none, a source's name without its URL.
    """
    details = Details(given, "hub")
    dataset_id = details.required("dataset_id", "the benchmark's repository on the hub")
    task_id, revision = details.optional("task_id"), details.optional("dataset_revision")
    date, url = details.optional("date"), details.optional("source_url")
    names = {name: details.optional(f"source_{name}") for name in ("name", "user", "org")}
    details.check_all_asked()
    datasets = run.by_dataset()
    if task_id is not None and len(datasets) > 1:
        raise ValueError(f"task_id={task_id!r} is of one task, and the rows are of {', '.join(datasets)}: leave it out")
    if url is None and any(names.values()):
        raise ValueError("the hub takes a source's name, user or org with its URL only: give source_url")
    if date is not None:
        _check_date(date)
    source = None if url is None else {"url": url} | {name: text for name, text in names.items() if text}
    return [
        {"dataset": {"id": dataset_id, "task_id": task_id or name} | ({"revision": revision} if revision else {})}
        | {"value": result.value}
        | ({"date": date} if date else {})
        | ({"source": source} if source else {})
        | {"notes": _notes(run, result)}
        for name, own in datasets.items()
        for result in own
    ]


def is_entries(values: Any) -> bool:
    """Whether a document of YAML is a list of such entries."""
    return (
        isinstance(values, list)
        and bool(values)
        and all(isinstance(each, dict) and "dataset" in each for each in values)
    )


def read_entries(values: list[dict[str, Any]]) -> list[Result]:
    """The results of such a file, which doesn't say whose they are: it lies in the model's repository.

    A data set is called by its task. The metric is "value" unless ``notes`` are of pyscore's making.

    Raises:
        ValueError: a part is missing or of another type.
    """
    return [_read(each, f"entry {i + 1}") for i, each in enumerate(values)]


def _read(entry: Mapping[str, Any], where: str) -> Result:
    dataset = entry["dataset"]
    if not isinstance(dataset, dict) or not all(isinstance(dataset.get(name), str) for name in ("id", "task_id")):
        raise ValueError(f"{where}: 'dataset' needs the texts 'id' and 'task_id'")
    notes = entry.get("notes")
    found = {name: pattern.search(notes if isinstance(notes, str) else "") for name, pattern in _NOTES.items()}
    value = number(entry.get("value"), f"{where}: value")
    metric, interval, stderr, n = (found[name] for name in ("metric", "interval", "stderr", "n"))
    if metric is None or metric.start() != 0:
        return Result(None, dataset["task_id"], "value", value)
    low, high, level = map(float, interval.groups()) if interval else (None, None, None)
    error = float(stderr[1]) if stderr else None
    return Result(None, dataset["task_id"], metric[1], value, error, low, high, level, int(n[1]) if n else None)


def _notes(run: RunResults, result: Result) -> str:
    parts = [result.metric]
    if result.low is not None:
        parts.append(f"interval [{result.low!r}, {result.high!r}] at confidence {result.confidence!r}")
    if result.stderr is not None:
        parts.append(f"standard error {result.stderr!r}")
    parts.append(f"{result.n} questions")
    if result.n_clusters is not None:
        parts.append(f"{result.n_clusters} clusters")
    if result.reason:
        parts.append(f"no interval: {result.reason}")
    told = {"pyscore": "pyscore_version", "template": "template", "dtype": "dtype"}
    parts += [f"{label} {run.conditions[key]}" for label, key in told.items() if key in run.conditions]
    parts += [f"{key} {value}" for key, value in run.comparison.items()]
    # Semicolons and line ends part what is read back.
    return "; ".join(" ".join(part.replace(";", ",").split()) for part in parts)


def _check_date(date: str) -> None:
    try:
        datetime.fromisoformat(date.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"date must be as ISO 8601 has it, such as 2026-01-31T12:00:00Z, got {date!r}") from None
