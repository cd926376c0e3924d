"""Two models, checkpoints or prompts, on the same questions or on their own: differences, and whether they matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Floats, Keys, cluster_means, pair_differences
from pyscore.metrics.core.columns import METRICS, Columns, read_columns
from pyscore.metrics.core.design import Design, read_design
from pyscore.metrics.core.independent import IndependentMeans
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.mean_intervals import Mean, mean_of
from pyscore.metrics.core.means import infinite_pairs
from pyscore.metrics.core.readers import check_same_length, read_values, refuse
from pyscore.metrics.core.report import NAN, Estimate, Headlines, Report, in_clusters, write_signature
from pyscore.metrics.core.scales import (
    RATE,
    RATE_DIFFERENCE,
    REAL,
    SHARE,
    SHARE_DIFFERENCE,
    Scale,
    difference_scale,
)
from pyscore.ops import Comparison, checks

__all__ = ["Difference", "equivalence", "paired_difference", "sign_test", "unpaired_difference"]

HEADLINES = ("mean_probability", "preference_rate", "mean_log_odds")
_PAIRED = dict(zip(HEADLINES, (SHARE_DIFFERENCE, RATE_DIFFERENCE, REAL), strict=True))
_SINGLE = dict(zip(HEADLINES, (SHARE, RATE, REAL), strict=True))
_ASKED = {"both": "within ± {:g}", "not_lower": "above -{:g}", "not_higher": "below {:g}"}
SIDES = tuple(_ASKED)


@dataclass(frozen=True)
class Difference(Headlines):
    """The mean of a - b, as returned by `paired_difference` and `unpaired_difference`.

    Attributes:
        mean_probability: difference of the average normalised probabilities.
        preference_rate: difference of the preference rates.
        mean_log_odds: difference of the average log odds, nats.
        p_values: name of each of these -> the two-sided p-value of "the difference is 0", by the statistic that its
            interval is made of: at most alpha exactly where the interval of confidence 1 - alpha leaves out 0. NaN
            where there is no interval.
        sign_test: two-sided p-value of the sign test on the paired differences of probability; equal pairs are left
            out. It asks whether as many questions rise as fall, which is another question than that of the mean.
        wilcoxon: two-sided p-value of Wilcoxon's signed-rank test on them: are they symmetric around 0? A skewed
            difference of mean 0 is not.
        n_questions: how many pairs; of an unpaired difference, how many questions of a and b together.
        n_clusters: how many clusters, or None where none were given.
        confidence: of every interval.
        signature: how the numbers were made: metric, interval, version.
    """

    mean_probability: Estimate
    preference_rate: Estimate
    mean_log_odds: Estimate
    p_values: Mapping[str, float]
    sign_test: float
    wilcoxon: float
    n_questions: int
    n_clusters: int | None
    confidence: float
    signature: str

    @property
    def paired(self) -> bool:
        return "unpaired" not in self.signature

    def _report(self) -> Report:
        pairs = "paired" if self.paired else "unpaired"
        title = f"{self.n_questions} {pairs} questions{in_clusters(self.n_clusters)}, a - b"
        numbers = {f"p_{name}": p for name, p in self.p_values.items()}
        if self.paired:
            numbers |= {"sign_test_p": self.sign_test, "wilcoxon_p": self.wilcoxon}
        return Report(title, self._estimates(), self.signature, self.confidence, numbers)


def paired_difference(a: Comparison, b: Comparison, *, clusters: Keys = None, confidence: float = 0.95) -> Difference:
    """Compare two scorings of the same questions, in the same order, on d_i = a_i - b_i.

    The interval of log odds is Student's t on the mean of d, of probabilities the wider of that and bounds for skewed
    values in [-1, 1], of preference rates Tango's score interval (Tango 1998, "Equivalence Test and Confidence Interval
    for the Difference in Proportions for the Paired-Sample Design"), whose test is McNemar's. With clusters the former
    take the leave-one-cluster-out variance and t(K - 1), as `estimate_mean`; the latter is on as many independent
    questions as say as much, as `estimate_rate`. Sign test and Wilcoxon's run on the differences of probability, with
    clusters on each cluster's mean difference. Where 1 or 2 % of questions change by nearly 1 and the others hardly,
    100 to 500 questions can miss them all, and the interval of probabilities is then too narrow (docs/coverage.md).

    Raises:
        ValueError: the lengths differ, a comparison is empty or holds a NaN, or a cluster is missing.
    """
    interval = Interval(confidence)
    first, second = read_columns(a, "a"), read_columns(b, "b")
    check_same_length("questions", a=first, b=second)
    design = read_design(len(first), clusters)
    results = {name: _paired(*_column(name, first, second), _PAIRED[name], design, interval) for name in HEADLINES}
    tested = cluster_means(
        pair_differences(first.probability, second.probability), design.codes if design.clustered else None
    )
    return Difference(
        **{name: estimate for name, (estimate, _) in results.items()},
        p_values={name: p for name, (_, p) in results.items()},
        sign_test=sign_test(tested),
        wilcoxon=_wilcoxon(tested),
        n_questions=len(first),
        n_clusters=design.n_clusters,
        confidence=confidence,
        signature=write_signature("paired_difference", **interval.settings()),
    )


def unpaired_difference(
    a: Comparison,
    b: Comparison,
    *,
    clusters_a: Keys = None,
    clusters_b: Keys = None,
    confidence: float = 0.95,
) -> Difference:
    """Compare scorings of two independent sets of questions: mean of a minus mean of b.

    Rates and means in [0, 1]: the two intervals [l, u] of `summarize` joined, a - b - √((a - l_a)² + (u_b - b)²) and so
    on: Newcombe 1998, "Interval Estimation for the Difference between Independent Proportions", method 10, for rates;
    Zou & Donner 2008, "Construction of Confidence Limits about Effect Measures", for any. Log odds: Welch's t, with the
    leave-one-cluster-out variances and Satterthwaite's degrees of freedom from K_a - 1 and K_b - 1. p-values invert the
    intervals.

    Args:
        a, b: comparisons of different questions. No question may be in both: those belong into `paired_difference`.
        clusters_a, clusters_b: one hashable key a question of each. A key means nothing beyond its own side: clusters
            that reach over both sides make them dependent, and no interval here knows that.
        confidence: of the intervals.

    Raises:
        ValueError: a comparison is empty or holds a NaN, or a cluster is missing.
    """
    interval = Interval(confidence)
    first, second = read_columns(a, "a"), read_columns(b, "b")
    designs = read_design(len(first), clusters_a), read_design(len(second), clusters_b)
    results = {}
    for name in HEADLINES:
        x, y = _column(name, first, second)
        results[name] = _unpaired(x, y, _SINGLE[name], designs, interval)
    given = [design.n_clusters for design in designs if design.clustered]
    return Difference(
        **{name: estimate for name, (estimate, _) in results.items()},
        p_values={name: p for name, (_, p) in results.items()},
        sign_test=NAN,
        wilcoxon=NAN,
        n_questions=len(first) + len(second),
        n_clusters=sum(n for n in given if n) if given else None,
        confidence=confidence,
        signature=write_signature("unpaired_difference", **interval.settings()),
    )


def sign_test(differences: Floats) -> float:
    """The two-sided binomial p-value of how many differences are positive; those that are 0 are left out."""
    from scipy.stats import binomtest

    moved = differences[differences != 0]
    return float(binomtest(int(np.count_nonzero(moved > 0)), len(moved)).pvalue) if len(moved) else 1.0


def _wilcoxon(differences: Floats) -> float:
    from scipy.stats import wilcoxon

    moved = differences[differences != 0]
    return float(wilcoxon(moved).pvalue) if len(moved) else 1.0


def equivalence(
    a: Comparison | Any,
    b: Comparison | Any,
    *,
    margin: float,
    metric: str = "mean_probability",
    side: str = "both",
    paired: bool = True,
    clusters: Keys = None,
    clusters_b: Keys = None,
    alpha: float = 0.05,
) -> Report:
    """Is a - b too small to matter? Two one-sided tests: is it above -margin, and is it below margin?

    Each test has level ``alpha``, and so has their conjunction: the verdict is "equivalent" exactly where the interval
    of confidence 1 - 2 alpha, which is shown, lies within ± margin (Schuirmann 1987, "A Comparison of the Two One-Sided
    Tests Procedure and the Power Approach for Assessing the Equivalence of Average Bioavailability"). "no worse than
    the last checkpoint" is one of the two tests. No verdict is no proof of the contrary: the questions may be too few.

    Args:
        a, b: two `Comparison`s, or ``[n]`` numbers each; of the same questions in the same order if ``paired``.
        margin: above 0, in the unit of the metric; to be chosen before looking.
        metric: of comparisons: "mean_probability", "preference_rate" or "mean_log_odds".
        side: "both"; "not_lower", only whether a - b > -margin (non-inferiority of a, where more is better);
            "not_higher", only whether a - b < margin.
        paired: the same questions; else two independent sets, as in `unpaired_difference`.
        clusters: one hashable key a question, of a where unpaired; ``clusters_b``: of b's questions where unpaired.
        alpha: the level.

    Returns:
        Report with ``difference``; in ``numbers`` the margin and ``p_not_lower``, ``p_not_higher``, ``p``, the one that
        decides; in ``rows`` the verdict.

    Raises:
        ValueError: a margin that isn't above 0, an unknown metric or side, lengths that differ, a NaN.
    """
    checks.check_choice(side, "side", SIDES)
    if not isinstance(margin, Real) or not 0 < float(margin) < np.inf:
        raise ValueError(
            f"margin must be finite and above 0, got {margin!r}: the largest difference that doesn't matter"
        )
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must lie between 0 and 0.5, got {alpha!r} (5 % is 0.05)")
    if clusters_b is not None and paired:
        raise ValueError("clusters_b goes with paired=False: pairs have one cluster each, give it as clusters")
    (x, y), (paired_scale, single_scale) = _values(a, b, metric)
    if paired_scale != REAL and margin >= 1:
        raise ValueError(f"margin = {margin:g} is no difference of shares: 2 points are 0.02")
    if paired:
        check_same_length("questions", a=x, b=y)
        design = read_design(len(x), clusters)
        mean: Mean | IndependentMeans = mean_of(pair_differences(x, y), paired_scale, design)
    else:
        first, second = read_design(len(x), clusters), read_design(len(y), clusters_b)
        mean = IndependentMeans(mean_of(x, single_scale, first), mean_of(y, single_scale, second))
    estimate = mean.estimate(Interval(1 - 2 * alpha))
    p_lower, p_higher = (NAN, NAN) if estimate.reason else (mean.tails(-margin)[0], mean.tails(margin)[1])
    p = {"both": max(p_lower, p_higher), "not_lower": p_lower, "not_higher": p_higher}[side]
    shown = {"both": "equivalent", "not_lower": "not lower", "not_higher": "not higher"}[side]
    verdict = f"no verdict: {estimate.reason}" if estimate.reason else shown if p <= alpha else "not shown"
    n = f"{len(x)} paired questions" if paired else f"{len(x)} and {len(y)} questions"
    return Report.of(
        "equivalence",
        Interval(1 - 2 * alpha),
        title=f"{verdict}: is a - b {_ASKED[side].format(margin)}? {n}",
        estimates={"difference": estimate},
        numbers={"margin": margin, "p_not_lower": p_lower, "p_not_higher": p_higher, "p": p},
        rows=[{"verdict": verdict, "side": side, "margin": margin, "alpha": alpha}],
        of=metric if isinstance(a, Comparison) else None,
        side=side,
        margin=f"{margin:g}",
        alpha=f"{alpha:g}",
        paired=paired,
    )


def _values(a: Any, b: Any, metric: str) -> tuple[tuple[Floats, Floats], tuple[Scale, Scale]]:
    """One finite number a question of a and of b, the scale of their difference, and their own."""
    if isinstance(a, Comparison) and isinstance(b, Comparison):
        checks.check_choice(metric, "metric", HEADLINES)
        x, y = _column(metric, read_columns(a, "a"), read_columns(b, "b"))
        scales = _PAIRED[metric], _SINGLE[metric]
    else:
        x, y = read_values(a, "a"), read_values(b, "b")
        of_pairs = difference_scale(x, y)
        scales = of_pairs, {RATE_DIFFERENCE: RATE, SHARE_DIFFERENCE: SHARE}.get(of_pairs, REAL)
    for name, values in (("a", x), ("b", y)):
        refuse(name, values, np.isinf(values), "= {}: equivalence needs finite values; leave that question out")
    return (x, y), scales


def _column(name: str, a: Columns, b: Columns) -> tuple[Floats, Floats]:
    i = list(METRICS).index(name)
    return a.scores[:, i], b.scores[:, i]


def _paired(a: Floats, b: Floats, scale: Scale, design: Design, interval: Interval) -> tuple[Estimate, float]:
    """The estimate of the mean of a - b, and its p-value."""
    infinite = infinite_pairs(a, b)
    if infinite is not None:
        return infinite, NAN
    mean = mean_of(pair_differences(a, b), scale, design)
    return mean.estimate(interval), mean.p_value()


def _unpaired(
    a: Floats, b: Floats, scale: Scale, designs: tuple[Design, Design], interval: Interval
) -> tuple[Estimate, float]:
    infinite = int(np.isinf(a).sum() + np.isinf(b).sum())
    if infinite:
        with np.errstate(invalid="ignore"):  # A difference of infinities is NaN, as it isn't defined.
            value = float(a.mean() - b.mean())
        return Estimate.without_interval(value, len(a) + len(b), f"{infinite} infinite values"), NAN
    means = IndependentMeans(mean_of(a, scale, designs[0]), mean_of(b, scale, designs[1]))
    return means.estimate(interval), means.p_value()
