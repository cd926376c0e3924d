"""Means with all that their intervals and tests are made of: a value, its variance, the sample and the scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pyscore.metrics.core.arrays import Floats, cluster_sums
from pyscore.metrics.core.design import Design, Sample, leave_one_out
from pyscore.metrics.core.intervals import (
    Interval,
    beta_bounds,
    effective_trials,
    intra_cluster_correlation,
    t_interval,
    wilson_interval,
    z_quantile,
)
from pyscore.metrics.core.report import NAN, Estimate
from pyscore.metrics.core.scales import Scale
from pyscore.metrics.core.tango import tango_interval, tango_statistic

__all__ = ["Mean", "mean_of", "means_of", "tails_by_inversion", "tails_of", "without_rounding"]

_SMALLEST_TAIL = 1e-15  # 1 - confidence of an interval can't be told from 0 below this.


@dataclass(frozen=True)
class Mean:
    """A mean over questions, from which intervals of any confidence and tests are made.

    Attributes:
        value: the weighted mean.
        variance: of the mean, leave-one-cluster-out.
        square: the weighted mean of the squared values.
        sample: the questions.
        scale: what single values can be.
        ddof: what was taken off the number of units in the variance.
        likeness: `intra_cluster_correlation` of the values.
    """

    value: float
    variance: float
    square: float
    sample: Sample
    scale: Scale
    ddof: int = 1
    likeness: float = 0.0

    def reason(self, method: str = "auto") -> str:
        """Why there is no interval, or ""."""
        unit = self.sample.unit
        if not self.sample.reason() and self.variance == 0 and self._method(method) == "t":
            return f"every {unit} has the same mean: no spread to estimate from"
        return self.sample.reason()

    def estimate(self, interval: Interval) -> Estimate:
        """The value with its interval, or with the reason why it has none."""
        reason = self.reason(interval.method)
        if reason:
            return Estimate.without_interval(self.value, self.sample.n, reason)
        low, high = self.bounds(interval.confidence, interval.method)
        return Estimate(self.value, math.sqrt(self.variance), low, high, self.sample.n)

    def bounds(self, confidence: float, method: str = "auto") -> tuple[float, float]:
        """The ends of the interval, within the range of the scale. There must be no `reason` against it."""
        made_by = self._method(method)
        if made_by == "wilson":
            p, z = self.value, z_quantile(confidence)
            return wilson_interval(p, self._trials(p * (1 - p), min(p, 1 - p), confidence, self.likeness), z)
        if made_by == "tango":
            trials = self._trials(self._spread, min(self.square, 1 - abs(self.value)), confidence)
            return tango_interval(self.value, self.square, trials, z_quantile(confidence))
        low, high = t_interval(self.value, math.sqrt(self.variance), self.sample.dof, confidence)
        bottom, top = self.scale.low, self.scale.high
        if made_by == "beta":
            width = top - bottom
            share, variance = (self.value - bottom) / width, self.variance / width**2
            # Clusters are what was sampled, and the questions in them say more: the units are halfway between, on a
            # logarithmic scale. With clusters as units homogeneous ones had intervals several times as wide as t's,
            # with `_trials` alone rare clusters of high values were missed in most samples.
            units = math.sqrt(self.sample.effective * self._trials(self._spread, 1.0, confidence))
            below, above = beta_bounds(share, variance, units, confidence)
            low, high = min(low, bottom + width * below), max(high, bottom + width * above)
        # A mass can be above 1 by rounding; the interval holds its value even then.
        return min(max(low, bottom), self.value), max(min(high, top), self.value)

    def tails(self, null: float = 0.0) -> tuple[float, float]:
        """The one-sided p-values of "the mean is at most ``null``" and "at least ``null``".

        They are by the statistic that the interval is made of.
        NaN where there is no interval, but for a value that is ``null`` itself, where nothing speaks against it: 1/2.
        """
        if self.reason():
            return (0.5, 0.5) if self.value == null else (NAN, NAN)
        if self.scale.method == "t":
            return tails_of((self.value - null) / math.sqrt(self.variance), self.sample.dof)
        if self.scale.method == "tango" and self.sample.effective >= self.sample.n:
            return tails_of(tango_statistic(null, self.value, self.square, self.sample.n))
        return tails_by_inversion(self.bounds, self.value, null)

    def p_value(self, null: float = 0.0) -> float:
        """The two-sided p-value of "the mean is ``null``": at most alpha where the 1 - alpha interval leaves it out."""
        return 2 * min(self.tails(null))

    def _method(self, method: str) -> str:
        return "t" if method == "t" else self.scale.method

    @property
    def _plain_variance(self) -> float:
        """The variance without the factor C/(C - ddof), since it is compared with the variance of one trial."""
        return self.variance * (self.sample.units - self.ddof) / self.sample.units

    @property
    def _spread(self) -> float:
        """The variance of single values."""
        return self.square - self.value**2

    def _trials(self, spread: float, rarity: float, confidence: float, likeness: float = 0.0) -> float:
        """How many independent questions say as much."""
        n, effective = self.sample.n, self.sample.effective
        return effective_trials(spread, rarity, self._plain_variance, n, effective, confidence, likeness)


def means_of(values: Floats, scales: Sequence[Scale], design: Design, ddof: int = 1) -> list[Mean]:
    """The mean of each column of finite ``values [n, K]``.

    The variance is leave-one-cluster-out (`leave_one_out`) with C - ddof: with units of equal weight that of Miller
    2024, "Adding Error Bars to Evals", App. A, times C/(C - ddof), which is ours; without clusters and weights sd²/n.
    """
    w, sample = design.weights, design.sample
    means = design.means(values)
    squares = w @ values**2 / w.sum()
    variances, between = np.zeros_like(means), np.zeros_like(means)
    units = sample.units
    if units > 1:
        left_out = leave_one_out(values, design) ** 2
        variances = left_out.sum(axis=0) * (units - 1) ** 2 / (units * (units - ddof))
        if units < sample.n:
            share = cluster_sums(w, design.codes, units) / w.sum()
            between = ((1 - share) ** 2 / share) @ left_out
    # A mean that is mere rounding is none: the differences 0.1, 0.2 and -0.3 add up to 3.7e-17.
    means[np.abs(means) <= 8 * np.finfo(np.float64).eps * np.sqrt(squares)] = 0.0
    columns = zip(means.tolist(), variances.tolist(), squares.tolist(), between.tolist(), scales, strict=True)
    return [
        Mean(
            mean,
            without_rounding(v, square),
            square,
            sample,
            scale,
            ddof,
            intra_cluster_correlation(square - mean**2, b, sample.n, units, sample.effective),
        )
        for mean, v, square, b, scale in columns
    ]


def mean_of(values: Floats, scale: Scale, design: Design) -> Mean:
    """`means_of` a single column ``[n]``."""
    return means_of(values[:, None], [scale], design)[0]


def without_rounding(variance: float, square: float, rows: float = 1.0) -> float:
    """The variance of a mean, 0 where its root is mere rounding of values whose mean square is ``square``.

    A sum of as many ``rows`` as a cluster has on average can be off by as many roundings.
    """
    return 0.0 if variance <= (8 * np.finfo(np.float64).eps * rows) ** 2 * square else variance


def tails_of(statistic: float, dof: float = math.inf) -> tuple[float, float]:
    """Both one-sided p-values of a statistic that is Student's t, or normal, where the null holds."""
    from scipy.special import ndtr, stdtr

    if math.isinf(dof):
        return float(ndtr(-statistic)), float(ndtr(statistic))
    return float(stdtr(dof, -statistic)), float(stdtr(dof, statistic))


def tails_by_inversion(
    bounds: Callable[[float], tuple[float, float]], value: float, null: float
) -> tuple[float, float]:
    """Both one-sided p-values by inverting intervals: ``bounds(confidence)`` gives both ends.

    The smaller p is that for which an end of the interval of confidence 1 - 2p is ``null``, so that test and interval
    can't contradict each other; below 1e-15 it is given as that.
    """
    from scipy.optimize import brentq

    if value == null:
        return 0.5, 0.5
    above = value > null

    def distance(log_tail: float) -> float:
        low, high = bounds(1 - 2 * math.exp(log_tail))
        return low - null if above else null - high

    first, last = math.log(_SMALLEST_TAIL), math.log(0.499999)
    if distance(first) > 0:
        tail = _SMALLEST_TAIL
    elif distance(last) <= 0:
        tail = 0.5
    else:
        tail = math.exp(brentq(distance, first, last, xtol=1e-12))
    return (tail, 1 - tail) if above else (1 - tail, tail)
