"""The calibration error without its bias, with an interval, and how large the bias of the plain one is."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pyscore.metrics.core.arrays import Codes, Floats, Mask
from pyscore.metrics.core.design import LEAST_EFFECTIVE, Design, Sample
from pyscore.metrics.core.intervals import t_quantile
from pyscore.metrics.core.report import Estimate

__all__ = ["BinSums", "estimate_calibration_error", "estimate_ece", "totals_of_units"]

_FAR = 5000.0
"""Above so many scales X is normal enough; scipy's ncfdtrinc finds no noncentrality above 10,000."""


class BinSums(NamedTuple):
    """Sums over B bins of d = y - p, how far outcomes exceed their probabilities, in independent units.

    Of a unit and a bin, m = Σ w and s = Σ w d over the questions in both.
    """

    weights: Floats  # [B], Σ m over units
    gaps: Floats  # [B], Σ s
    mm: Floats  # [B, B], Σ m mᵀ over units
    sm: Floats  # [B, B], Σ s mᵀ
    ss: Floats  # [B, B], Σ s sᵀ
    expected: Floats  # [B], Σ w² p (1 - p) over questions: the variance of the gap of a calibrated model

    @classmethod
    def of_questions(
        cls, weights: Floats, gaps: Floats, mm: Floats, sm: Floats, ss: Floats, expected: Floats
    ) -> BinSums:
        """Where every question is a unit, and so in one bin: Σ w, Σ w d, Σ w², Σ w² d, Σ w² d², Σ w² p (1 - p)."""
        return cls(weights, gaps, np.diag(mm), np.diag(sm), np.diag(ss), expected)

    @classmethod
    def of_units(cls, m: Floats, s: Floats, expected: Floats) -> BinSums:
        """From m and s ``[units, B]``."""
        return cls(m.sum(axis=0), s.sum(axis=0), m.T @ m, s.T @ m, s.T @ s, expected)

    @classmethod
    def of_design(cls, p: Floats, y: Floats, bins: Codes, n_bins: int, design: Design) -> BinSums:
        """From the probability, the outcome and the bin of every question that counts."""
        w, d = design.weights, y - p

        def sums(values: Floats) -> Floats:
            return np.bincount(bins, values, minlength=n_bins).astype(np.float64)

        expected = sums(w**2 * p * (1 - p))
        if not design.clustered:
            return cls.of_questions(sums(w), sums(w * d), sums(w**2), sums(w**2 * d), sums((w * d) ** 2), expected)
        return cls.of_units(*totals_of_units(d, bins, n_bins, w, design.codes, design.sample.units), expected)

    @property
    def spread(self) -> tuple[Floats, Mask]:
        """The covariance ``[B, B]`` of the gaps, and which bins hold two units or more: the others have 0 there.

        Σ r rᵀ with r = s - m d̄, times W²/(W² - Σ m²) as n/(n - 1) for n units of equal weight.
        """
        squared, held = self.weights**2, np.diag(self.mm)
        shared = squared > held * (1 + 1e-9)
        mean = np.divide(self.gaps, self.weights, out=np.zeros_like(self.gaps), where=self.weights > 0)
        crossed = self.sm * mean
        residuals = self.ss - crossed - crossed.T + self.mm * np.outer(mean, mean)
        factor = np.sqrt(np.divide(squared, squared - held, out=np.zeros_like(squared), where=shared))
        covariance: Floats = residuals * np.outer(factor, factor)
        np.fill_diagonal(covariance, np.maximum(np.diag(covariance), 0.0))
        return covariance, shared


def totals_of_units(
    d: Floats, bins: Codes, n_bins: int, weights: Floats, codes: Codes, units: int
) -> tuple[Floats, Floats]:
    """m and s of each unit and bin, ``[units, n_bins]``, from the unit, the bin, d and the weight of each question."""
    cells = codes * n_bins + bins
    m, s = (
        np.bincount(cells, each, minlength=units * n_bins).reshape(units, n_bins).astype(np.float64)
        for each in (weights, weights * d)
    )
    return m, s


def estimate_ece(sums: BinSums, sample: Sample) -> Estimate:
    """The expected calibration error Σ_b |Σ w d| / Σ w, without an interval; the reason says what chance adds to it.

    A calibrated model's gap in a bin is about normal, with mean absolute value √(2 V/π) and V = Σ w² p (1 - p), or with
    clusters the observed variance where that is larger.
    """
    variance = sums.expected
    if sample.unit == "cluster":
        variance = np.maximum(variance, np.diag(sums.spread[0]))
    total = float(sums.weights.sum())
    by_chance = math.sqrt(2 / math.pi) * float(np.sqrt(variance).sum()) / total
    reason = f"biased up: a calibrated model would show {by_chance:.2g}"
    return Estimate.without_interval(float(np.abs(sums.gaps).sum()) / total, sample.n, reason)


