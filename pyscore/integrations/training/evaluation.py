"""What one evaluation within training found, and how it changed since the last one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import isnan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pyscore.metrics import Difference, Summary, SummaryState, paired_difference
from pyscore.ops import Comparison

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Evaluation", "Measured", "Scope", "Scored", "joined", "measure", "scopes_of", "states_of"]

_HEADLINES = ("mean_probability", "preference_rate")
_BESIDE = ("mean_coverage", "tie_rate")


class Measured(NamedTuple):
    """Questions of one data set, or of all.

    Attributes:
        summary: of this evaluation.
        change: this evaluation less the last one, paired by question; None for the first one.
    """

    summary: Summary
    change: Difference | None


@dataclass(frozen=True)
class Evaluation:
    """What `Evaluator.run` returns, the same on every rank.

    Attributes:
        step: of training.
        summary: of all questions, each counting the same.
        change: this evaluation less the last one, of all questions, paired; None for the first one.
        datasets: the same for each data set, where there are several.
        n_questions: how many there are.
        seconds: how long training waited, on this rank.
        findings: how the model was scored, as the rows' metadata have it.
        rows: one an answer, on the first rank; None on the others.
        prefix: what the names that are logged begin with.
    """

    step: int
    summary: Summary
    change: Difference | None
    datasets: Mapping[str | None, Measured]
    n_questions: int
    seconds: float
    findings: Mapping[str, str]
    rows: pa.Table | None = field(default=None, repr=False, compare=False)
    prefix: str = "pyscore"

    def __str__(self) -> str:
        """Step, summary and change as they print by themselves."""
        parts = [f"step {self.step}, {self.seconds:.1f} s", str(self.summary)]
        return "\n".join([*parts, *([] if self.change is None else ["since the last evaluation", str(self.change)])])

    def to_log(self) -> dict[str, float]:
        """Names and numbers for a trainer's logger.

        Both headline numbers as "pyscore/mean_probability" and "pyscore/preference_rate", their intervals under the
        same names with "_low" and "_high", and the change since the last evaluation with "_change", "_change_low" and
        "_change_high"; "pyscore/mean_coverage", "pyscore/tie_rate" and "pyscore/seconds". Of several data sets each
        has names of its own, "pyscore/DATASET/mean_probability" and so on. What has no interval is left out.
        """
        found = dict(_named(self.prefix, Measured(self.summary, self.change)))
        for dataset, measured in self.datasets.items():
            found |= _named(f"{self.prefix}/{dataset}", measured)
        return found | {f"{self.prefix}/seconds": self.seconds}


def _named(prefix: str, measured: Measured) -> Iterator[tuple[str, float]]:
    kinds: list[tuple[str, Any]] = [("", measured.summary), ("_change", measured.change)]
    for name in _HEADLINES:
        for kind, report in kinds:
            if report is None:
                continue
            estimate = getattr(report, name)
            numbers = {"": estimate.value, "_low": estimate.low, "_high": estimate.high}
            yield from ((f"{prefix}/{name}{kind}{end}", n) for end, n in numbers.items() if not isnan(n))
    yield from ((f"{prefix}/{name}", getattr(measured.summary, name).value) for name in _BESIDE)


class Scope(NamedTuple):
    """Questions that are averaged together.

    Attributes:
        indices: of the questions among all.
        clusters: one a question, None where no two share one, or all do.
    """

    indices: list[int]
    clusters: list[Any] | None


def scopes_of(
    datasets: Sequence[str | None], clusters: Sequence[str | None], *, clustered: bool
) -> tuple[Scope, dict[str | None, Scope]]:
    """All questions, and those of each data set where there are several."""

    def scope(indices: Sequence[int]) -> Scope:
        named = [clusters[i] for i in indices if clusters[i] is not None]
        alone = len(indices) - len(named)
        shared = clustered and len(set(named)) < len(named) and len(set(named)) + alone > 1
        # The number of a question is no cluster's name, which is text.
        keys = [i if clusters[i] is None else clusters[i] for i in indices]
        return Scope(list(indices), keys if shared else None)

    found: dict[str | None, list[int]] = {}
    for i, dataset in enumerate(datasets):
        found.setdefault(dataset, []).append(i)
    several = {dataset: scope(indices) for dataset, indices in found.items()} if len(found) > 1 else {}
    return scope(range(len(datasets))), several


class Scored(NamedTuple):
    """What one rank tells the others of its questions.

    Attributes:
        indices: of its questions among all, ascending.
        comparison: of these, in order; None where it has none.
        states: one a scope.
    """

    indices: list[int]
    comparison: Comparison | None
    states: list[SummaryState]


def states_of(comparison: Comparison | None, indices: Sequence[int], scopes: Sequence[Scope]) -> list[SummaryState]:
    """A rank's part of each scope's summary."""
    found = []
    for scope in scopes:
        state = SummaryState()
        place = {question: i for i, question in enumerate(scope.indices)}
        own = [i for i, question in enumerate(indices) if question in place]
        if comparison is not None and own:
            keys = scope.clusters
            clusters = None if keys is None else [keys[place[indices[i]]] for i in own]
            state.update(_taken(comparison, own), clusters)
        found.append(state)
    return found


def joined(ranks: Sequence[Scored]) -> Comparison:
    """The comparison of all questions, in their order."""
    parts = [each for each in ranks if each.comparison is not None]
    order = np.argsort(np.concatenate([each.indices for each in parts]), kind="stable")
    values: dict[str, Any] = {
        name: np.concatenate([np.asarray(getattr(each.comparison, name)) for each in parts])[order] for name in _COLUMNS
    }
    return Comparison(**values, ties=getattr(parts[0].comparison, "ties", None))


def measure(
    scope: Scope, states: Sequence[SummaryState], now: Comparison, before: Comparison | None, confidence: float
) -> Measured:
    """A scope's summary from the states of all ranks, and its change since the last evaluation."""
    state = SummaryState()
    for each in states:
        state = state.merge(each)
    change = None
    if before is not None:
        pair = _taken(now, scope.indices), _taken(before, scope.indices)
        change = paired_difference(*pair, clusters=scope.clusters, confidence=confidence)
    return Measured(state.summarize(confidence), change)


_COLUMNS = [each.name for each in fields(Comparison) if each.name not in ("ties", "question_offsets", "is_matching")]


def _taken(comparison: Comparison, indices: Sequence[int]) -> Comparison:
    """Some questions of a comparison."""
    chosen = np.asarray(indices, dtype=np.int64)
    if len(chosen) == len(comparison) and bool((chosen == np.arange(len(chosen))).all()):
        return comparison
    values: dict[str, Any] = {name: np.asarray(getattr(comparison, name))[chosen] for name in _COLUMNS}
    return replace(comparison, **values, question_offsets=None, is_matching=None)
