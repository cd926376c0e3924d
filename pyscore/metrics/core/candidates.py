"""Candidates for a selection: their estimates, how these err together, and the usual interval of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Floats, as_float64
from pyscore.metrics.core.design import Design
from pyscore.metrics.core.intervals import Interval, z_quantile
from pyscore.metrics.core.joint import Joint, value_step
from pyscore.metrics.core.means import estimate_columns
from pyscore.metrics.core.readers import read_values, refuse
from pyscore.metrics.core.report import Estimate
from pyscore.metrics.core.scales import RATE, REAL, SHARE

__all__ = ["Candidates", "candidates_of_values", "candidates_with_covariance", "mean_interval"]


@dataclass(frozen=True)
class Candidates:
    """k estimates with their joint covariance, and what makes the usual interval of each.

    Attributes:
        names: ``[k]``.
        means: ``[k]``.
        covariance: ``[k, k]``.
        mean_step: the means are multiples of it, or 0.
        n: questions, 0 if unknown; n_clusters: clusters, or None.
        limits: what means lie within.
        interval: candidate and confidence -> its usual estimate.
    """

    names: list[str]
    means: Floats
    covariance: Floats
    mean_step: float
    n: int
    n_clusters: int | None
    limits: tuple[float, float]
    interval: Callable[[int, float], Estimate]

    @property
    def stderr(self) -> Floats:
        return np.sqrt(np.diag(self.covariance))

    def at(self, candidate: int, u: float) -> float:
        """The end of the usual interval that lies u standard errors below the mean, or above it where u < 0.

        It is the end of the interval of confidence 2 Φ(|u|) - 1, so that it allows for what the usual one does: few
        clusters, values within [0, 1], rare events.
        """
        from scipy.special import ndtr

        if np.isinf(u):
            return self.limits[0] if u > 0 else self.limits[1]
        confidence = min(2 * float(ndtr(abs(u))) - 1, 1 - 1e-12)
        if confidence <= 0:
            return float(self.means[candidate])
        estimate = self.interval(candidate, confidence)
        return estimate.low if u > 0 else estimate.high


def mean_interval(values: Floats, design: Design, interval: Interval) -> Estimate:
    """The usual interval of a mean: that of a rate for values of 0 and 1, with ties 0.5."""
    within = ((values >= 0) & (values <= 1)).all()
    scale = RATE if value_step(values) > 0 else SHARE if within else REAL
    return estimate_columns(values[:, None], [scale], design, interval)[0]


def candidates_of_values(joint: Joint, interval: Interval) -> Candidates:
    """Candidates from their values on the same questions."""
    covariance = joint.covariance.copy()
    if joint.within_01:
        # All answers of a candidate alike: the variance of a rate with two more of each kind (Agresti & Coull 1998).
        constant = np.diag(covariance) == 0
        size = joint.design.sample.effective
        rates = (joint.means[constant] * size + 2) / (size + 4)
        covariance[constant, constant] = rates * (1 - rates) / size

    def of_values(candidate: int, confidence: float) -> Estimate:
        own = replace(interval, confidence=confidence)
        return mean_interval(joint.values[:, candidate], joint.design, own)

    return Candidates(
        names=joint.names,
        means=joint.means,
        covariance=covariance,
        mean_step=joint.mean_step,
        n=joint.design.sample.n,
        n_clusters=joint.design.n_clusters,
        limits=(0.0, 1.0) if joint.within_01 else (-np.inf, np.inf),
        interval=of_values,
    )


def candidates_with_covariance(scores: Any, covariance: Any) -> Candidates:
    """Candidates whose errors are normal, with a known covariance."""
    names = [str(key) for key in scores] if isinstance(scores, Mapping) else None
    means = read_values(list(scores.values()) if isinstance(scores, Mapping) else scores, "scores")
    matrix = as_float64(covariance, "covariance", 2)
    if matrix.shape != (len(means), len(means)):
        raise ValueError(f"covariance must be [{len(means)}, {len(means)}], as there are scores; got {matrix.shape}")
    refuse("covariance", matrix, ~np.isfinite(matrix), "= {} must be finite")
    if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix).min() < -1e-9 * np.abs(matrix).max():
        raise ValueError("covariance must be symmetric, with no negative variance of any combination")

    def normal(candidate: int, confidence: float) -> Estimate:
        stderr = float(np.sqrt(matrix[candidate, candidate]))
        half = z_quantile(confidence) * stderr
        mean = float(means[candidate])
        return Estimate(mean, stderr, mean - half, mean + half, 0)

    return Candidates(
        names=names or [str(i) for i in range(len(means))],
        means=means,
        covariance=matrix,
        mean_step=0.0,
        n=0,
        n_clusters=None,
        limits=(-np.inf, np.inf),
        interval=normal,
    )
