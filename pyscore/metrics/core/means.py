"""From one value a question to an estimate: means, rates, ratios and paired differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Floats, Keys, Mask, cluster_sums, take
from pyscore.metrics.core.bootstrap import bootstrap_estimate, bootstrap_means
from pyscore.metrics.core.design import Design, Sample, read_design
from pyscore.metrics.core.intervals import (
    Interval,
    check_interval,
    clustered_size,
    t_interval,
    wilson_interval,
    z_quantile,
)
from pyscore.metrics.core.readers import check_same_length, cluster_codes, read_shares, read_values
from pyscore.metrics.core.report import NAN, Estimate

__all__ = [
    "Averages",
    "estimate_columns",
    "estimate_difference",
    "estimate_mean",
    "estimate_rate",
    "estimate_ratio",
    "from_stderr",
    "infinite_mean",
]


def estimate_mean(
    values: Any, *, clusters: Keys = None, weights: Any = None, interval: Interval = Interval(), name: str = "values"
) -> Estimate:
    """The mean of one value a question: Σ w s / Σ w, with the standard error of Miller 2024, App. A.

    se² = C/(C - ddof) · Σ_c (Σ_{i∈c} w_i (s_i - s̄))² / (Σ w)², over clusters or, without any, over questions; the
    interval is Student's t with C - 1 degrees of freedom, or a bootstrap of whole clusters.

    Args:
        values: ``[n]`` floats or bools: torch, NumPy, DLPack or a sequence. Infinite values make the mean infinite.
        clusters: one hashable key a question; questions that share a key are not independent.
        weights: one non-negative number a question; a question of weight 0 is left out.
        interval: confidence, method and the rest.
        name: what errors call the values.

    Raises:
        ValueError: no values, a NaN with its row, lengths that differ.
    """
    s = read_values(values, name)
    return _average(s, read_design(len(s), clusters, weights), interval)


def estimate_rate(
    values: Any, *, clusters: Keys = None, weights: Any = None, interval: Interval = Interval(), name: str = "values"
) -> Estimate:
    """The share of questions for which something holds: the mean of values in [0, 1], with Wilson's score interval.

    With clusters or weights it is Wilson's on an effective sample size (`clustered_size` in intervals.py). Arguments
    and errors as in `estimate_mean`; a value outside of [0, 1] is refused with its row.
    """
    s = read_shares(values, name)
    return _average(s, read_design(len(s), clusters, weights), interval, rate=True)


def estimate_ratio(
    numerator: Any, denominator: Any, *, clusters: Keys = None, interval: Interval = Interval()
) -> Estimate:
    """Σ numerator / Σ denominator over questions, as for bits per byte, with its linearised standard error.

    It is the mean of the questions' ratios weighted by their denominators, and so is its error (Cochran 1977,
    "Sampling Techniques", ch. 6). A question whose denominator is 0 is left out.
    """
    top, bottom = read_values(numerator, "numerator"), read_values(denominator, "denominator")
    check_same_length("questions", numerator=top, denominator=bottom)
    ratios = np.divide(top, bottom, out=np.zeros_like(top), where=bottom != 0)
    return estimate_mean(ratios, clusters=clusters, weights=bottom, interval=interval, name="numerator")


def estimate_difference(a: Any, b: Any, *, clusters: Keys = None, interval: Interval = Interval()) -> Estimate:
    """The mean of a_i - b_i over questions that were scored twice, in the same order: a paired difference."""
    first, second = read_values(a, "a"), read_values(b, "b")
    check_same_length("questions", a=first, b=second)
    infinite = np.isinf(first) | np.isinf(second)
    if infinite.any():
        with np.errstate(invalid="ignore"):  # inf - inf is NaN, as no difference is defined.
            value = float((first - second).mean())
        return Estimate.without_interval(value, len(first), f"{np.count_nonzero(infinite)} infinite pairs")
    return estimate_mean(first - second, clusters=clusters, interval=interval, name="a - b")


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

    def difference(self, a: Any, b: Any, among: Mask | None = None, otherwise: str = "") -> Estimate:
        return self._over(estimate_difference, (a, b), among, otherwise, {})

    def ratio(self, numerator: Any, denominator: Any) -> Estimate:
        return estimate_ratio(numerator, denominator, clusters=self.codes, interval=self.interval)

    def of_units(self, values: Floats) -> Floats:
        """The mean of each cluster's values; without clusters the values themselves."""
        if self.codes is None:
            return values
        counts = np.bincount(self.codes)
        return cluster_sums(values, self.codes, len(counts)) / counts

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


def _average(s: Floats, design: Design, interval: Interval, *, rate: bool = False) -> Estimate:
    s = s[design.kept]
    if np.isinf(s).any():
        return infinite_mean((int(np.sum(s == np.inf)), int(np.sum(s == -np.inf))), len(s), "values")
    return estimate_columns(s[:, None], [rate], design, interval)[0]


def estimate_columns(values: Floats, rates: Sequence[bool], design: Design, interval: Interval) -> list[Estimate]:
    """An estimate a column of finite ``values [n, K]``; ``rates`` says which columns are rates."""
    w, sample = design.weights, design.sample
    # Rounding must not take the mean of equal scores off their value: Wilson's interval of a rate of exactly 1 differs
    # from that of one below.
    means = np.clip(w @ values / w.sum(), values.min(axis=0), values.max(axis=0))
    sums = cluster_sums(w[:, None] * (values - means), design.codes, sample.units)
    if interval.resamples and sample.units > 1:
        unit_weights = cluster_sums(w, design.codes, sample.units)
        drawn = bootstrap_means(sums, unit_weights, interval.n_resamples, interval.seed)
        left_out = -sums / (w.sum() - unit_weights)[:, None] if interval.method == "bca" else None
        return [
            bootstrap_estimate(
                float(mean), drawn[:, i], sample, interval.confidence, None if left_out is None else left_out[:, i]
            )
            for i, mean in enumerate(means)
        ]
    # Miller 2024, App. A. Where every question is a cluster of its own, it is sd/√n.
    stderr = np.sqrt(sample.units / max(sample.units - interval.ddof, 1) * (sums**2).sum(axis=0)) / w.sum()
    return [
        from_stderr(float(mean), float(stderr[i]), sample, rate=rates[i], interval=interval)
        for i, mean in enumerate(means)
    ]


def from_stderr(value: float, stderr: float, sample: Sample, *, rate: bool, interval: Interval) -> Estimate:
    """The interval of a value with a standard error: Wilson for rates, Student's t for means."""
    if sample.reason():
        return Estimate.without_interval(value, sample.n, sample.reason())
    if not rate or interval.method == "t":
        return Estimate(value, stderr, *t_interval(value, stderr, sample.units - 1, interval.confidence), sample.n)
    # The variance is compared with p(1-p), which has no factor C/(C - ddof): it is taken out of the variance too.
    variance = stderr**2 * max(sample.units - interval.ddof, 1) / sample.units
    trials = clustered_size(value, variance, sample.n, sample.effective, interval.confidence)
    low, high = wilson_interval(value, trials, z_quantile(interval.confidence))
    return Estimate(value, stderr, low, high, sample.n)


def infinite_mean(infinite: tuple[int, int], n: int, what: str) -> Estimate:
    """The mean of values of which some are +inf and some -inf: ±inf, or NaN where both signs occur."""
    positive, negative = infinite
    value = np.inf if not negative else -np.inf if not positive else np.nan
    return Estimate.without_interval(float(value), n, f"{positive + negative} infinite {what}")
