"""From one value a question to an estimate: means, rates, ratios and paired differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Floats, Keys, Mask, cluster_means, cluster_sums, pair_differences, take
from pyscore.metrics.core.bootstrap import bootstrap_estimate, bootstrap_means
from pyscore.metrics.core.design import Design, leave_one_out, read_design
from pyscore.metrics.core.intervals import Interval, check_interval
from pyscore.metrics.core.mean_intervals import means_of
from pyscore.metrics.core.readers import check_same_length, cluster_codes, read_shares, read_values, refuse
from pyscore.metrics.core.report import NAN, Estimate
from pyscore.metrics.core.scales import RATE, REAL, ROUNDING, Scale

__all__ = [
    "Averages",
    "estimate_columns",
    "estimate_difference",
    "estimate_mean",
    "estimate_rate",
    "estimate_ratio",
    "infinite_mean",
    "infinite_pairs",
]


def estimate_mean(
    values: Any,
    *,
    clusters: Keys = None,
    weights: Any = None,
    interval: Interval = Interval(),
    scale: Scale = REAL,
    name: str = "values",
) -> Estimate:
    """The mean of one value a question: Σ w s / Σ w, with its leave-one-cluster-out standard error.

    se² = (C - 1)/C · Σ_c (s̄_(c) - s̄)² over clusters or, without any, over questions, where s̄_(c) leaves cluster c out
    (Bell & McCaffrey 2002; MacKinnon, Nielsen & Webb 2023). With clusters of equal weight that is Miller 2024,
    "Adding Error Bars to Evals", App. A, times C/(C - 1); without clusters and weights sd²/n. The interval is Student's
    t with K - 1 degrees of freedom, K Kish's effective number of clusters (Carter, Schnepel & Steigerwald 2017), within
    the range of the scale; or a bootstrap of whole clusters.

    Args:
        values: ``[n]`` floats or bools: torch, NumPy, DLPack or a sequence. Infinite values make the mean infinite.
        clusters: one hashable key a question; questions that share a key are not independent.
        weights: one non-negative number a question; a question of weight 0 is left out.
        interval: confidence, method and the rest.
        scale: what the values can be; with `SHARE`, [0, 1], the interval is the wider of t and `beta_bounds`.
        name: what errors call the values.

    Raises:
        ValueError: no values, a NaN with its row, a value outside the scale, lengths that differ.
    """
    s = read_values(values, name)
    margin = ROUNDING * (scale.high - scale.low if math.isfinite(scale.high - scale.low) else 1.0)
    outside = (s < scale.low - margin) | (s > scale.high + margin)
    refuse(name, s, outside, f"= {{}} is outside [{scale.low:g}, {scale.high:g}]")
    return _average(s, read_design(len(s), clusters, weights), interval, scale)


def estimate_rate(
    values: Any, *, clusters: Keys = None, weights: Any = None, interval: Interval = Interval(), name: str = "values"
) -> Estimate:
    """The share of questions for which something holds: the mean of values in [0, 1], with Wilson's score interval.

    With clusters or weights it is Wilson's on an effective sample size (`effective_trials` in intervals.py). Arguments
    and errors as in `estimate_mean`; a value outside of [0, 1] is refused with its row.
    """
    s = read_shares(values, name)
    return _average(s, read_design(len(s), clusters, weights), interval, RATE)


def estimate_ratio(
    numerator: Any, denominator: Any, *, clusters: Keys = None, interval: Interval = Interval(), scale: Scale = REAL
) -> Estimate:
    """Σ numerator / Σ denominator over questions, as for bits per byte, with its leave-one-out standard error.

    It is the mean of the questions' ratios weighted by their denominators, and so is its error (linearised as in
    Cochran 1977, "Sampling Techniques", ch. 6, and divided by what is left without the unit). A question whose
    denominator is 0 is left out. ``scale`` says what a question's ratio can be.
    """
    top, bottom = read_values(numerator, "numerator"), read_values(denominator, "denominator")
    check_same_length("questions", numerator=top, denominator=bottom)
    refuse("denominator", bottom, ~np.isfinite(bottom) | (bottom < 0), "= {}: it must be finite and not negative")
    if not bottom.any():
        raise ValueError("denominator is 0 everywhere: there is no ratio")
    ratios = np.divide(top, bottom, out=np.zeros_like(top), where=bottom != 0)
    return estimate_mean(
        ratios, clusters=clusters, weights=bottom, interval=interval, scale=scale, name="numerator / denominator"
    )


def estimate_difference(
    a: Any, b: Any, *, clusters: Keys = None, interval: Interval = Interval(), scale: Scale = REAL
) -> Estimate:
    """The mean of a_i - b_i over questions that were scored twice, in the same order: a paired difference.

    ``scale`` says what a difference can be: of two rates `RATE_DIFFERENCE`, with Tango's interval.
    """
    first, second = read_values(a, "a"), read_values(b, "b")
    check_same_length("questions", a=first, b=second)
    infinite = infinite_pairs(first, second)
    if infinite is not None:
        return infinite
    return estimate_mean(
        pair_differences(first, second), clusters=clusters, interval=interval, scale=scale, name="a - b"
    )


def infinite_pairs(a: Floats, b: Floats) -> Estimate | None:
    """What can be said of the mean of a - b where some of them are infinite: no interval. None where all are finite."""
    infinite = np.isinf(a) | np.isinf(b)
    if not infinite.any():
        return None
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, as no difference is defined.
        value = float((a - b).mean())
    return Estimate.without_interval(value, len(a), f"{np.count_nonzero(infinite)} infinite pairs")


class Averages:
    """Estimates over the same questions: all with the same clusters, as ``codes``, and the same kind of interval.

    With a mask ``among`` an estimate is over the questions where it is true; where it is true of none, the estimate is
    NaN with the reason ``otherwise``. All else is as in `estimate_mean`, `estimate_rate`, `estimate_difference` and
    `estimate_ratio`.
    """

    def __init__(self, n: int, clusters: Keys, interval: Interval) -> None:
        self.codes = cluster_codes(clusters, n)
        self.interval = check_interval(interval)

    @property
    def n_clusters(self) -> int | None:
        return None if self.codes is None else int(self.codes.max()) + 1

    def mean(self, values: Any, among: Mask | None = None, otherwise: str = "", **options: Any) -> Estimate:
        return self._over(estimate_mean, (values,), among, otherwise, options)

    def rate(self, values: Any, among: Mask | None = None, otherwise: str = "", **options: Any) -> Estimate:
        return self._over(estimate_rate, (values,), among, otherwise, options)

    def difference(self, a: Any, b: Any, among: Mask | None = None, otherwise: str = "", **options: Any) -> Estimate:
        return self._over(estimate_difference, (a, b), among, otherwise, options)

    def ratio(self, numerator: Any, denominator: Any, **options: Any) -> Estimate:
        return estimate_ratio(numerator, denominator, clusters=self.codes, interval=self.interval, **options)

    def of_units(self, values: Floats) -> Floats:
        """`cluster_means` over these clusters."""
        return cluster_means(values, self.codes)

    def _over(
        self,
        estimate: Callable[..., Estimate],
        columns: tuple[Any, ...],
        among: Mask | None,
        otherwise: str,
        options: dict[str, Any],
    ) -> Estimate:
        codes = self.codes
        if among is not None:
            if not among.any():
                return Estimate.without_interval(NAN, 0, otherwise)
            columns, codes = tuple(column[among] for column in columns), take(codes, among)
        return estimate(*columns, clusters=codes, interval=self.interval, **options)


def _average(s: Floats, design: Design, interval: Interval, scale: Scale) -> Estimate:
    s = s[design.kept]
    if np.isinf(s).any():
        return infinite_mean((int(np.sum(s == np.inf)), int(np.sum(s == -np.inf))), len(s), "values")
    return estimate_columns(s[:, None], [scale], design, interval)[0]


def estimate_columns(values: Floats, scales: Sequence[Scale], design: Design, interval: Interval) -> list[Estimate]:
    """An estimate a column of finite ``values [n, K]``; ``scales`` says what each column's values can be."""
    means = means_of(values, scales, design, interval.ddof)
    if not interval.resamples or design.sample.reason():
        return [mean.estimate(interval) for mean in means]
    w, sample = design.weights, design.sample
    unit_weights = cluster_sums(w, design.codes, sample.units)
    sums = cluster_sums(w[:, None] * (values - [mean.value for mean in means]), design.codes, sample.units)
    drawn = bootstrap_means(sums, unit_weights, interval.n_resamples, interval.seed)
    left_out = leave_one_out(values, design) if interval.method == "bca" else None
    return [
        bootstrap_estimate(
            mean.value, drawn[:, i], sample, interval.confidence, None if left_out is None else left_out[:, i]
        )
        if mean.variance
        else Estimate.without_interval(
            mean.value, sample.n, f"every {sample.unit} has the same mean: every resample is the same"
        )
        for i, mean in enumerate(means)
    ]


def infinite_mean(infinite: tuple[int, int], n: int, what: str) -> Estimate:
    """The mean of values of which some are +inf and some -inf: ±inf, or NaN where both signs occur."""
    positive, negative = infinite
    value = np.inf if not negative else -np.inf if not positive else np.nan
    return Estimate.without_interval(float(value), n, f"{positive + negative} infinite {what}")
