"""The largest of several t statistics that are made of the same questions: bands and adjusted p-values."""

from __future__ import annotations

import math

import numpy as np

from pyscore.metrics.core.arrays import Floats
from pyscore.metrics.core.design import Sample
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.winners import draw_t

__all__ = ["draw_max_t", "joint_confidence", "step_down"]


def draw_max_t(left_out: Floats, sample: Sample, interval: Interval) -> Floats:
    """``[n_resamples, K]``: draws of |T|, multivariate t with the correlation of ``left_out [units, K]``.

    Its degrees of freedom are `Sample.dof`. A column without spread is drawn as independent of the others. All NaN
    where there is no spread to estimate from.
    """
    k = left_out.shape[1]
    if sample.reason():
        return np.full((interval.n_resamples, k), math.nan)
    size = np.sqrt((left_out**2).sum(axis=0))
    scaled = np.divide(left_out, size, out=np.zeros_like(left_out), where=size > 0)
    correlation = scaled.T @ scaled + np.diag((size == 0) * 1.0)
    draws: Floats = np.abs(draw_t(correlation, sample.dof, interval.n_resamples, interval.seed))
    return draws


def joint_confidence(draws: Floats, sample: Sample, interval: Interval) -> float:
    """The confidence of one |T_k| at the quantile of the largest: what each must have, for all to have the interval's.

    At least that of the interval, and at most what K intervals need that have nothing in common (Bonferroni).
    """
    from scipy.special import stdtr

    if np.isnan(draws[0, 0]):
        return interval.confidence
    quantile = float(np.quantile(draws.max(axis=1), interval.confidence))
    bonferroni = 1 - (1 - interval.confidence) / draws.shape[1]
    return float(np.clip(1 - 2 * stdtr(sample.dof, -quantile), interval.confidence, bonferroni))


def step_down(p_values: Floats, draws: Floats, sample: Sample) -> Floats:
    """P-values adjusted for their number by step-down max |T|; NaN stays NaN.

    In order from the smallest p-value on, each is the share of draws in which the largest |T_j|, over it and those
    after it, reaches its own |t|, the quantile of Student's t at its p-value, and never below the one before it. The
    share lies between what it was alone and Holm's; where draws are too few to tell, these bound it.
    """
    from scipy.special import stdtrit

    adjusted = np.full_like(p_values, math.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    if len(order):
        reached = np.abs(stdtrit(sample.dof, p_values[order] / 2))
        largest = np.maximum.accumulate(draws[:, order[::-1]], axis=1)[:, ::-1]
        shares = (1 + (largest >= reached).sum(axis=0)) / (1 + len(draws))
        holm = np.minimum(p_values[order] * np.arange(len(order), 0, -1), 1.0)
        adjusted[order] = np.maximum.accumulate(np.clip(shares, p_values[order], holm))
    return adjusted
