"""Tango's score statistic and interval for the difference of two rates that were observed on the same questions."""

from __future__ import annotations

import math

__all__ = ["tango_interval", "tango_statistic"]


def tango_statistic(null: float, difference: float, square: float, n: float) -> float:
    """How many standard errors an observed difference of paired rates lies above ``null``, under that null.

    With b the share of questions that only the first model gets, c that of the second, δ = b - c and ψ = b + c:
    √n (δ - Δ) / √(2q + Δ(1 - Δ)), where q, the probability of the second kind under the null Δ, is the positive root of
    2q² + (Δ(2 - δ) - ψ) q - cΔ(1 - Δ). At Δ = 0 it is McNemar's √n δ/√ψ. Tango 1998, "Equivalence Test and Confidence
    Interval for the Difference in Proportions for the Paired-Sample Design".

    Args:
        null: Δ, in [-1, 1].
        difference: δ, the mean of the differences d.
        square: ψ, the mean of d²: with ties counted half it is no share of questions, but d keeps its variance.
        n: how many independent questions, or as many as say as much.
    """
    if difference < 0:
        return -tango_statistic(-null, -difference, square, n)
    # With ties counted half it could fall below 0, and the statistic would turn around near the null of 0.
    second = max((square - difference) / 2, 0.0)
    linear = null * (2 - difference) - square
    root = math.sqrt(max(linear * linear + 8 * second * null * (1 - null), 0.0))
    variance = (root - linear) / 2 + null * (1 - null)
    excess = difference - null
    if variance <= 0:
        return 0.0 if excess == 0 else math.copysign(math.inf, excess)
    return excess * math.sqrt(n / variance)


def tango_interval(difference: float, square: float, n: float, quantile: float) -> tuple[float, float]:
    """The differences of paired rates that `tango_statistic` puts within ± ``quantile``."""
    from scipy.optimize import brentq

    def beyond(null: float, sign: int) -> float:
        # The statistic is infinite at the far end; the bound keeps the root finder's arithmetic finite.
        return min(max(tango_statistic(null, difference, square, n), -1e9), 1e9) - sign * quantile

    # Next to -1 or 1 the variance is a difference of nearly equal numbers, and rounding can hide that the statistic is
    # large there. The end of the interval is then within rounding of the end of the range.
    low = -1.0 if beyond(-1.0, 1) <= 0 else brentq(beyond, -1.0, difference, args=(1,), xtol=1e-15)
    high = 1.0 if beyond(1.0, -1) >= 0 else brentq(beyond, difference, 1.0, args=(-1,), xtol=1e-15)
    return float(low), float(high)
