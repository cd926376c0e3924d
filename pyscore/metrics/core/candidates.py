"""Candidates for a selection: their estimates, how these err together, and the usual interval of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Floats, as_float64
from pyscore.metrics.core.intervals import Interval, z_quantile
from pyscore.metrics.core.joint import Joint, value_step
from pyscore.metrics.core.mean_intervals import means_of
from pyscore.metrics.core.readers import read_values, refuse
from pyscore.metrics.core.report import Estimate
from pyscore.metrics.core.scales import RATE, REAL, SHARE, Scale

__all__ = ["Candidates", "candidates_of_values", "candidates_with_covariance", "scale_of"]

_FAR = 7.0
"""Standard errors up to which 1 - confidence is well above rounding; beyond it ends lie on a straight line."""


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

        if u == 0:
            return float(self.means[candidate])
        near = min(abs(u), _FAR)
        estimate = self.interval(candidate, 2 * float(ndtr(near)) - 1)
        end = estimate.low if u > 0 else estimate.high
        if near < abs(u):
            end -= float(np.copysign(abs(u) - near, u) * self.stderr[candidate])
        return min(max(end, self.limits[0]), self.limits[1])


def scale_of(values: Floats) -> Scale:
    """What values seem to be: `RATE` for 0, 1 and ties of 0.5, `SHARE` for others within [0, 1], else `REAL`."""
    if value_step(values):
        return RATE
    return SHARE if values.min() >= 0 and values.max() <= 1 else REAL


def candidates_of_values(joint: Joint, interval: Interval, scale: Scale | None) -> Candidates:
    """Candidates from their values on the same questions, on the scale or on the one that they seem to be."""
    scale = scale or scale_of(joint.values)
    if joint.values.min() < scale.low or joint.values.max() > scale.high:
        raise ValueError(f"scores must lie within [{scale.low:g}, {scale.high:g}], as the scale says")
    means = means_of(joint.values, [scale] * len(joint.names), joint.design, interval.ddof)
    covariance = joint.covariance.copy()
    if scale.method in ("wilson", "beta"):
        # All answers of a candidate alike: the variance of a rate with two more of each kind (Agresti & Coull 1998).
        constant, width = np.diag(covariance) == 0, scale.high - scale.low
        size = joint.design.sample.effective
        rates = ((joint.means[constant] - scale.low) / width * size + 2) / (size + 4)
        covariance[constant, constant] = width**2 * rates * (1 - rates) / size

    def of_values(candidate: int, confidence: float) -> Estimate:
        return means[candidate].estimate(replace(interval, confidence=confidence))

    return Candidates(
        names=joint.names,
        means=joint.means,
        covariance=covariance,
        mean_step=joint.mean_step,
        n=joint.design.sample.n,
        n_clusters=joint.design.n_clusters,
        limits=(scale.low, scale.high),
        interval=of_values,
    )


def candidates_with_covariance(scores: Any, covariance: Any) -> Candidates:
    """Candidates whose errors are normal, with a known covariance."""
    names = [str(key) for key in scores] if isinstance(scores, Mapping) else None
    means = read_values(list(scores.values()) if isinstance(scores, Mapping) else scores, "scores")
    refuse("scores", means, np.isinf(means), "= {} must be finite")
    matrix = as_float64(covariance, "covariance", 2)
    if matrix.shape != (len(means), len(means)):
        raise ValueError(f"covariance must be [{len(means)}, {len(means)}], as there are scores; got {matrix.shape}")
    refuse("covariance", matrix, ~np.isfinite(matrix), "= {} must be finite")
    if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix).min() < -1e-9 * np.abs(matrix).max():
        raise ValueError("covariance must be symmetric, with no negative variance of any combination")
    refuse("covariance", np.diag(matrix), np.diag(matrix) <= 0, "on the diagonal = {} must be above 0")

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
