"""Probabilities in bins: the bins, the errors of calibration over them, and what the Brier score is made of."""

from __future__ import annotations

import numpy as np

from pyscore.metrics.core.arrays import Codes, Floats
from pyscore.ops import checks

__all__ = ["BINS", "assign_bins", "brier_terms", "calibration_errors", "mass_bins", "width_bins"]

BINS = ("width", "mass")


def width_bins(p: Floats, n_bins: int) -> Codes:
    """The bin of each probability among ((m-1)/n_bins, m/n_bins], counted from 0; 0 itself is in the first.

    Probabilities are compared with the edges, since p * n_bins rounds: 0.07 * 100 is above 7.
    """
    return np.searchsorted(np.arange(1, n_bins) / n_bins, p, side="left")


def mass_bins(p: Floats, n_bins: int) -> Codes:
    """The bin of each probability among at most n_bins bins of as equal counts as equal probabilities allow.

    The n sorted probabilities are cut at n m/n_bins. A cut that would fall among equal probabilities moves to the
    nearer end of their run, the lower of two equally near; cuts that then coincide are one.
    """
    _, run, counts = np.unique(p, return_inverse=True, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(counts)])
    cuts = len(p) * np.arange(1, n_bins) / n_bins
    after = np.searchsorted(ends, cuts)
    nearest = np.where(cuts - ends[after - 1] <= ends[after] - cuts, ends[after - 1], ends[after])
    used = np.unique(nearest[(nearest > 0) & (nearest < len(p))])
    return np.searchsorted(used, ends[:-1], side="right")[run]


def assign_bins(p: Floats, n_bins: int, bins: str) -> Codes:
    """The bin of each probability, counted from 0, by `width_bins` ("width") or `mass_bins` ("mass")."""
    checks.check_choice(bins, "bins", BINS)
    if n_bins < 1:
        raise ValueError(f"n_bins must be a whole number above 0, got {n_bins}")
    return width_bins(p, n_bins) if bins == "width" else mass_bins(p, n_bins)


def _bin_means(values: Floats, codes: Codes, counts: Codes) -> Floats:
    return np.bincount(codes, values) / np.maximum(counts, 1)


def calibration_errors(p: Floats, y: Floats, codes: Codes) -> dict[str, float]:
    """RMS and maximal error of probabilities p against outcomes y, over bins."""
    counts = np.bincount(codes)
    gaps, shares = np.abs(_bin_means(y - p, codes, counts)), counts / len(p)
    return {
        "rms_calibration_error": float(np.sqrt(shares @ gaps**2)),
        "mce": float(gaps.max()),
    }


def brier_terms(p: Floats, y: Floats, codes: Codes) -> dict[str, float]:
    """Murphy's three terms and the two within bins, of probabilities p and outcomes y; see `calibration`."""
    counts, base = np.bincount(codes), y.mean()
    p_bin, y_bin = _bin_means(p, codes, counts), _bin_means(y, codes, counts)
    shares, within = counts / len(p), p - p_bin[codes]
    return {
        "reliability": float(shares @ (y_bin - p_bin) ** 2),
        "resolution": float(shares @ (y_bin - base) ** 2),
        "uncertainty": float(base * (1 - base)),
        "within_bin_variance": float((within**2).mean()),
        "within_bin_covariance": float(2 * ((y - y_bin[codes]) * within).mean()),
    }