def estimate_calibration_error(sums: BinSums, sample: Sample, confidence: float) -> Estimate:
    """√(Σ_b W_b δ_b² / W), δ_b the mean of d in bin b among all such questions: estimate without bias, and interval.

    The square of a bin's gap S_b is too large by its variance V_b, so (S_b² - V_b) / W_b² takes its place (Kumar, Liang
    & Ma 2019, "Verified Uncertainty Calibration"; with V from d instead of y it is unbiased also where the
    probabilities in a bin differ, as in Lee et al. 2023, "T-Cal"). A negative sum counts as 0, and a bin of one unit
    adds nothing.

    The interval inverts the distribution of X = Σ_b S_b² / W_b, as Sun, Chaudhari, Barnett & Dobriban 2024, "A
    Confidence Interval for the l2 Expected Calibration Error", do with a normal one: X/c is taken as noncentral χ² with
    k = (tr M)²/tr M² degrees of freedom and noncentrality W θ²/c, c = tr M²/tr M and M the covariance of the S_b/√W_b
    (Satterthwaite 1946), divided by a variance that was estimated: noncentral F. No bin's variance is taken below that
    of a calibrated model. The upper end is that of an X of at least its mean under calibration (power-constrained as
    Cowan et al. 2011), so that the interval has width. Coverage: tools/coverage_cells/calibration.py.
    """
    from scipy.special import ncfdtr, ncfdtrinc

    covariance, shared = sums.spread
    if not shared.any():
        return Estimate.without_interval(math.nan, sample.n, sample.reason() or "no bin has two questions")
    w, total = sums.weights[shared], float(sums.weights.sum())
    m = covariance[np.ix_(shared, shared)] / np.sqrt(np.outer(w, w))
    x, trace = float((sums.gaps[shared] ** 2 / w).sum()), float(np.trace(m))
    squared = (x - trace) / total if x - trace > 1e-12 * (x + trace) else 0.0  # The root of mere rounding isn't small.
    value = math.sqrt(squared)
    # Less than one question's worth of surprise is expected, or with clusters one cluster's.
    reason = sample.reason()
    if not reason and float(sums.expected[shared].sum()) * sample.n < float(np.trace(sums.mm)):
        reason = "probabilities too near 0 and 1 for so few questions"
    if reason:
        return Estimate.without_interval(value, sample.n, reason)
    # A few questions that all went well show less spread than their probabilities promise.
    variances = np.maximum(np.diag(m), sums.expected[shared] / w)
    np.fill_diagonal(m, variances)
    trace, trace2 = float(variances.sum()), float((m**2).sum())
    scale, nu = trace2 / trace, trace**2 / trace2
    # A trace over few units a bin is itself uncertain (Satterthwaite again); bins that share clusters add less.
    trace_dof = trace**2 / float((variances**2 / (w**2 / np.diag(sums.mm)[shared] - 1)).sum())
    dof, tail = min(trace_dof, sample.dof), (1 - confidence) / 2
    if dof < LEAST_EFFECTIVE - 1:
        why = f"one {sample.unit} a bin holds nearly all of its weight: no spread to estimate from"
        return Estimate.without_interval(value, sample.n, why)

    def noncentrality(at: float, below: float) -> float:
        """Of which X/c falls below ``at`` with probability ``below``; 0 where even that of 0 does so less often."""
        if at > _FAR:  # √(X/c) is normal with variance 1 and mean √(λ + k - 1) there.
            shift = math.copysign(t_quantile(2 * max(below, 1 - below) - 1, dof), below - 0.5)
            return max(math.sqrt(max(at - nu + 1, 0.0)) - shift, 0.0) ** 2
        if ncfdtr(nu, dof, 0.0, at / nu) <= below:
            return 0.0
        return float(ncfdtrinc(nu, dof, below, at / nu))

    low, high = (
        min(math.sqrt(noncentrality(at / scale, below) * scale / total), 1.0)
        for at, below in ((x, 1 - tail), (max(x, trace), tail))
    )
    spread = scale * math.sqrt(2 * nu + 4 * total * squared / scale) / total  # of the squared error
    stderr = spread / (2 * max(value, math.sqrt(spread)))
    return Estimate(value, stderr, min(low, value), max(high, value), sample.n)
