"""Intervals of a variance that don't take the values for normal."""

from __future__ import annotations

import math

import numpy as np

from pyscore.metrics.core.arrays import Floats
from pyscore.metrics.core.report import Estimate

__all__ = ["estimate_variance"]

_LARGEST = 0.25
"""Above this share of Σ W² in one cluster of weight W, the variance is that of one observation, mostly."""


def estimate_variance(variance: float, deviations: Floats, weights: Floats, n: int, confidence: float) -> Estimate:
    """A variance that is a multiple of Σ u² over independent ``deviations [C]``, with its interval.

    variance · exp(ln c ± z c √((g - (C - 3)/C) / (C - 1))), c = C/(C - z), with the kurtosis g = C Σ (u - m)⁴ / (Σ (u -
    ū)²)² about a mean m from which 1/(2 √(C - 4)) of the deviations are trimmed at each end: Bonett 2006, "Approximate
    Confidence Interval for Standard Deviation of Nonnormal Distributions". There it is for n values; here a deviation
    is what leaving out one cluster does to a mean, and ``weights`` are the clusters' (docs/power.md has its coverage).
    """
    from scipy.special import ndtri
    from scipy.stats import trim_mean

    units = len(deviations)
    if units < 5:
        return Estimate.without_interval(variance, n, "fewer than 5 clusters say too little about a variance")
    share = float(weights.max() ** 2 / (weights @ weights))
    if share > max(_LARGEST, 1 / units + 1e-9):
        why = f"one cluster has {100 * share:.0f} % of the squared weights: the variance is mostly that cluster's"
        return Estimate.without_interval(variance, n, why)
    z, c = float(ndtri(0.5 + confidence / 2)), units / (units - float(ndtri(0.5 + confidence / 2)))
    about = deviations - trim_mean(deviations, min(1 / (2 * math.sqrt(units - 4)), 0.49))
    kurtosis = units * np.sum(about**4) / np.sum((deviations - deviations.mean()) ** 2) ** 2
    error = math.sqrt((kurtosis - (units - 3) / units) / (units - 1))
    low, high = (variance * c * math.exp(side * z * c * error) for side in (-1, 1))
    return Estimate(variance, variance * error, low, high, n)
