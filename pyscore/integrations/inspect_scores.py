"""Logs of inspect_ai as `QuestionScores` that `compare_runs` takes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pyscore.integrations.lm_eval_records import check_no_results
from pyscore.results.question_scores import SCORES, QuestionScores

__all__ = ["question_scores", "read_log"]

_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""inspect's letters: correct, incorrect, partly correct, no answer."""
_RULE = {"normalize": "sum", "sets": "max", "ties": "half"}
"""The arguments of the scorer `pyscore_rows` that decide how answers are compared, with what they are by default."""


def question_scores(
    path: str | Path,
    *,
    normalize: str = "sum",
    sets: str = "max",
    ties: str = "half",
    scorer: str | None = None,
    cluster: str | None = None,
) -> QuestionScores:
    """The scores of every sample of a log, by its id; the mean over epochs where there are several.

    A score that pyscore's own scorer wrote has everything that a comparison needs. One that is a number in [0, 1], true
    or false, or one of inspect's letters C, I, P and N, says right or wrong: preference rates alone can be
    compared, which are then accuracies. The data set is that of the score's metadata, else that of the log.

    Args:
        path: a log, ``.eval`` or ``.json``.
        normalize, sets, ties: must be those that the log's scores were made with, where they are pyscore's.
        scorer: which scorer's scores, where the log has several.
        cluster: key of the score's metadata, else of the sample's, that names its cluster; by default "cluster" in the
            score's metadata, where it is there.

    Raises:
        ImportError: inspect_ai isn't installed.
        FileNotFoundError: there is no such file.
        ValueError: no log of inspect; no samples; several scorers; a score of another kind, a sample without that
            cluster, or scores made by another rule, with what to do.
    """
    log = read_log(path)
    scorer = _scorer(log, path, scorer)
    rule = {"normalize": normalize, "sets": sets, "ties": ties}
    samples = [sample for sample in log.samples if _scored(sample, scorer)]
    if not samples:
        raise ValueError(f"{path} has no sample with a score of {scorer}: its run has the status {log.status!r}")
    scores = [sample.scores[scorer] for sample in samples]
    ours = isinstance(scores[0].value, Mapping)
    if ours:
        _check_rule(log, path, scorer, rule)
    rows = [_values(sample, score, ours, path) for sample, score in zip(samples, scores, strict=True)]
    ids, first, group = np.unique([str(sample.id) for sample in samples], return_index=True, return_inverse=True)
    order = np.argsort(first)
    counts = np.bincount(group)
    values = {
        name: (np.bincount(group, [row[name] for row in rows]) / counts)[order]
        for name in rows[0]
        if all(name in row for row in rows)
    }
    kept = [(samples[i], scores[i]) for i in first[order].tolist()]
    own = [score.metadata or {} for _, score in kept]
    return QuestionScores(
        question_ids=ids[order].tolist(),
        values=values,
        datasets=[each.get("dataset", log.eval.dataset.name) for each in own],
        clusters=[_cluster(sample, score, cluster, path) for sample, score in kept],
        contents=[_digest([sample.input, sample.target, sample.choices]) for sample, _ in kept],
        prompts=[_digest(_prompt(sample.messages)) for sample, _ in kept],
        kind="inspect",
        **_model(log, own),
        notes=_notes(log, len(log.samples) - len(samples), counts),
    )


def read_log(path: str | Path) -> Any:
    """A log of inspect that has samples.

    Raises:
        ImportError: inspect_ai isn't installed.
        FileNotFoundError: there is no such file.
        ValueError: no log of inspect, or one without samples.
    """
    if find_spec("inspect_ai") is None:
        raise ImportError(f'{path} is read by inspect_ai: pip install "pyscore-engine[inspect]"')
    from inspect_ai.log import read_eval_log

    try:
        log = read_eval_log(str(path))
    except FileNotFoundError:
        raise FileNotFoundError(f"no such file: {path}") from None
    except Exception as error:  # of zip files, JSON and pydantic
        if Path(path).suffix.lower() == ".json":
            check_no_results(_json(path), path)
        told = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{path} is no log that inspect_ai can read: {told[0]}") from None
    if not log.samples:
        raise ValueError(f"{path} has no samples: its run has the status {log.status!r}")
    return log


