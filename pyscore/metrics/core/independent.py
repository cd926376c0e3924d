"""Differences of two means over independent samples of questions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pyscore.metrics.core.intervals import Interval, t_interval
from pyscore.metrics.core.mean_intervals import Mean, tails_by_inversion, tails_of
from pyscore.metrics.core.report import NAN, Estimate

__all__ = ["IndependentMeans"]


@dataclass(frozen=True)
class IndependentMeans:
    """a - b, where both are means of one scale over questions that have nothing to do with each other."""

    a: Mean
    b: Mean

    @property
    def value(self) -> float:
        return self.a.value - self.b.value

    @property
    def variance(self) -> float:
        return self.a.variance + self.b.variance

    def reason(self) -> str:
        """Why there is no interval, or ""."""
        for side, mean in (("a", self.a), ("b", self.b)):
            if mean.sample.reason():
                return f"{side}: {mean.sample.reason()}"
        if self.variance == 0 and self.a.scale.method == "t":
            return "all values of a are the same, and all of b: no spread to estimate from"
        return ""

    def estimate(self, interval: Interval) -> Estimate:
        """The difference with its interval, or with the reason why it has none."""
        n = self.a.sample.n + self.b.sample.n
        if self.reason():
            return Estimate.without_interval(self.value, n, self.reason())
        low, high = self.bounds(interval.confidence)
        return Estimate(self.value, math.sqrt(self.variance), low, high, n)

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Welch's interval on a scale without bounds; else the two intervals, joined as by Newcombe 1998."""
        if self.a.scale.method == "t":
            return t_interval(self.value, math.sqrt(self.variance), self._dof(), confidence)
        (low_a, high_a), (low_b, high_b) = self.a.bounds(confidence), self.b.bounds(confidence)
        below = math.hypot(self.a.value - low_a, high_b - self.b.value)
        above = math.hypot(high_a - self.a.value, self.b.value - low_b)
        return self.value - below, self.value + above

    def tails(self, null: float = 0.0) -> tuple[float, float]:
        """Both one-sided p-values, as `Mean.tails`."""
        if self.reason():
            return (0.5, 0.5) if self.value == null else (NAN, NAN)
        if self.a.scale.method == "t":
            return tails_of((self.value - null) / math.sqrt(self.variance), self._dof())
        return tails_by_inversion(self.bounds, self.value, null)

    def p_value(self, null: float = 0.0) -> float:
        """The two-sided p-value of "the difference is ``null``"."""
        return 2 * min(self.tails(null))

    def _dof(self) -> float:
        """Satterthwaite 1946, "An Approximate Distribution of Estimates of Variance Components"."""
        parts = [mean.variance**2 / mean.sample.dof for mean in (self.a, self.b)]
        return self.variance**2 / sum(parts)
