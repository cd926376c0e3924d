"""Fewer questions a checkpoint: the mean over all questions from some of them, by what an earlier checkpoint scored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyscore._integers import as_int
from pyscore.metrics.core.arrays import Floats, Keys, cluster_sums
from pyscore.metrics.core.design import Design, Sample, read_design
from pyscore.metrics.core.intervals import Interval, t_quantile
from pyscore.metrics.core.means import estimate_mean
from pyscore.metrics.core.readers import check_same_length, read_values, refuse
from pyscore.metrics.core.report import NAN, Estimate, Report, in_clusters, write_signature
from pyscore.metrics.core.scales import ROUNDING, Scale

__all__ = ["control_variate"]


def control_variate(
    values: Any,
    control: Any,
    control_mean: float,
    *,
    n_all: int,
    slope: float | None = None,
    low: float = 0.0,
    high: float = 1.0,
    clusters: Keys = None,
    confidence: float = 0.95,
) -> Report:
    """The mean of a checkpoint that answered n questions, drawn at random from ``n_all`` that an earlier one answered.

    θ = ȳ + b (X - x̄), with y the checkpoint's scores, x the earlier one's on the same questions, X the earlier one's
    mean over all: the regression estimator with b = Σ (x - x̄)(y - ȳ) / Σ (x - x̄)², the difference estimator with
    b = 1 (Cochran 1977, "Sampling Techniques", ch. 7). It stands for two means, whose errors differ, and for a change:

    - ``these_questions``, the mean that the checkpoint would have on the ``n_all`` questions:
      se² = (1 - n/n_all) v, where v is the leave-one-out variance of θ, b and all, at fixed X:
      v = (C - 1)/C Σ_c (θ_(c) - θ)², about the variance of y - b x divided by n.
    - ``new_questions``, its mean over all questions of this kind, of which those are a sample:
      se² = (1 - n/n_all) v + n/n_all · v_y, with v_y the leave-one-out variance of ȳ (double sampling: Cochran 1977,
      ch. 12). No control takes it below what ``n_all`` questions would give.
    - ``change``, θ - X as an estimate of the mean of y - x over all questions of this kind, with v_(y-x) for v_y; where
      the control's values lie in [low, high] too.

    ``plain_mean`` is ȳ, new questions without a control, as `estimate_mean` has it. The other intervals are Student's t
    with Kish's effective number of units - 2 degrees of freedom (- 1 for a given slope), cut to the range.

    Args:
        values: ``[n]`` scores of the checkpoint, in [low, high].
        control: ``[n]`` scores of the earlier checkpoint on the same questions.
        control_mean: X, its mean over all ``n_all`` questions.
        n_all: how many questions there are in all, those that were drawn too.
        slope: b where it is given, such as 1; fitted by default.
        low, high: what values can be; -inf and inf for log odds.
        clusters: one hashable key a question, where whole clusters were drawn. All of a drawn cluster is here.
        confidence: of the intervals.

    Returns:
        Report with these estimates; numbers ``slope``, ``correlation`` (of values and control), ``n_all``.

    Raises:
        ValueError: lengths that differ, a value out of range or infinite, with its row; ``n_all`` below n.
    """
    scale, interval = Scale(low, high, "beta" if math.isfinite(high - low) else "t"), Interval(confidence)
    margin = ROUNDING * (high - low if math.isfinite(high - low) else 1.0)
    y, x = _read(values, control, scale, margin)
    if not all(map(math.isfinite, (control_mean, 0.0 if slope is None else slope))):
        raise ValueError(f"control_mean and slope must be finite, got {control_mean!r} and {slope!r}")
    of_scale = low - margin <= x.min() and x.max() <= high + margin
    if of_scale and not low - margin <= control_mean <= high + margin:
        raise ValueError(f"control_mean = {control_mean:g} is outside of [{low:g}, {high:g}], where the control lies")
    if as_int(n_all, "n_all") < len(y):
        raise ValueError(f"n_all must count the {len(y)} questions that were drawn too, got {n_all}")
    design, fraction, fitted = read_design(len(y), clusters), len(y) / n_all, slope is None
    found, slopes = _leave_one_out(y, x, control_mean, slope, design)
    value, b = float(found[0]), float(slopes[0])
    v = _variance(found[1:] - value, y, b * x)
    plain = estimate_mean(y, clusters=clusters, interval=interval, scale=scale)
    difference = estimate_mean(y - x, clusters=clusters, interval=interval)
    shown = _Shown(design.sample, fraction, v, confidence, 1 + fitted)
    estimates = {
        "these_questions": shown.estimate(value, None, scale),
        "new_questions": shown.estimate(value, plain, scale),
        "plain_mean": plain,
    }
    if of_scale:
        estimates["change"] = shown.estimate(value - control_mean, difference, Scale(low - high, high - low))
    return Report(
        title=f"control variate: {len(y)} of {n_all} questions{in_clusters(design.n_clusters)}",
        estimates=estimates,
        signature=write_signature(
            "control_variate",
            slope="fitted" if slope is None else f"{slope:g}",
            range=f"[{low:g},{high:g}]",
            confidence=f"{confidence:g}",
        ),
        confidence=confidence,
        numbers={"slope": b, "correlation": _correlation(y, x), "n_all": n_all},
    )


def _read(values: Any, control: Any, scale: Scale, margin: float) -> tuple[Floats, Floats]:
    y, x = read_values(values, "values"), read_values(control, "control")
    check_same_length("questions", values=y, control=x)
    outside = (y < scale.low - margin) | (y > scale.high + margin) | np.isinf(y)
    refuse("values", y, outside, f"= {{}} is outside [{scale.low:g}, {scale.high:g}] or infinite")
    refuse("control", x, np.isinf(x), "= {} is infinite: leave such questions out of both, or compare shares")
    return y, x


def _leave_one_out(
    y: Floats, x: Floats, control_mean: float, slope: float | None, design: Design
) -> tuple[Floats, Floats]:
    """θ and its slope ``[1 + units]``: over all questions, and without each unit."""
    dy, dx = y - y.mean(), x - x.mean()
    columns = np.column_stack([np.ones(len(y)), dy, dx, dx * dx, dx * dy])
    units = cluster_sums(columns, design.codes, design.sample.units)
    left_out = np.concatenate([np.zeros((1, 5)), units if len(units) > 1 else units[:0]])
    n, sum_y, sum_x, sxx, sxy = (columns.sum(axis=0) - left_out).T
    sxx, sxy = sxx - sum_x**2 / n, sxy - sum_x * sum_y / n
    # Where the control is constant, but for rounding, there is no slope to fit: it is left aside.
    varies = sxx > 1e-12 * np.square(x).sum()
    slopes = np.divide(sxy, sxx, out=np.zeros(len(n)), where=varies) if slope is None else np.full(len(n), slope)
    return y.mean() + sum_y / n + slopes * (control_mean - x.mean() - sum_x / n), slopes


def _variance(deviations: Floats, *terms: Floats) -> float:
    """(C - 1)/C Σ deviations², of leaving out each of C units; 0 where they are rounding errors of the terms."""
    size = sum(float(np.abs(term).max()) for term in terms)
    if not (np.abs(deviations) > 1e-12 * size).any():
        return 0.0
    return float(deviations @ deviations) * (1 - 1 / len(deviations))


def _correlation(y: Floats, x: Floats) -> float:
    dy, dx = y - y.mean(), x - x.mean()
    spread = math.sqrt(float(dy @ dy) * float(dx @ dx))
    return float(dy @ dx) / spread if spread > 1e-12 * len(y) * float(np.abs(y).max() * np.abs(x).max()) else NAN


@dataclass(frozen=True)
class _Shown:
    """How a value becomes an estimate for the questions that were to be asked, or for new ones.

    Attributes:
        fraction: n/n_all.
        variance: v.
        parameters: what is taken off the effective number of units.
    """

    sample: Sample
    fraction: float
    variance: float
    confidence: float
    parameters: int

    def estimate(self, value: float, of_all: Estimate | None, scale: Scale) -> Estimate:
        """For new questions, ``of_all`` is the plain mean whose variance ``n_all`` questions share."""
        low, high, _ = scale
        value, sample = min(max(value, low), high), self.sample
        shared = 0.0 if of_all is None or of_all.reason else of_all.stderr**2
        variance = (1 - self.fraction) * self.variance + self.fraction * shared
        reason = sample.reason()
        if not reason and sample.effective < self.parameters + 1:
            reason = f"{sample.effective:.3g} effective {sample.unit}s: too few for a slope and a spread"
        if not reason and (self.variance == 0 or (of_all is not None and shared == 0)):
            reason = f"what is averaged is the same for every {sample.unit}: no spread to estimate from"
        if not reason and variance == 0:
            reason = "all of these questions were asked: this is their mean"
        if reason:
            return Estimate.without_interval(value, sample.n, reason)
        stderr = math.sqrt(variance)
        half = t_quantile(self.confidence, sample.effective - self.parameters) * stderr
        return Estimate(value, stderr, max(value - half, low), min(value + half, high), sample.n)
