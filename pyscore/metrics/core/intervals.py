"""Confidence intervals: how they are to be made, and Student's t and Wilson's from a value and its standard error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from pyscore._confidence import check_confidence
from pyscore._integers import as_int
from pyscore.ops import checks

__all__ = [
    "METHODS",
    "Interval",
    "beta_bounds",
    "check_interval",
    "effective_size",
    "effective_trials",
    "intra_cluster_correlation",
    "missed_weight",
    "t_interval",
    "t_quantile",
    "wilson_interval",
    "z_quantile",
]

METHODS = ("auto", "t", "wilson", "bootstrap", "bca")


@dataclass(frozen=True)
class Interval:
    """How intervals are made; checked.

    Attributes:
        confidence: 0.95 for 95 %.
        method: "auto" or "wilson": by what the values can be (`Scale`): Wilson for rates, the wider of Student's t and
            bounds for skewed values for means in a finite range, Student's t for others, Tango for differences of
            paired rates; "t": Student's t for all; "bootstrap": percentiles of resamples; "bca": the bias-corrected and
            accelerated bootstrap.
        ddof: what is taken off the number of units in the variance: 1, or 0 where a convention has it so.
        n_resamples, seed: of the bootstrap.
    """

    confidence: float = 0.95
    method: str = "auto"
    ddof: int = 1
    n_resamples: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("ddof", "n_resamples", "seed"):
            object.__setattr__(self, name, as_int(getattr(self, name), name))
        check_confidence(self.confidence)
        checks.check_choice(self.method, "method", METHODS)
        if self.ddof not in (0, 1):
            raise ValueError(f"ddof must be 0 or 1, got {self.ddof!r}")
        if self.n_resamples < 2:
            raise ValueError(f"n_resamples must be at least 2, got {self.n_resamples!r}")

    @property
    def resamples(self) -> bool:
        return self.method in ("bootstrap", "bca")

    def settings(self) -> dict[str, object]:
        """What a signature says of it."""
        name = f"{self.method}:{self.n_resamples}" if self.resamples else self.method
        return {
            "interval": name,
            "confidence": f"{self.confidence:g}",
            "ddof": None if self.ddof == 1 else self.ddof,
            "seed": self.seed if self.resamples else None,
        }


@lru_cache(maxsize=256)
def t_quantile(confidence: float, dof: float) -> float:
    """Two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(dof, 0.5 + confidence / 2))


