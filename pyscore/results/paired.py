"""Paired differences of two runs, for each data set and averaged over data sets, before p-values are corrected."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Floats, pair_differences
from pyscore.metrics.core.columns import METRICS
from pyscore.metrics.core.design import Design, read_design
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.mean_intervals import Mean, mean_of
from pyscore.metrics.core.means import infinite_pairs
from pyscore.metrics.core.report import NAN, Estimate
from pyscore.metrics.core.scales import RATE_DIFFERENCE, REAL, SHARE_DIFFERENCE
from pyscore.metrics.differences import HEADLINES
from pyscore.results.matching import Matched
from pyscore.results.question_scores import QuestionScores, joint_codes

__all__ = [
    "Pairs",
    "Scope",
    "ScopeDesign",
    "average",
    "column",
    "differences_of",
    "mean_difference",
    "scope_designs",
    "scopes_of",
]

_SCALES = {
    **dict.fromkeys(("mean_probability", "mean_probability_raw", "mean_coverage"), SHARE_DIFFERENCE),
    **dict.fromkeys(("preference_rate", "tie_rate"), RATE_DIFFERENCE),
    "mean_log_odds": REAL,
}


@dataclass(frozen=True)
class Scope:
    """Which of the matched questions a difference is of.

    Attributes:
        kind: "dataset", "pooled" (all questions count the same) or "macro" (all data sets count the same).
        dataset: the data set's name; None for an average, and for questions that name none.
        datasets: the names of all data sets that it is of.
        questions: indices of matched questions.
        weights: of the questions; None where all count the same.
    """

    kind: str
    dataset: str | None
    datasets: tuple[str | None, ...]
    questions: NDArray[np.int64]
    weights: Floats | None = None


@dataclass(frozen=True)
class ScopeDesign:
    """A scope with all that doesn't depend on scores: one serves any two runs that hold these questions in this order.

    Attributes:
        scope: the scope.
        design: of its questions.
        one_cluster: they share one cluster, so the design counts them as independent.
        first, other: ``[n]``, where its questions stand in each run.
    """

    scope: Scope
    design: Design
    one_cluster: bool
    first: NDArray[np.int64]
    other: NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """One metric on the questions of a scope.

    Attributes:
        first, other: its mean in each run; NaN where a run doesn't know the metric.
        estimate: of the mean of other - first.
        p: the two-sided p-value of "the difference is 0", by the statistic that the interval is made of.
        mean: what intervals and tests of other confidence are made of; None where there is no interval.
    """

    first: float
    other: float
    estimate: Estimate
    p: float
    mean: Mean | None

    def equivalence(self, margin: float, alpha: float) -> tuple[float, Estimate]:
        """`pyscore.metrics.equivalence`: the p-value of the two one-sided tests, and the interval 1 - 2 alpha."""
        if self.mean is None:
            return NAN, self.estimate
        return max(self.mean.tails(-margin)[0], self.mean.tails(margin)[1]), self.mean.estimate(Interval(1 - 2 * alpha))


def scopes_of(first: QuestionScores, matched: Matched) -> Iterator[Scope]:
    """Every data set in the order of its first question; where there are several, their pooled and macro average.

    The macro average weights questions by one over the number of questions of their data set, as `summarize_rows`.
    """
    names = first.datasets.take(matched.first)
    (code,) = joint_codes((names,))
    counts = np.bincount(code)
    by_dataset = np.split(np.argsort(code, kind="stable"), np.cumsum(counts)[:-1])
    by_dataset.sort(key=lambda questions: int(questions[0]))
    datasets = tuple(names[int(questions[0])].as_py() for questions in by_dataset)
    for name, questions in zip(datasets, by_dataset, strict=True):
        yield Scope("dataset", name, (name,), questions)
    if len(by_dataset) > 1:
        every = np.arange(len(code))
        yield Scope("pooled", None, datasets, every)
        yield Scope("macro", None, datasets, every, 1.0 / counts[code])


def scope_designs(first: QuestionScores, matched: Matched, clusters: NDArray[np.int64] | None) -> Iterator[ScopeDesign]:
    """The scopes of matched questions with their designs; ``clusters`` has the code of each matched question."""
    for scope in scopes_of(first, matched):
        own = None if clusters is None else clusters[scope.questions]
        one = own is not None and bool((own == own[0]).all())
        design = read_design(len(scope.questions), None if one else own, scope.weights)
        yield ScopeDesign(scope, design, one, matched.first[scope.questions], matched.other[scope.questions])


def differences_of(
    first: QuestionScores, other: QuestionScores, where: ScopeDesign, confidence: float
) -> dict[str, Pairs]:
    """The three headline differences on a scope, by name.

    They are those of `paired_difference` (other, first); where questions have weights, weighted means with the same
    kinds of intervals, linearised variances and the effective number of units.
    """
    return {name: _pairs(name, first, other, where, confidence) for name in HEADLINES}


def _pairs(name: str, first: QuestionScores, other: QuestionScores, where: ScopeDesign, confidence: float) -> Pairs:
    field, design = METRICS[name], where.design
    a, b = column(first, field, where.first), column(other, field, where.other)
    means = {
        "first": NAN if a is None else average(a, design),
        "other": NAN if b is None else average(b, design),
    }
    if a is None or b is None:
        reason = f"one run knows no {field.replace('_', ' ')}"
        unknown = Estimate.without_interval(NAN, len(where.first), reason)
        return Pairs(**means, estimate=unknown, p=NAN, mean=None)
    infinite = infinite_pairs(b, a)
    if infinite is not None:
        return Pairs(**means, estimate=infinite, p=NAN, mean=None)
    mean = mean_difference(name, a, b, design)
    estimate = mean.estimate(Interval(confidence))
    return Pairs(**means, estimate=estimate, p=mean.p_value(), mean=None if estimate.reason else mean)


def mean_difference(metric: str, first: Floats, other: Floats, design: Design) -> Mean:
    """The mean of other - first over the questions of a design: what every difference of two runs is made of.

    Args:
        metric: whose values these are.
        first, other: ``[n]``, finite on the same questions.
        design: of the questions.
    """
    return mean_of(pair_differences(other, first), _SCALES[metric], design)


def average(values: Floats, design: Design) -> float:
    """The weighted mean; infinite where values are, NaN where they are infinite on both sides."""
    infinite = values[np.isinf(values)]
    if len(infinite):
        return math.nan if infinite.min() < infinite.max() else float(infinite[0])
    return float(design.means(values[:, None])[0])


def column(scores: QuestionScores, field: str, indices: NDArray[np.int64]) -> Floats | None:
    """A run's values of some questions; None where it doesn't know them."""
    return scores.value(field)[indices] if field in scores.values else None
