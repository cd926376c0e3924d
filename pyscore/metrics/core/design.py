"""Designs: how questions were sampled. Which belong together and how much each counts is all that an interval needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Codes, Floats, Keys, Mask, as_float64, cluster_sums
from pyscore.metrics.core.readers import check_length, count_clusters, refuse

__all__ = ["LEAST_EFFECTIVE", "Design", "Sample", "leave_one_out", "read_design"]


LEAST_EFFECTIVE = 1.5
"""Below this Student's t has less than half a degree of freedom, and its 95 % quantile is above 100."""


@dataclass(frozen=True)
class Sample:
    """What an interval needs to know of the questions besides a value and its standard error.

    Attributes:
        n: questions.
        units: independent units: clusters where they are given, else questions.
        effective: Kish's effective number of units, (Σ W)²/Σ W² over their total weights W (Kish 1965, "Survey
            Sampling"): n for independent questions of equal weight.
        unit: what a unit is called in a message.
    """

    n: int
    units: int
    effective: float
    unit: str

    @property
    def dof(self) -> float:
        """Degrees of freedom of a variance over these units: effective - 1.

        Carter, Schnepel & Steigerwald 2017, "Asymptotic Behavior of a t-Test Robust to Cluster Heterogeneity".
        """
        return self.effective - 1

    def reason(self) -> str:
        """Why nothing can be said about uncertainty, or ""."""
        if self.units < 2:
            return f"one {self.unit}: no spread to estimate from"
        if self.effective < LEAST_EFFECTIVE:
            return f"{self.effective:.2f} effective {self.unit}s of {self.units}: one holds nearly all of the weight"
        return ""


@dataclass(frozen=True)
class Design:
    """The questions that count, each with its unit and its weight.

    Attributes:
        sample: their number, and that of the units.
        codes: ``[n]``, the unit of each question.
        weights: ``[n]``, above 0.
        kept: ``[given]``, which of the questions that were given count: those of positive weight.
        clustered: clusters were given.
    """

    sample: Sample
    codes: Codes
    weights: Floats
    kept: Mask
    clustered: bool

    def means(self, values: Floats) -> Floats:
        """The weighted mean of each column of ``values [n, K]``: ``[K]``.

        Rounding must not take the mean of equal scores off their value: Wilson's interval of a rate of exactly 1
        differs from that of one below.
        """
        w = self.weights
        means: Floats = np.clip(w @ values / w.sum(), values.min(axis=0), values.max(axis=0))
        return means

    @property
    def n_clusters(self) -> int | None:
        return self.sample.units if self.clustered else None


def read_design(n: int, clusters: Keys = None, weights: Any = None) -> Design:
    """The design of n questions, from one hashable key and one non-negative number each, or neither.

    Raises:
        TypeError: a cluster that can't be hashed. ValueError: a wrong length, a missing cluster, a weight that is
            negative or not finite, with its row; no positive weight.
    """
    w = _read_weights(weights, n)
    kept = w > 0
    if clusters is None:
        codes, units = np.arange(np.count_nonzero(kept)), int(np.count_nonzero(kept))
    else:
        codes, units = count_clusters(clusters, n)
        if not kept.all():
            codes, units = count_clusters(codes[kept], int(np.count_nonzero(kept)))
    w = w[kept]
    totals = w if clusters is None else cluster_sums(w, codes, units)
    shares = totals / totals.max()  # Squares of the totals themselves may underflow.
    effective = float(shares.sum() ** 2 / (shares @ shares))
    clustered = clusters is not None
    sample = Sample(len(w), units, effective, "cluster" if clustered else "question")
    return Design(sample, codes, w, kept, clustered)


def leave_one_out(values: Floats, design: Design) -> Floats:
    """What leaving out one unit adds to the weighted mean of each column of ``values [n, K]``: ``[units, K]``.

    θ_(c) - θ = -Σ_{i in c} w_i (s_i - θ) / (W - W_c). Of these deviations L, (C - 1)/C · LᵀL is the
    leave-one-cluster-out (CR3) covariance of the means: Bell & McCaffrey 2002, "Bias Reduction in Standard Errors for
    Linear Regression with Multi-Stage Samples"; MacKinnon, Nielsen & Webb 2023, "Fast and Reliable Jackknife and
    Bootstrap Methods for Cluster-Robust Inference". With units of equal weight it is Miller's, C/(C - 1) and all.
    """
    w, units = design.weights, design.sample.units
    means = w @ values / w.sum()
    if not design.clustered:
        with np.errstate(divide="ignore", invalid="ignore"):
            alone: Floats = (means - values) * (w / (w.sum() - w))[:, None]
        return alone
    sums = cluster_sums(w[:, None] * (values - means), design.codes, units)
    rest = w.sum() - cluster_sums(w, design.codes, units)
    with np.errstate(divide="ignore", invalid="ignore"):  # One unit may hold all of the weight, to rounding.
        deviations: Floats = -sums / rest[:, None]
    return deviations


def _read_weights(weights: Any, n: int) -> Floats:
    if weights is None:
        return np.ones(n)
    w = as_float64(weights, "weights")
    check_length("weights", w, n, entries="weights")
    refuse("weights", w, ~np.isfinite(w) | (w < 0), "= {}: weights must be finite and not negative")
    if not w.any():
        raise ValueError("weights are all 0: at least one question must count")
    return w