@lru_cache(maxsize=256)
def z_quantile(confidence: float) -> float:
    """Two-sided quantile of the standard normal."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2))


def t_interval(value: float, stderr: float, dof: float, confidence: float) -> tuple[float, float]:
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
    # At a rate of 0 or 1 one end is exactly 0 or 1, where centre - half would leave a rounding error.
    return (0.0 if rate <= 0 else centre - half), (1.0 if rate >= 1 else centre + half)


def effective_size(rate: float, stderr: float, n: int, at_the_ends: float) -> float:
    """How many independent trials would give this rate this standard error: p(1-p)/stderr², within [1, n].

    A rate of 0 or 1 has no spread to read it from: there it is ``at_the_ends``.
    """
    if rate <= 0 or rate >= 1:
        return at_the_ends
    return float(n) if stderr == 0 else min(max(rate * (1 - rate) / stderr**2, 1.0), float(n))


def check_interval(interval: Interval) -> Interval:
    """The interval; TypeError for anything else, None too, which stands for no kind of interval."""
    if not isinstance(interval, Interval):
        kind = type(interval).__name__
        raise TypeError(f"interval must be a pyscore.metrics.Interval, got {kind}: leave it out for the usual one")
    return interval


def effective_trials(
    spread: float, rarity: float, variance: float, n: int, units: float, confidence: float, likeness: float = 0.0
) -> float:
    """m = spread / V · (z / t(dof))², at most n: how many independent trials say as much.

    ``spread`` is the variance of one trial, V = ``variance`` that of the mean, without the factor C/(C - 1). V is an
    estimate itself, hence the second factor, as in Korn & Graubard 1998, "Confidence Intervals for Proportions with
    Small Expected Number of Positive Counts Estimated from Survey Data" (whose interval on m trials is
    Clopper-Pearson's; ours is Wilson's or Tango's). dof = (units - 1) · min(1, 20 rarity) is ours, since what an event
    rarer than 5 % says about V comes from the few clusters that it touches. The factor doesn't take m below ``units``,
    complete agreement. Without spread m = units. Where clusters are unequal, V is mostly what the few largest show, so
    m is at most 1/(1/n + r (1/units - 1/n)) too, what questions of intra-cluster correlation r = ``likeness`` are worth
    (Rao & Scott 1992, "A Simple Method for the Analysis of Clustered Binary Data"). tools/coverage measures how often
    intervals on m trials hold the truth; the bounds and the 20 come from there.
    """
    # Without variance all clusters are alike: that is chance, where they are few.
    if spread <= 0 or variance == 0 or units >= n:
        return min(units, float(n))
    trials = spread / variance
    # With fewer than 0.01 degrees of freedom the quantile is past 1e100 and may overflow. The factor is then so small
    # that the bound below decides in any case.
    dof = max((units - 1) * min(1.0, 20 * rarity), 0.01)
    factor = (z_quantile(confidence) / t_quantile(confidence, dof)) ** 2
    alike = 1 / (1 / n + likeness * (1 / units - 1 / n))
    return min(max(trials * factor, min(units, trials)), float(n), alike)


def intra_cluster_correlation(spread: float, between: float, n: int, units: int, effective: float) -> float:
    """r = (MSB - MSW)/(MSB + (n₀ - 1) MSW) of the analysis of variance over clusters, within [0, 1].

    ``spread`` is the variance of single questions, ``between`` Σ n_c (m_c - m)²/n over the clusters' means, n₀ =
    (n - Σ n_c²/n)/(C - 1). Donner 1986, "A Review of Inference Procedures for the Intraclass Correlation Coefficient in
    the One-Way Random Effects Model".
    """
    if units < 2 or units >= n or spread <= 0:
        return 0.0
    among, within = n * between / (units - 1), n * max(spread - between, 0.0) / (n - units)
    size = (n - n / effective) / (units - 1)
    total = among + (size - 1) * within
    return min(max((among - within) / total, 0.0), 1.0) if total > 0 else 0.0


def beta_bounds(value: float, variance: float, units: float, confidence: float) -> tuple[float, float]:
    """Bounds of the mean of values in [0, 1] that hold for skewed values too, from two moments of ``units`` units.

    Gaffke's upper bound is a quantile of Σ D_i z_i, where D is uniform on the simplex and z holds the values and one
    more, at the end of the range: it stands for what the sample might have missed. Gaffke 2005, "Three Test Statistics
    for a Nonparametric One-Sided Hypothesis on the Mean of a Nonnegative Variable"; Learned-Miller & Thomas 2019, "A
    New Confidence Interval for the Mean of a Bounded Random Variable". Here that quantile is the one of the beta
    distribution with the same mean and variance, which is ours and needs no single values: with K units of mean p and
    variance s² = K ``variance``, and a further value of weight ω at the end e (1 above, 0 below), the mean
    (Kp + ωe)/(K + ω) and the variance ((K - 1) s² + Kω (e - p)²/(K + ω)) / ((K + ω)(K + ω + 1)). With ω = 1 it covers
    as Gaffke's, and for values that are 0 or 1 it is Clopper & Pearson's. ω falls below 1 (`missed_weight`) where units
    are many and their skewness small.
    """
    tail, weight = (1 - confidence) / 2, missed_weight(value, variance * units, units)
    low = 0.0 if value <= 0 else _beta_quantile(value, variance, units, weight, 0, tail)
    high = 1.0 if value >= 1 else _beta_quantile(value, variance, units, weight, 1, 1 - tail)
    return min(low, value), max(high, value)  # Near 0 scipy's quantile is off by up to 1e-6.


def missed_weight(value: float, spread: float, units: float) -> float:
    """ω = min(1, max(20, 25 skewness²) / units): how much a value at the end of the range counts in `beta_bounds`.

    The skewness is that of the beta distribution with the units' mean p and variance s², 2 (1 - 2p) / ((k + 2) s) with
    k = p (1 - p)/s² - 1: of values in [0, 1] near one end it is large, whatever they are. Student's t holds where
    units are more than some 25 times its square. Both numbers are from simulation (tools/coverage_cells/means.py).
    """
    # Equal values, and those that are 0 or 1 to rounding, say nothing of how others may differ.
    if not 1e-15 < value < 1 - 1e-15 or spread <= 0:
        return 1.0
    strength = max(value * (1 - value) / spread - 1, 0.0)
    skewness = 2 * (1 - 2 * value) / ((strength + 2) * math.sqrt(spread))
    return min(1.0, max(20.0, 25 * skewness * skewness) / units)


def _beta_quantile(value: float, variance: float, units: float, weight: float, end: int, quantile: float) -> float:
    from scipy.special import betaincinv

    total = units + weight
    mean = (units * value + weight * end) / total
    within = (units - 1) * units * variance + units * weight * (end - value) ** 2 / total
    spread = mean * (1 - mean) * total * (total + 1)
    # So near to the end the mean is rounded to it, or squares underflow, and betaincinv would give NaN.
    if not 0 < mean < 1 or spread >= 1e140 * within:
        return float(end)
    # An estimate of the variance can exceed what values in [0, 1] allow: the strength of the beta stays above 0.
    strength = max(spread / within - 1, 1e-6)
    return float(betaincinv(mean * strength, (1 - mean) * strength, quantile))
