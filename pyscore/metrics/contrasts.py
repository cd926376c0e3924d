"""Contrasts over a study: slopes, differences and curves over checkpoints that were scored on the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Floats, Keys
from pyscore.metrics.core.checkpoints import Checkpoints, read_checkpoints, read_coefficients
from pyscore.metrics.core.design import leave_one_out
from pyscore.metrics.core.intervals import Interval, check_interval, t_interval
from pyscore.metrics.core.max_t import draw_max_t, joint_confidence, step_down
from pyscore.metrics.core.mean_intervals import means_of
from pyscore.metrics.core.means import estimate_columns
from pyscore.metrics.core.readers import check_length, read_values, refuse
from pyscore.metrics.core.report import NAN, Estimate, Report
from pyscore.metrics.core.scales import Scale
from pyscore.metrics.core.trends import ROUNDING, fit_slope

__all__ = ["contrast", "curve", "interaction", "last_minus_first", "slope_coefficients", "study_slope"]


def slope_coefficients(x: Any) -> Floats:
    """``[K]``: c_k = (x_k - x̄)/Σ (x - x̄)², whose contrast is the least squares slope of the means on x.

    Args:
        x: ``[K]``, what the checkpoints are ordered by: log10 of parameters or of training steps, or anything finite.

    Raises:
        ValueError: a value that isn't finite, or all of them equal.
    """
    at = read_values(x, "x")
    refuse("x", at, np.isinf(at), "= {} must be finite: leave out step 0, or use log10(step + 1)")
    if np.ptp(at) <= ROUNDING * np.abs(at).max():
        raise ValueError(f"x is {at[0]:g} for every checkpoint: a slope needs two or more values")
    from_centre = at - at.mean()
    coefficients: Floats = from_centre / (from_centre @ from_centre)
    return coefficients


def last_minus_first(n_checkpoints: int) -> Floats:
    """``[K]``: -1 for the first checkpoint, 1 for the last, 0 between."""
    if n_checkpoints < 2:
        raise ValueError(f"n_checkpoints must be at least 2, got {n_checkpoints!r}")
    return np.array([-1.0, *[0.0] * (n_checkpoints - 2), 1.0])


def interaction(first: Any, second: Any) -> Floats:
    """``[K1 + K2]``: the first contrast minus the second, over the checkpoints of the first, then of the second.

    interaction(slope_coefficients(x_tuned), slope_coefficients(x_base))  # the difference of two slopes
    """
    return np.concatenate([read_values(first, "first"), -read_values(second, "second")])


def contrast(
    scores: Any,
    coefficients: Any,
    *,
    metric: str = "mean_probability",
    scale: Scale | None = None,
    clusters: Keys = None,
    weights: Any = None,
    interval: Interval = Interval(),
    name: str = "contrast",
) -> Report:
    """Σ_k c_k · (mean of checkpoint k), for checkpoints that share their questions: a slope, a difference, anything.

    Each question has its own contrast d_i = Σ_k c_k s_ik, and the estimate is their mean with the interval of
    `estimate_mean`, Student's t on the leave-one-cluster-out error: what questions have in common over the checkpoints
    cancels where the coefficients add up to 0. It is about these checkpoints on new questions, or new clusters of them,
    and not about other models: for these see `study_slope`. The difference of two checkpoints of 0/1 outcomes has
    Tango's interval, as in `paired_difference`.

    Args:
        scores: ``[n, K]``, a row a question and a column a checkpoint; or a mapping name -> ``[n]`` or `Comparison`; or
            a sequence of K `Comparison`, all on the same questions in the same order.
        coefficients: ``[K]``, from `slope_coefficients`, `last_minus_first`, `interaction` or by hand; or a mapping
            name -> c, where a checkpoint that isn't named has 0.
        metric: which of a comparison: mean_probability, preference_rate, mean_log_odds, ...
        scale: what scores can be; by default `RATE` where all are 0, 1 or 1/2, `SHARE` where all lie in [0, 1], else
            `REAL`; log odds are `REAL`. The interval stays within what a contrast of such scores can be.
        clusters: one hashable key a question.
        weights: one non-negative number a question.
        interval: confidence and method.
        name: what the estimate is called.

    Returns:
        Report with the estimate ``name``; ``p`` in ``numbers`` is two-sided, by the statistic of the interval; NaN for
        a bootstrap. ``rows`` hold each checkpoint's coefficient and mean.

    Raises:
        ValueError: no questions, one checkpoint, lengths that differ, a score that isn't finite or outside the scale,
            coefficients all 0. KeyError: a coefficient for a checkpoint that isn't there.
    """
    study = read_checkpoints(scores, metric, scale, clusters, weights)
    c = read_coefficients(coefficients, study.names)
    estimate, p = _contrast(study, c, check_interval(interval))
    columns = zip(study.names, c.tolist(), study.means.tolist(), strict=True)
    return Report.of(
        "contrast",
        interval,
        title=f"contrast of {study}",
        estimates={name: estimate},
        numbers={"p": p},
        rows=[{"checkpoint": key, "coefficient": by, "mean": mean} for key, by, mean in columns],
        of=study.metric,
    )


def study_slope(
    scores: Any,
    x: Any,
    *,
    metric: str = "mean_probability",
    scale: Scale | None = None,
    clusters: Keys = None,
    weights: Any = None,
    interval: Interval = Interval(),
) -> Report:
    """The slope of the checkpoints' means on x, with two intervals, one for each question that it can answer.

    ``these_checkpoints_on_new_questions``: the `contrast` with `slope_coefficients`. Would these same checkpoints show
    the trend on other questions of this kind? It knows nothing of what another run would give. Use it for what happened
    in a training run, or between the models that one has.

    ``other_models``: the scatter of the checkpoints' means about the line, Student's t with K - 2 degrees of freedom,
    at a standard error never below that of the contrast, and never narrower than its interval. Would other models, of
    which these are a sample, show the trend? Use it for claims about size in general. It takes the models for
    independent, which neighbouring checkpoints of one run are not.

    Both have one value, that of ordinary least squares on the means. Arguments and errors as in `contrast`, with ``x``
    as in `slope_coefficients`; ``scatter`` is the root mean square of the residuals over K - 2.
    """
    study = read_checkpoints(scores, metric, scale, clusters, weights)
    c, at, k = slope_coefficients(x), read_values(x, "x"), len(study.names)
    check_length("x", c, k, "checkpoint")
    these, p_these = _contrast(study, c, check_interval(interval))
    fit, _, scatter = fit_slope(at, study.means, None, interval.confidence)
    stderr = float(np.fmax(fit.stderr, these.stderr))
    if k > 2 and stderr > 0:
        from scipy.special import stdtr

        low, high = t_interval(these.value, stderr, k - 2, interval.confidence)
        low, high = float(np.fmin(low, these.low)), float(np.fmax(high, these.high))
        others = Estimate(these.value, stderr, low, high, k)
        p_others = float(np.fmax(2 * stdtr(k - 2, -abs(these.value) / stderr), p_these))
    else:
        reason = fit.reason if k > 2 else "two checkpoints: a line fits them exactly"
        others, p_others = Estimate.without_interval(these.value, k, reason), NAN
    columns = zip(study.names, at.tolist(), study.means.tolist(), strict=True)
    return Report.of(
        "study_slope",
        interval,
        title=f"slope of {study}",
        estimates={"these_checkpoints_on_new_questions": these, "other_models": others},
        numbers={"p_these_checkpoints": p_these, "p_other_models": p_others, "scatter": scatter},
        rows=[{"checkpoint": key, "x": place, "mean": mean} for key, place, mean in columns],
        of=study.metric,
    )


def curve(
    scores: Any,
    x: Any = None,
    *,
    against: str | int | None = None,
    metric: str = "mean_probability",
    scale: Scale | None = None,
    clusters: Keys = None,
    weights: Any = None,
    interval: Interval = Interval(),
) -> Report:
    """Every checkpoint's mean, with an interval for each alone and a band that holds the whole curve.

    The band is made of the same intervals at the higher confidence for which P(max_k |T_k| ≤ q) is that asked for, q
    being the quantile of a single |T_k|. T is multivariate t with the correlation of the means and the degrees of
    freedom of their leave-one-cluster-out errors, from ``interval.n_resamples`` seeded draws. Hothorn, Bretz & Westfall
    2008, "Simultaneous Inference in General Parametric Models". The more the checkpoints have in common, the narrower
    the band; it stays within the range of the scale, as the intervals do.

    With ``against`` each row also has the paired difference to that checkpoint, its two-sided p-value, and the p-value
    adjusted for the number of differences by step-down max |T|: the smallest is compared with the smallest of all
    draws, the next with that of the rest, and so on. Romano & Wolf 2005, "Exact and Approximate Stepdown Methods for
    Multiple Hypothesis Testing".

    Args:
        scores, metric, scale, clusters, weights, interval: as in `contrast`.
        x: ``[K]``, where the checkpoints lie, shown in the rows.
        against: the name or, in order, the index of a checkpoint.

    Returns:
        Report whose ``rows`` hold checkpoint, x, mean, stderr, low, high, band_low, band_high and reason, and with
        ``against`` difference, p and adjusted_p, NaN where a difference has no spread.

    Raises:
        ValueError: as in `contrast`. KeyError: no checkpoint is called ``against``.
    """
    study = read_checkpoints(scores, metric, scale, clusters, weights)
    check_interval(interval)
    rows: dict[str, Sequence[Any]] = {"checkpoint": study.names}
    if x is not None:
        rows["x"] = read_values(x, "x").tolist()
        check_length("x", rows["x"], len(study.names), "checkpoint")
    left_out = leave_one_out(study.values, study.design)
    confidence = joint_confidence(draw_max_t(left_out, study.design.sample, interval), study.design.sample, interval)
    scales = [study.scale] * len(study.names)
    alone = estimate_columns(study.values, scales, study.design, interval)
    band = estimate_columns(study.values, scales, study.design, replace(interval, confidence=confidence))
    rows |= {key: [getattr(e, of) for e in alone] for key, of in _COLUMNS.items()}
    rows |= {"band_low": [e.low for e in band], "band_high": [e.high for e in band]}
    rows["reason"] = [e.reason for e in alone]
    reference = None if against is None else study.find(against)
    if reference is not None:
        rows |= _differences(study, reference, interval)
    return Report.of(
        "curve",
        interval,
        title=f"curve of {study}",
        estimates={},
        numbers={"confidence_of_each_in_band": confidence},
        rows=[dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)],
        band=f"max-t:{interval.n_resamples}:{interval.seed}",
        against=None if reference is None else study.names[reference],
        of=study.metric,
    )


_COLUMNS = {"mean": "value", "stderr": "stderr", "low": "low", "high": "high"}


def _contrast(study: Checkpoints, c: Floats, interval: Interval) -> tuple[Estimate, float]:
    """The mean of the questions' contrasts and its p-value. It is made for the largest coefficient 1, then scaled."""
    unit = float(np.abs(c).max())
    scale = study.contrast_scale(c / unit, interval)
    values = (study.values @ (c / unit))[:, None]
    values[np.abs(values) <= ROUNDING * np.abs(study.values).max()] = 0.0
    design = study.design
    if scale.method == "t" and abs(c.sum()) <= ROUNDING * unit:
        moved = len(np.unique(design.codes[values[:, 0] != 0]))
        if moved == 1 and design.sample.units > 1:
            reason = f"the contrast differs from 0 in one {design.sample.unit} only: no spread to estimate from"
            value = unit * means_of(values, [scale], design)[0].value
            return Estimate.without_interval(value, design.sample.n, reason), NAN
        if moved:
            sample = replace(design.sample, effective=min(design.sample.effective, float(moved)))
            design = replace(design, sample=sample)
    estimate = estimate_columns(values, [scale], design, interval)[0]
    p = NAN if interval.resamples else means_of(values, [scale], design, interval.ddof)[0].p_value()
    numbers = {field: unit * getattr(estimate, field) for field in ("value", "stderr", "low", "high")}
    return replace(estimate, **numbers), p


def _differences(study: Checkpoints, reference: int, interval: Interval) -> dict[str, list[Any]]:
    """The columns of the differences to one checkpoint; its own row has a difference of 0 and no p-value."""
    k, plain = len(study.names), replace(interval, method="auto") if interval.resamples else interval
    against = np.eye(k) - np.eye(k)[reference]
    found = [_contrast(study, c, plain) if c.any() else (None, NAN) for c in against]
    p = np.array([each for _, each in found])
    paired = leave_one_out(study.values - study.values[:, [reference]], study.design)
    draws = draw_max_t(paired, study.design.sample, interval)
    return {
        "difference": [0.0 if e is None else e.value for e, _ in found],
        "p": p.tolist(),
        "adjusted_p": step_down(p, draws, study.design.sample).tolist(),
    }
