"""inspect_ai: pyscore's headline numbers as metrics, a scorer that reads stored rows, and `rescore` for logs."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np

# inspect reads the types of metrics when it runs them: these names must exist then
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, Value, metric, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import registry_info

from pyscore.integrations.inspect_letters import Rescored, rescore
from pyscore.metrics import Estimate, Interval, estimate_mean, estimate_rate
from pyscore.metrics.core.scales import SHARE, mass_scale
from pyscore.results import comparison_from_rows
from pyscore.store import read_rows
from pyscore.store.grouping import group
from pyscore.store.schema import QUESTION_KEY

__all__ = ["Rescored", "coverage", "mean_probability", "preference_rate", "pyscore_rows", "rescore", "tie_rate"]

VALUES = ("probability", "probability_raw", "coverage", "prefers", "tie", "log_odds")
"""The entries of a score's value: fields of `pyscore.Comparison`."""

_Factory = TypeVar("_Factory", bound=Callable[..., Any])


def _registered(register: Callable[..., Any]) -> Callable[[_Factory], _Factory]:
    """Register under "pyscore/<name>" wherever pyscore lies.

    inspect sets the package's name before a registered name in site-packages, but not in an editable install of a
    distribution whose name differs from the package's.
    """

    def decorate(factory: _Factory) -> _Factory:
        name = factory.__name__
        made = register(name=name)(factory)
        if "/" not in registry_info(made).name:
            made = register(name=f"pyscore/{name}")(factory)
        made.__name__, made.__doc__ = name, factory.__doc__  # inspect's wrapper of a metric has neither
        registered: _Factory = made
        return registered

    return decorate


@_registered(metric)
def mean_probability(cluster: str | None = None, confidence: float = 0.95, method: str = "auto") -> Metric:
    """The average normalised probability on the matching answers, with its standard error and interval.

    A score's value is a dict with "probability", as `pyscore_rows` gives it, or that number itself. The metric reports
    ``mean_probability`` and the same with ``_stderr``, ``_low`` and ``_high``: NaN where there is no spread to
    estimate from.

    Args:
        cluster: key of the score's metadata, else of the sample's, that names its cluster. Samples that share one are
            not independent, and standard errors are then cluster-robust. A score with None there stands alone.
        confidence: of the interval.
        method: of the interval: "auto", "t", "wilson", "bootstrap" or "bca", as in `pyscore.summarize`.

    Raises:
        ValueError: an unknown method or confidence; later, a sample without that value or without that cluster.
    """
    return _estimated(
        "mean_probability", "probability", partial(estimate_mean, scale=SHARE), cluster, Interval(confidence, method)
    )


@_registered(metric)
def preference_rate(cluster: str | None = None, confidence: float = 0.95, method: str = "auto") -> Metric:
    """The share of samples whose matching answer beats the others, from "prefers"; as `mean_probability` otherwise."""
    return _estimated("preference_rate", "prefers", estimate_rate, cluster, Interval(confidence, method))


@_registered(metric)
def coverage(cluster: str | None = None, confidence: float = 0.95, method: str = "auto") -> Metric:
    """The average probability mass of the compared answers, from "coverage"; as `mean_probability` otherwise."""
    return _estimated("coverage", "coverage", _mean_of_mass, cluster, Interval(confidence, method))


@_registered(metric)
def tie_rate(cluster: str | None = None, confidence: float = 0.95, method: str = "auto") -> Metric:
    """The share of exact ties, from "tie"; as `mean_probability` otherwise."""
    return _estimated("tie_rate", "tie", estimate_rate, cluster, Interval(confidence, method))


def _mean_of_mass(values: list[float], **options: Any) -> Estimate:
    return estimate_mean(values, scale=mass_scale(np.array(values)), **options)


def _estimated(
    name: str, key: str, estimate: Callable[..., Estimate], cluster: str | None, interval: Interval
) -> Metric:
    def compute(scores: list[SampleScore]) -> Value:
        values = [_value(score, key, name) for score in scores]
        clusters = None if cluster is None else [_cluster(score, cluster) for score in scores]
        found = (
            estimate(values, clusters=clusters, interval=interval, name=key)
            if scores  # inspect asks before the first sample is done, too
            else Estimate.without_interval(math.nan, 0, "no samples")
        )
        return {name: found.value} | {f"{name}_{part}": getattr(found, part) for part in ("stderr", "low", "high")}

    return compute


def _value(score: SampleScore, key: str, name: str) -> float:
    whole = score.score.value
    value = whole.get(key) if isinstance(whole, Mapping) else whole
    if not isinstance(value, int | float) or math.isnan(value):
        raise ValueError(
            f"the sample {score.sample_id!r} has the score {whole!r}: {name} needs a number, or a dict with {key!r}"
        )
    return float(value)


