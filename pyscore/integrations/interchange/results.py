"""What is exchanged: one number of one data set with its interval, and a run's numbers with their conditions."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from pyscore.metrics import Estimate
from pyscore.results import RowsSummary

__all__ = ["HEADLINES", "Details", "Result", "RunResults", "number", "run_results"]

HEADLINES = ("mean_probability", "preference_rate")
"""The metrics that are written."""


@dataclass(frozen=True)
class Result:
    """One number, ours or one that others published.

    Attributes:
        model: whose number it is; None where a file doesn't say.
        dataset: of what.
        metric: the metric's name in its file.
        value: the number, in the file's unit.
        stderr, low, high, confidence: its standard error and interval, None where there is none.
        n: how many questions it rests on, None where that isn't told.
        n_clusters, reason: how many clusters the questions are in, and why there is no interval; not read back.
    """

    model: str | None
    dataset: str
    metric: str
    value: float
    stderr: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    n: int | None = None
    n_clusters: int | None = field(default=None, compare=False)
    reason: str = field(default="", compare=False)


@dataclass(frozen=True)
class RunResults:
    """Both headline numbers of one model on every data set, and how they came about.

    Attributes:
        model, revision, step: which model.
        results: a data set's numbers stand together.
        conditions: what the rows say of how they were scored: "template", "dtype", "pyscore_version" ...
        comparison: how answers were compared: "normalize", "sets", "ties".
        signature: how the numbers were made, as `pyscore.Summary` has it.
    """

    model: str
    revision: str | None
    step: int | None
    results: Sequence[Result]
    conditions: Mapping[str, str]
    comparison: Mapping[str, str]
    signature: str

    def by_dataset(self) -> dict[str, list[Result]]:
        """The results of each data set."""
        found: dict[str, list[Result]] = {}
        for result in self.results:
            found.setdefault(result.dataset, []).append(result)
        return found


class Details:
    """What the caller says that rows don't: each is asked for once, and what nobody asked for is refused."""

    def __init__(self, given: Mapping[str, str], format: str) -> None:
        self._given, self._format = dict(given), format
        self._asked: dict[str, None] = {}

    def required(self, name: str, meaning: str) -> str:
        """The detail of that name; ValueError where it isn't given, with what it means."""
        found = self.optional(name)
        if not found:
            raise ValueError(f"{self._format} needs {name}, {meaning}: give it (--detail {name}=...)")
        return found

    def optional(self, name: str) -> str | None:
        """The detail of that name, None where it isn't given."""
        self._asked[name] = None
        return self._given.get(name)

    def one_of(self, name: str, allowed: Sequence[str], default: str | None = None) -> str:
        """The detail of that name, which must be one of these; required where there is no default."""
        listed = ", ".join(allowed)
        found = self.required(name, f"one of {listed}") if default is None else self.optional(name) or default
        if found not in allowed:
            raise ValueError(f"{name} must be one of {listed}, got {found!r}")
        return found

    def check_all_asked(self) -> None:
        """Raise ValueError where something was given that this format has no place for."""
        for name in self._given:
            if name not in self._asked:
                raise ValueError(f"{self._format} has no place for {name!r}: its details are {', '.join(self._asked)}")


def run_results(
    summaries: Sequence[RowsSummary], *, metadata: Mapping[str, str], comparison: Mapping[str, str]
) -> RunResults:
    """What `summarize_rows` found, for writing; averages over data sets are left out, for readers make their own.

    Args:
        summaries: of one model, each data set once.
        metadata: the rows' (`pyscore.store.metadata_of`).
        comparison: the arguments "normalize", "sets" and "ties" that the summaries were made with.

    Raises:
        ValueError: several models, a data set that was scored twice or has no name, or a value that is no number.
    """
    models = list(dict.fromkeys((s.model, s.revision, s.step) for s in summaries))
    if len(models) != 1:
        named = ", ".join(" ".join(str(part) for part in key if part is not None) for key in models[:5]) or "none"
        raise ValueError(f"a file of results is of one model, and these rows are of {named}: write one file for each")
    own = [s for s in summaries if s.scope == "dataset"]
    seen: set[str] = set()
    for s in own:
        if s.dataset is None:
            raise ValueError("the rows name no data set, and results are of one: score with a name (dataset=)")
        if s.dataset in seen:
            raise ValueError(f"the data set {s.dataset!r} was scored by several runs: write one file for each run")
        seen.add(s.dataset)
    (model, revision, step), results = models[0], [each for s in own for each in _results(s)]
    return RunResults(model, revision, step, results, dict(metadata), dict(comparison), own[0].summary.signature)


def _results(s: RowsSummary) -> Iterator[Result]:
    for metric in HEADLINES:
        found: Estimate = getattr(s.summary, metric)
        ends = getattr(found, "value_low", None), getattr(found, "value_high", None)
        if ends != (None, None):
            raise ValueError(
                f"{metric} of {s.dataset!r} is known between {ends[0]:.4g} and {ends[1]:.4g} alone, and these "
                "formats have one value: score with a source that gives every log-probability (docs/bounds.md)"
            )
        if not isfinite(found.value):
            raise ValueError(f"{metric} of {s.dataset!r} is {found.value}: only numbers can be written")
        # A standard error of infinity and its endless interval say as little as none.
        stderr, low, high = (float(x) if isfinite(x) else None for x in (found.stderr, found.low, found.high))
        yield Result(
            model=s.model,
            dataset=s.dataset or "",
            metric=metric,
            value=float(found.value),
            stderr=stderr,
            low=low if high is not None else None,
            high=high if low is not None else None,
            confidence=None if low is None or high is None else s.summary.confidence,
            n=found.n,
            n_clusters=s.summary.n_clusters,
            reason=found.reason,
        )


def number(value: Any, where: str) -> float:
    """A finite number of a file, or ValueError that says where it stands."""
    try:
        found = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
    except OverflowError:
        found = float("inf")
    if not isfinite(found):
        raise ValueError(f"{where} must be a finite number, found {reprlib.repr(value)}")
    return found
