"""Intervals of a variance that don't take the values for normal."""

from __future__ import annotations

import math

import numpy as np

from pyscore.metrics.core.arrays import Floats
from pyscore.metrics.core.report import Estimate

__all__ = ["estimate_variance"]

_LARGEST = 0.25
"""Above this share of Σ W² in one cluster of weight W, the variance is that of one observation, mostly."""


def estimate_variance(
    variance: float, deviations: Floats, weights: Floats, n: int, confidence: float, most: float = math.inf
) -> Estimate:
    """A variance that is a multiple of Σ u² over independent ``deviations [C]``, with its interval.

    variance · exp(ln c ± z c √((g - (K - 3)/K) / (K - 1))), c = K/(K - z), with the kurtosis g = C Σ (u - m)⁴ / (Σ (u -
    ū)²)² about a mean m from which 1/(2 √(C - 4)) of the deviations are trimmed at each end: Bonett 2006, "Approximate
    Confidence Interval for Standard Deviation of Nonnormal Distributions". There it is for n values, and K = C = n;
    here a deviation is what leaving out one of C clusters does to a mean, and K is Kish's effective number of clusters
    of these ``weights``. The interval ends at the largest variance that there can be, ``most``. docs/power.md has its
    coverage.
    """
    from scipy.special import ndtri
    from scipy.stats import trim_mean

    units, z = len(deviations), float(ndtri(0.5 + confidence / 2))
    squares = float(weights @ weights)
    effective, share = float(weights.sum() ** 2 / squares), float(weights.max() ** 2 / squares)
    fewest = max(5.0, z + 1)
    if effective < fewest - 1e-9:
        why = f"{effective:.3g} effective clusters: {fewest:.3g} or more are needed for the interval of a variance"
        return Estimate.without_interval(variance, n, why)
    if share > _LARGEST:
        why = f"one cluster has {100 * share:.0f} % of the squared weights: the variance is mostly that cluster's"
        return Estimate.without_interval(variance, n, why)
    about = deviations - trim_mean(deviations, min(1 / (2 * math.sqrt(units - 4)), 0.49))
    kurtosis = units * np.sum(about**4) / np.sum((deviations - deviations.mean()) ** 2) ** 2
    error = math.sqrt((kurtosis - (effective - 3) / effective) / (effective - 1))
    c = effective / (effective - z)
    low, high = (variance * c * math.exp(side * z * c * error) for side in (-1, 1))
    return Estimate(variance, variance * error, low, max(min(high, most), variance), n)
