"""Differences of runs with corrected p-values: which are corrected together, and what is concluded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyscore._confidence import check_confidence
from pyscore.metrics import adjust_p_values
from pyscore.metrics.core.design import Design
from pyscore.metrics.core.report import NAN, write_signature
from pyscore.metrics.differences import HEADLINES
from pyscore.metrics.many_differences import ADJUSTMENTS
from pyscore.metrics.question_values import Rule
from pyscore.ops import checks
from pyscore.results.matching import MATCHES, Matched
from pyscore.results.paired import Pairs, Scope, ScopeDesign, average, column, differences_of, scope_designs
from pyscore.results.question_scores import QuestionScores
from pyscore.results.run_differences import Equivalence, MetricDifference, RunDifference

__all__ = ["Cell", "Named", "Settings", "adjusted", "cells_of", "cells_on", "concluded"]

_WITH_MARGIN = ("mean_probability", "preference_rate")


@dataclass(frozen=True)
class Settings:
    """What a comparison was told; checked."""

    match: str
    normalize: str
    sets: str
    ties: str
    confidence: float
    clustered: bool
    correction: str
    margin: float | None

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        Rule(self.normalize, self.sets, self.ties)
        checks.check_choice(self.match, "match", MATCHES)
        checks.check_choice(self.correction, "correction", ADJUSTMENTS)
        if self.margin is None:
            return
        if not 0 < self.margin < 1:
            raise ValueError(
                f"margin must lie between 0 and 1, got {self.margin!r}: the largest difference of shares that doesn't "
                "matter (2 points are 0.02)"
            )
        if self.confidence <= 0.5:
            raise ValueError(f"confidence={self.confidence:g} leaves no level to show equivalence at: give 0.95, say")

    @property
    def alpha(self) -> float:
        return 1 - self.confidence

    def signature(self) -> str:
        rule = {name: getattr(self, name) for name in ("normalize", "sets", "ties", "match", "correction")}
        margin = None if self.margin is None else f"{self.margin:g}"
        return write_signature("compare_runs", **rule, margin=margin, interval=f"auto@{self.confidence:g}")


class Named(NamedTuple):
    """What a pair of runs is called.

    Attributes:
        run: the other run.
        against: the first run.
        template: of a study, under which template both were scored.
    """

    run: str
    against: str
    template: str | None = None


class Cell(NamedTuple):
    """One run on one scope, before p-values are corrected."""

    named: Named
    scope: Scope
    design: Design
    pairs: dict[str, Pairs]
    counts: dict[str, Any]


def cells_of(
    named: Named,
    first: QuestionScores,
    other: QuestionScores,
    matched: Matched,
    clusters: NDArray[np.int64] | None,
    confidence: float,
) -> list[Cell]:
    """The cells of two runs; ``clusters`` has the code of each matched question."""
    return cells_on(named, first, other, scope_designs(first, matched, clusters), confidence)


def cells_on(
    named: Named, first: QuestionScores, other: QuestionScores, designs: Iterable[ScopeDesign], confidence: float
) -> list[Cell]:
    """The cells of two runs on scopes whose designs are known."""
    cells = []
    for where in designs:
        pairs, design = differences_of(first, other, where, confidence), where.design
        counts: dict[str, Any] = {"one_cluster": where.one_cluster, "n_raised": 0, "n_lowered": 0}
        a, b = column(first, "prefers", where.first), column(other, "prefers", where.other)
        if a is not None and b is not None:
            counts |= {"n_raised": int(np.count_nonzero(b > a)), "n_lowered": int(np.count_nonzero(b < a))}
        for label, field in (("coverage", "coverage"), ("tie_rate", "tie")):
            for which, run, indices in (("first", first, where.first), ("other", other, where.other)):
                values = column(run, field, indices)
                counts[f"{label}_{which}"] = NAN if values is None else average(values, design)
        cells.append(Cell(named, where.scope, design, pairs, counts))
    return cells


def concluded(cells: list[Cell], settings: Settings) -> list[RunDifference]:
    """The cells with corrected p-values: those of one metric in all cells of one kind of scope belong together."""
    found: list[dict[str, Any]] = [{} for _ in cells]
    for kind in dict.fromkeys(cell.scope.kind for cell in cells):
        members = [i for i, cell in enumerate(cells) if cell.scope.kind == kind]
        for metric in HEADLINES:
            together = _corrected([cells[i].pairs[metric] for i in members], metric, settings)
            for i, difference in zip(members, together, strict=True):
                found[i][metric] = difference
    _add_ranges(cells, found)
    return [
        RunDifference(
            **cell.named._asdict(),
            scope=cell.scope.kind,
            dataset=cell.scope.dataset,
            n_datasets=len(cell.scope.datasets),
            n_questions=cell.design.sample.n,
            n_clusters=cell.design.n_clusters,
            **metrics,
            **cell.counts,
        )
        for cell, metrics in zip(cells, found, strict=True)
    ]


def _add_ranges(cells: Sequence[Cell], found: Sequence[dict[str, Any]]) -> None:
    """Say beside each difference what it is between under all templates; averages over other data sets are left out."""
    alike: dict[Any, list[int]] = {}
    for i, (named, scope, *_) in enumerate(cells):
        key = (named.run, named.against, scope.kind, scope.dataset, frozenset(scope.datasets))
        alike.setdefault(key, []).append(i)
    for members in alike.values():
        for metric in HEADLINES:
            values = [found[i][metric].difference.value for i in members]
            known = [value for value in values if not math.isnan(value)]
            if len(known) > 1:
                for i in members:
                    found[i][metric] = replace(found[i][metric], template_min=min(known), template_max=max(known))


def _corrected(pairs: list[Pairs], metric: str, settings: Settings) -> list[MetricDifference]:
    together = adjusted([each.p for each in pairs], settings.correction)
    equivalences: list[Equivalence | None] = [None] * len(pairs)
    if settings.margin is not None and metric in _WITH_MARGIN:
        tests = [each.equivalence(settings.margin, settings.alpha) for each in pairs]
        corrected = adjusted([p for p, _ in tests], settings.correction)
        equivalences = [
            Equivalence(settings.margin, p, q, interval.low, interval.high, q <= settings.alpha)
            for (p, interval), q in zip(tests, corrected, strict=True)
        ]
    return [
        MetricDifference(each.first, each.other, each.estimate, each.p, q, equal, _verdict(each, q, equal, settings))
        for each, q, equal in zip(pairs, together, equivalences, strict=True)
    ]


def adjusted(p_values: list[float], method: str) -> list[float]:
    """The p-values, corrected for how many of them there are; a NaN is no test and stays one."""
    tested = {str(i): p for i, p in enumerate(p_values) if not math.isnan(p)}
    found = adjust_p_values(tested, method) if tested else {}
    return [found.get(str(i), NAN) for i in range(len(p_values))]


def _verdict(pairs: Pairs, adjusted_p: float, equivalence: Equivalence | None, settings: Settings) -> str:
    if math.isnan(adjusted_p):
        return "no verdict"
    told = []
    if adjusted_p <= settings.alpha:
        told.append("higher" if pairs.estimate.value > 0 else "lower")
    if equivalence is not None and equivalence.shown:
        told.append("equivalent")
    return ", ".join(told) or "not shown"