def _json(path: str | Path) -> Any:
    """What a file holds that is no log; None where it is no JSON either."""
    with suppress(OSError, ValueError, RecursionError):
        return json.loads(Path(path).read_bytes())
    return None


def _scorer(log: Any, path: str | Path, wanted: str | None) -> str:
    names = list(dict.fromkeys(name for sample in log.samples for name in sample.scores or {}))
    if wanted in names or (wanted is None and len(names) == 1):
        return wanted or names[0]
    found = ", ".join(names) or "none"
    raise ValueError(f"{path} has scores of {found}: choose one with scorer= (--log-arg scorer=NAME)")


def _scored(sample: Any, scorer: str) -> bool:
    score = (sample.scores or {}).get(scorer)
    value = None if score is None else score.value
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _check_rule(log: Any, path: str | Path, scorer: str, rule: Mapping[str, str]) -> None:
    """Raise ValueError where the log's scores were made by another rule than the comparison's."""
    for recorded in log.eval.scorers or ():
        if recorded.name.split("/")[-1] != scorer.split("/")[-1]:
            continue
        made = {**_RULE, **{name: value for name, value in (recorded.options or {}).items() if name in _RULE}}
        differ = [name for name in _RULE if made[name] != rule[name]]
        if differ:
            told = ", ".join(f"{name}={made[name]!r}" for name in differ)
            raise ValueError(f"the scores of {path} were made with {told}: compare with the same")


def _values(sample: Any, score: Any, ours: bool, path: str | Path) -> dict[str, float]:
    value = score.value
    if isinstance(value, Mapping) == ours:
        if ours and all(isinstance(value.get(name), int | float) for name in ("probability", "prefers")):
            # Some releases write infinite log odds as null.
            return {name: float(value[name]) for name in SCORES if isinstance(value.get(name), int | float)}
        if isinstance(value, str) and value in _LETTERS:
            return {"prefers": _LETTERS[value]}
        if isinstance(value, int | float) and 0 <= value <= 1:
            return {"prefers": float(value)}
    raise ValueError(
        f"{path}: the sample {sample.id!r} has the score {value!r:.100}; comparable are scores of pyscore_rows, "
        "numbers in [0, 1] and the letters C, I, P and N"
    )


def _cluster(sample: Any, score: Any, key: str | None, path: str | Path) -> str | None:
    metadata: Mapping[str, Any] = {**(sample.metadata or {}), **(score.metadata or {})}
    if key is None:
        found = (score.metadata or {}).get("cluster")
    elif key in metadata:
        found = metadata[key]
    else:
        raise ValueError(f"{path}: the sample {sample.id!r} has no {key!r} in the metadata of its score or its own")
    return found if found is None or isinstance(found, str) else json.dumps(found, sort_keys=True, default=str)


def _prompt(messages: Sequence[Any]) -> list[Any]:
    """What the model read first: the messages before its own."""
    ends = [i for i, message in enumerate(messages) if message.role == "assistant"]
    return [[message.role, message.text] for message in messages[: ends[0] if ends else None]]


def _digest(value: Any) -> str:
    def plain(each: Any) -> Any:
        return [each.role, each.text] if hasattr(each, "role") else str(each)

    return hashlib.sha256(json.dumps(value, sort_keys=True, default=plain).encode()).hexdigest()


def _model(log: Any, own: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Whose scores these are: what their metadata say in one voice, else the model that inspect ran."""
    said = [tuple(each.get(name) for name in ("model", "revision", "step", "run_id")) for each in own]
    if said[0][0] is not None and len(set(said)) == 1:
        return dict(zip(("model", "revision", "step", "run_id"), said[0], strict=True))
    return {"model": log.eval.model}


def _notes(log: Any, unscored: int, counts: Any) -> list[str]:
    notes = [] if log.status == "success" else [f"its run has the status {log.status!r}"]
    if unscored:
        notes.append(f"{unscored} samples without a score are left out")
    if counts.max() > 1:
        notes.append(f"scores are means over up to {counts.max()} epochs")
    return notes