def _cluster(score: SampleScore, key: str) -> Hashable:
    own: Mapping[str, Any] = score.score.metadata or {}
    if key in own:
        return own[key] if own[key] is not None else ("sample", score.sample_id)
    cluster: Hashable = (score.sample_metadata or {}).get(key)
    if cluster is None:
        raise ValueError(
            f"the sample {score.sample_id!r} has no {key!r} in the metadata of its score or its own: "
            "give it one, or cluster=None to count samples as independent"
        )
    return cluster


@_registered(
    partial(scorer, [each(cluster="cluster") for each in (mean_probability, preference_rate, coverage, tie_rate)])
)
def pyscore_rows(
    path: str,
    *,
    dataset: str | None = None,
    model: str | None = None,
    revision: str | None = None,
    step: int | None = None,
    run_id: str | None = None,
    normalize: str = "sum",
    sets: str = "max",
    ties: str = "half",
) -> Scorer:
    """Scores that pyscore computed before: a sample's are those of the question whose id is the sample's id.

    A score's value has the entries of `VALUES`, its answer is the likeliest one, and its metadata has the question's
    cluster and group and what tells its run. The model that inspect runs plays no part.

    Args:
        path: a file of rows, as `pyscore.store.write_rows` or ``pyscore score`` wrote it.
        dataset, model, revision, step, run_id: use only rows with this value. A sample whose metadata has "dataset" is
            looked up in that data set.
        normalize, sets, ties: as in `pyscore.comparison_from_rows`.

    Raises:
        TypeError: path is not a string. ValueError: the file or an argument is refused; later, a sample that the
            file doesn't have, or has more than once.
    """
    if not isinstance(path, str):
        kind = type(path).__name__  # inspect would record a Path by its last part alone
        raise TypeError(f"path must be a string, since inspect records a scorer's arguments as text; got {kind}")
    chosen = {"dataset": dataset, "model": model, "revision": revision, "step": step, "run_id": run_id}
    stored = _StoredScores(path, chosen, normalize=normalize, sets=sets, ties=ties)

    async def score(state: TaskState, target: Target) -> Score:
        return stored.score(str(state.sample_id), dataset or state.metadata.get("dataset"))

    return score


class _StoredScores:
    """The scores of a file's questions, looked up by question id."""

    def __init__(self, path: str, chosen: Mapping[str, Any], **rule: str) -> None:
        table = _choose(read_rows(path), path, chosen)
        self._path = path
        self._comparison = comparison_from_rows(table, **rule)
        order, offsets = group(table)
        self._rows, self._offsets = table.take(order), offsets.tolist()
        self._found: dict[str, list[tuple[str | None, int]]] = {}
        firsts = self._rows.take(offsets[:-1])
        for i, (id, dataset) in enumerate(
            zip(firsts["question_id"].to_pylist(), firsts["dataset"].to_pylist(), strict=True)
        ):
            self._found.setdefault(id, []).append((dataset, i))

    def score(self, id: str, dataset: str | None) -> Score:
        named = [(name, i) for name, i in self._found.get(id, []) if dataset is None or name in (None, dataset)]
        which = f"the sample {id!r}" + (f" of the data set {dataset!r}" if dataset is not None else "")
        if not named:
            raise ValueError(
                f"{self._path} has no rows for {which}: score its question, and give the sample the question's id"
            )
        if len(named) > 1:
            raise ValueError(
                f"{self._path} has {which} {len(named)} times: choose one by dataset, model, revision, step or run_id"
            )
        return self._score(named[0][1])

    def _score(self, i: int) -> Score:
        start, end = self._offsets[i : i + 2]
        answers = self._rows.slice(start, end - start).to_pylist()
        listed = (
            f"{row['answer']!r}: {row['logprob']:.4f} nats" + (" (matching)" if row["is_matching"] else "")
            for row in answers
        )
        return Score(
            value={name: float(getattr(self._comparison, name)[i]) for name in VALUES},
            answer=answers[int(self._comparison.predicted[i])]["answer"],
            explanation="\n".join(listed),
            metadata={name: answers[0][name] for name in ("cluster", "group", *QUESTION_KEY)},
        )


def _choose(table: Any, path: str, chosen: Mapping[str, Any]) -> Any:
    """The rows with the chosen values."""
    for name, wanted in chosen.items():
        if wanted is None:
            continue
        values = table[name].to_pylist()
        if wanted not in values:
            known = ", ".join(sorted(map(repr, set(values))))
            raise ValueError(f"{path} has no rows with {name}={wanted!r}: it has {known or 'no rows'}")
        table = table.filter([value == wanted for value in values])
    return table
