"""Confidence intervals from a value and its standard error: Student's t, Wilson's score."""

from __future__ import annotations

import math

__all__ = [
    "clustered_size",
    "effective_size",
    "t_interval",
    "t_quantile",
    "wilson_interval",
    "z_quantile",
]


def t_quantile(confidence: float, dof: float) -> float:
    """Two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(dof, 0.5 + confidence / 2))


def z_quantile(confidence: float) -> float:
    """Two-sided quantile of the standard normal."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2))


def t_interval(value: float, stderr: float, dof: int, confidence: float) -> tuple[float, float]:
    """value ± t(dof) · stderr."""
    half = t_quantile(confidence, dof) * stderr
    return value - half, value + half


def wilson_interval(rate: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval of a rate observed on n (effective) trials.

    (p + q²/2n ± q √(p(1-p)/n + q²/4n²)) / (1 + q²/n). Wilson 1927, "Probable Inference, the Law of Succession, and
    Statistical Inference".
    """
    q2 = quantile * quantile
    centre = (rate + q2 / (2 * n)) / (1 + q2 / n)
    half = quantile * math.sqrt(rate * (1 - rate) / n + q2 / (4 * n * n)) / (1 + q2 / n)
    # At 0 and 1 the end of the interval is exact; the difference of two equal numbers would leave a rounding error.
    return (0.0 if rate <= 0 else centre - half), (1.0 if rate >= 1 else centre + half)


def effective_size(rate: float, stderr: float, n: int, at_the_ends: float) -> float:
    """How many independent trials would give this rate this standard error: p(1-p)/stderr², within [1, n].

    A rate of 0 or 1 has no spread to read it from: there it is ``at_the_ends``.
    """
    if rate <= 0 or rate >= 1:
        return at_the_ends
    return float(n) if stderr == 0 else min(max(rate * (1 - rate) / stderr**2, 1.0), float(n))


def clustered_size(rate: float, variance: float, n: int, units: float, confidence: float) -> float:
    """How many independent trials say as much about a rate as n questions in ``units`` (Kish-effective) clusters.

    m = p(1-p)/V, where V = Σ_c (Σ w (s - p))² / (Σ w)²: about ``units`` where the questions of a cluster all agree,
    about n where they have nothing in common. V is an estimate itself, so m is multiplied by (z / t(dof))², as in Korn
    & Graubard 1998, "Confidence Intervals for Proportions with Small Expected Number of Positive Counts Estimated from
    Survey Data"; here dof = (units - 1) · min(1, 20 min(p, 1-p)), since what an event rarer than 5 % says about V comes
    from the few clusters that it touches. The factor doesn't take m below ``units``, complete agreement, and m is at
    most n. A rate of 0 or 1 has no spread to read V from: there m = units. tools/coverage.py measures how often
    Wilson's interval on m trials holds the rate, and the bounds and the 20 come from there.
    """
    if rate <= 0 or rate >= 1 or units >= n:
        return min(units, float(n))
    if variance == 0:
        return float(n)
    trials = rate * (1 - rate) / variance
    # Below 0.01 the quantile is past 1e100, and overflows in the end; the bound has long taken over there.
    dof = max((units - 1) * min(1.0, 20 * min(rate, 1 - rate)), 0.01)
    factor = (z_quantile(confidence) / t_quantile(confidence, dof)) ** 2
    return min(max(trials * factor, min(units, trials)), float(n))
