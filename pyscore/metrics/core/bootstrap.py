"""The bootstrap: units drawn with replacement, and the intervals that their means give."""

from __future__ import annotations

import numpy as np
import torch

from pyscore._extension import _C
from pyscore.metrics.core.arrays import Floats
from pyscore.metrics.core.design import Sample
from pyscore.metrics.core.report import Estimate

__all__ = ["bca_interval", "bootstrap_estimate", "bootstrap_means", "percentile_interval"]


def bootstrap_means(sums: Floats, weights: Floats, n_resamples: int, seed: int) -> Floats:
    """Ratios Σ sums / Σ weights over resampled units, ``[n_resamples, K]`` float64.

    Units (questions or whole clusters) are drawn with replacement, as many as there are. ``sums [C, K]`` and
    ``weights [C]`` are each unit's totals. Compiled (xoshiro256++ streams, one a resample); the bits depend on the
    arguments alone, not on the number of threads or the instruction set.
    """
    equal = (weights == weights[0]).all()  # The drawn weights then have one sum in every resample.
    sums = np.ascontiguousarray(sums / weights[0] if equal else sums)
    return _C.bootstrap_means(sums, None if equal else weights, n_resamples, seed % 2**64, torch.get_num_threads())


def bootstrap_estimate(
    value: float, deviations: Floats, sample: Sample, confidence: float, jackknife: Floats | None = None
) -> Estimate:
    """An estimate from its resampled deviations from ``value``: percentiles of them, or BCa's with ``jackknife``.

    ``jackknife [units]`` holds the deviations that leaving out one unit makes, which the acceleration of BCa needs.
    """
    stderr = float(deviations.std(ddof=1))
    if jackknife is None:
        low, high = percentile_interval(deviations, confidence)
    else:
        low, high = bca_interval(deviations, jackknife, confidence)
    if np.isnan(low) or low == high:
        return Estimate.without_interval(
            value, sample.n, "every resample is the same: no spread to read an interval from"
        )
    return Estimate(value, stderr, value + low, value + high, sample.n)


def percentile_interval(resampled: Floats, confidence: float) -> tuple[float, float]:
    """The quantiles (1 - confidence)/2 and (1 + confidence)/2 of the resampled values."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def bca_interval(deviations: Floats, jackknife: Floats, confidence: float) -> tuple[float, float]:
    """Efron's bias-corrected and accelerated interval of deviations from an estimate; NaN where all are 0.

    z0 = Φ⁻¹(share of resamples below the estimate, ties half), a = Σ (θ̄ - θ_i)³ / 6 (Σ (θ̄ - θ_i)²)^1.5 over the
    leave-one-out values θ_i, and the ends are the quantiles Φ(z0 + (z0 ± z)/(1 - a (z0 ± z))). Efron 1987, "Better
    Bootstrap Confidence Intervals".
    """
    from scipy.special import ndtr, ndtri

    if not deviations.any():
        return np.nan, np.nan
    below = (np.count_nonzero(deviations < 0) + np.count_nonzero(deviations <= 0)) / (2 * len(deviations))
    z0 = ndtri(below)
    left = jackknife.mean() - jackknife
    acceleration = (left**3).sum() / (6 * (left @ left) ** 1.5)
    z = z0 + ndtri(0.5 + confidence / 2) * np.array([-1, 1])
    low, high = np.quantile(deviations, ndtr(z0 + z / (1 - acceleration * z)))
    return float(low), float(high)
