"""lm-evaluation-harness's file of results, ``results_<time>.json``: a task's metrics by name and filter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pyscore._version import __version__
from pyscore.integrations.interchange.results import Details, Result, RunResults, number

__all__ = ["document", "is_results", "read_document"]

_FILTER = "none"
_NO_METRIC = ("alias", "name", "sample_len", "sample_count", " ")


def document(run: RunResults, given: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """The file of a run; ``seconds`` since 1970 are when it is made.

    Raises:
        ValueError: an unknown detail.
    """
    details = Details(given, "lm-eval")
    higher = details.one_of("lower_is_better", ("true", "false"), "false") == "false"
    details.check_all_asked()
    tasks = run.by_dataset()
    arguments = {
        "pretrained": run.model,
        "revision": run.revision,
        "step": run.step,
        "dtype": run.conditions.get("dtype"),
    }
    return {
        "results": {task: _metrics(task, own) for task, own in tasks.items()},
        "group_subtasks": {task: [] for task in tasks},
        "configs": {task: _config(run, task, own) for task, own in tasks.items()},
        "versions": dict.fromkeys(tasks, "N/A"),
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {task: {each.metric: higher for each in own} for task, own in tasks.items()},
        "n-samples": {task: {"original": own[0].n, "effective": own[0].n} for task, own in tasks.items()},
        "config": {
            "model": "pyscore",
            "model_args": ",".join(f"{key}={value}" for key, value in arguments.items() if value is not None),
            "device": run.conditions.get("device"),
            "bootstrap_iters": 0,
        },
        "git_hash": None,
        "date": seconds,
        "model_source": "pyscore",
        "model_name": run.model,
        "model_name_sanitized": run.model.replace("/", "__"),
        "pyscore": {
            "version": __version__,
            "revision": run.revision,
            "step": run.step,
            "conditions": dict(run.conditions),
            "comparison": dict(run.comparison),
            "signature": run.signature,
        },
    }


def is_results(values: Mapping[str, Any]) -> bool:
    """Whether an object of JSON is a file of the harness's results, of any release."""
    return isinstance(values.get("results"), dict)


def read_document(values: Mapping[str, Any]) -> list[Result]:
    """The results of a file, whoever wrote it; a filter other than "none" is part of a metric's name.

    Raises:
        ValueError: a part is of another type.
    """
    config = values.get("config")
    model = values.get("model_name") or (config.get("model_args") if isinstance(config, dict) else None)
    return [
        result
        for task, metrics in values["results"].items()
        for result in _of_task(values, None if model is None else str(model), task, metrics)
    ]


def _of_task(values: Mapping[str, Any], model: str | None, task: str, metrics: Any) -> Iterator[Result]:
    if not isinstance(metrics, dict):
        raise ValueError(f"results: {task!r} must be an object, found {type(metrics).__name__}")
    n = _object(_object(values, "n-samples"), task).get("effective", metrics.get("sample_len"))
    ours = _object(_object(_object(_object(values, "configs"), task), "metadata"), "pyscore")
    for key, value in metrics.items():
        name, comma, filter = key.partition(",")
        # Other kinds of values are names, or tables of a task's own making.
        if (
            key in _NO_METRIC
            or name.endswith("_stderr")
            or isinstance(value, bool)
            or not isinstance(value, int | float)
        ):
            continue
        where = f"results: {task!r}: {key!r}"
        error = metrics.get(f"{name}_stderr{comma}{filter}")  # "N/A" where there is none
        interval = _object(ours, "intervals").get(name)
        if interval is not None and (not isinstance(interval, list) or len(interval) != 2):
            raise ValueError(f"{where}: its interval must be two numbers, found {interval!r:.60}")
        own = [number(x, f"{where}: interval") for x in [*interval, ours.get("confidence")]] if interval else [None] * 3
        yield Result(
            model=model,
            dataset=task,
            metric=name if filter in ("", _FILTER) else key,
            value=number(value, where),
            stderr=number(error, f"{where}: stderr") if isinstance(error, int | float) and error == error else None,
            low=own[0],
            high=own[1],
            confidence=own[2],
            n=n if isinstance(n, int) else None,
        )


def _metrics(task: str, own: list[Result]) -> dict[str, Any]:
    found: dict[str, Any] = {"alias": task}
    for each in own:
        found[f"{each.metric},{_FILTER}"] = each.value
        found[f"{each.metric}_stderr,{_FILTER}"] = "N/A" if each.stderr is None else each.stderr
    return found


def _config(run: RunResults, task: str, own: list[Result]) -> dict[str, Any]:
    """The harness prints every key of a task's results, so intervals stand in its free metadata."""
    intervals = {each.metric: [each.low, each.high] for each in own if each.low is not None}
    levels = [each.confidence for each in own if each.confidence is not None]
    ours = {
        "confidence": levels[0] if levels else None,
        "intervals": intervals,
        "clusters": own[0].n_clusters,
        "no_interval": {each.metric: each.reason for each in own if each.reason},
    }
    return {
        "task": task,
        "output_type": "multiple_choice",
        "num_fewshot": 0,
        "metadata": {"version": "N/A", "template": run.conditions.get("template"), "pyscore": ours},
    }


def _object(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}
