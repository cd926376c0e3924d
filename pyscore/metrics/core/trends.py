"""How one column goes with another: correlations, slopes by least squares, and where a curve turns."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Codes, Floats
from pyscore.metrics.core.intervals import t_interval, z_quantile
from pyscore.metrics.core.report import NAN, Estimate

__all__ = [
    "EXACT",
    "Slopes",
    "Turns",
    "correlations",
    "find_turns",
    "fit_slope",
    "fit_slopes",
    "join_equal",
    "name_trends",
    "pearson",
    "spearman",
]

EXACT = 8
"""Up to so many points the p-value is of all orders, 8! = 40,320 of them; for more, Student's t is close."""

ROUNDING = 1e-12
"""Differences below this share of the largest value are rounding: no evidence of an order, a slope or a scatter."""


def pearson(x: Floats, y: Floats, confidence: float) -> Estimate:
    """Pearson's r of finite values with Fisher's interval tanh(atanh(r) ± z/√(n-3)); stderr (1 - r²)/√(n-3).

    Fisher 1921, "On the Probable Error of a Coefficient of Correlation Deduced from a Small Sample" (through scipy).
    NaN where a column is constant, but for rounding; no interval for fewer than 4 points or points on a line.
    """
    from scipy.stats import pearsonr

    n = len(x)
    if n < 2:
        return Estimate.without_interval(NAN, n, f"{n} points: no correlation")
    if _constant(x) or _constant(y):
        return Estimate.without_interval(NAN, n, "a column is constant: no correlation")
    result = pearsonr(x, y)
    r = float(result.statistic)
    if n < 4:
        return Estimate.without_interval(r, n, f"{n} points: an interval needs 4")
    if abs(r) > 1 - 1e-12:
        return Estimate.without_interval(r, n, "all points on a line: no spread to estimate from")
    ends = result.confidence_interval(confidence)
    return Estimate(r, (1 - r * r) / math.sqrt(n - 3), float(ends.low), float(ends.high), n)


def spearman(x: Floats, y: Floats, confidence: float) -> tuple[Estimate, float]:
    """Spearman's rho of finite values, and its two-sided p-value.

    The p-value is twice the smaller tail over all orders up to 8 points, else Student's t (scipy). The interval is
    tanh(atanh(rho) ± z se), se² = (1 + rho²/2)/(m - 3); Bonett & Wright 2000, "Sample Size Requirements for Estimating
    Pearson, Kendall and Spearman Correlations".
    """
    from scipy.stats import permutation_test, rankdata, spearmanr

    m = len(x)
    for values, what in ((x, "sizes"), (y, "values")):
        if values.min() == values.max():
            return Estimate.without_interval(NAN, m, f"all {what} are equal: no order"), NAN
    result = spearmanr(x, y)
    rho, p = float(result.statistic), float(result.pvalue)
    if m <= EXACT:
        ranks = rankdata(y)
        orders = permutation_test(
            (rankdata(x),), lambda r, axis: (r * ranks).sum(axis), permutation_type="pairings", n_resamples=np.inf
        )
        p = float(orders.pvalue)
    if m < 4:
        return Estimate.without_interval(rho, m, f"{m} points: an interval needs 4"), p
    if abs(rho) > 1 - 1e-12:
        return Estimate.without_interval(rho, m, "a perfect order: no spread to estimate from"), p
    stderr = math.sqrt((1 + rho**2 / 2) / (m - 3))
    low, high = np.tanh(math.atanh(rho) + z_quantile(confidence) * stderr * np.array([-1, 1]))
    return Estimate(rho, (1 - rho**2) * stderr, float(low), float(high), m), p


def correlations(x: Floats, y: Floats, confidence: float) -> dict[str, Estimate]:
    """Pearson's r and Spearman's rho of independent pairs; rho with the interval of Bonett & Wright 2000."""
    r = pearson(x, y, confidence)
    rho = r if math.isnan(r.value) else spearman(join_equal(x), join_equal(y), confidence)[0]
    return {"pearson": r, "spearman": rho}


def _constant(values: Floats) -> bool:
    return bool(np.ptp(values) <= ROUNDING * np.abs(values).max())


class Slopes(NamedTuple):
    """Lines through m points, one for each row of values.

    Attributes:
        value, stderr, p: ``[...]``, the slope, its standard error and two-sided p-value; NaN where there is none.
        scatter: ``[...]``, root mean square of the residuals over m - 2, in units of the known errors where given.
        dof: m - 2, of Student's t; infinity for two points with known errors, where it is the normal distribution.
    """

    value: Floats
    stderr: Floats
    p: Floats
    scatter: Floats
    dof: float


def fit_slopes(x: Floats, y: Floats, stderr: Floats | None = None) -> Slopes:
    """The slope on ``x [m]``, at least two distinct, of each row of ``y [..., m]``, by (weighted) least squares.

    b = Σ w (x - x̄) y / S, S = Σ w (x - x̄)², x̄ = Σ w x / Σ w. With known standard errors w = 1/stderr² and
    se = max(1, R)/√S, R² = Σ w r²/(m - 2) over the residuals r (Birge 1932, "The Calculation of Errors by the Method of
    Least Squares"); the truncation at 1 is that of Knapp & Hartung 2003, "Improved Tests for a Random Effects
    Meta-Regression with a Single Covariate". Without them w = 1 and se = R/√S. Student's t with m - 2 degrees of
    freedom either way, but for two points with known errors, which show no scatter: there it is normal with 1/√S.
    """
    from scipy.special import ndtr, stdtr

    m, unit = len(x), 1.0 if stderr is None else float(stderr.min())
    w = np.ones(m) if stderr is None else (unit / stderr) ** 2
    from_centre = x - w @ x / w.sum()
    spread = float(w @ from_centre**2)
    above = y - (y @ w / w.sum())[..., None]
    value = above @ (w * from_centre) / spread
    if m == 2:
        scatter = np.full(np.shape(value), NAN)
        error = scatter if stderr is None else np.full(np.shape(value), unit / math.sqrt(spread))
        return Slopes(value, error, 2 * ndtr(-np.abs(value) / error), scatter, math.inf)
    residuals = above - value[..., None] * from_centre
    scatter = np.sqrt(residuals**2 @ w / (m - 2)) / unit
    if stderr is None:
        scatter = np.where(scatter > ROUNDING * np.abs(y).max(-1), scatter, NAN)  # A perfect fit shows no scatter.
        error = scatter / math.sqrt(spread)
    else:
        error = np.maximum(scatter, 1.0) * unit / math.sqrt(spread)
    return Slopes(value, error, 2 * stdtr(m - 2, -np.abs(value) / error), scatter, m - 2)


def fit_slope(x: Floats, y: Floats, stderr: Floats | None, confidence: float) -> tuple[Estimate, float, float]:
    """The slope of y on x as an estimate, its two-sided p-value, and the scatter: `fit_slopes` of one row."""
    m = len(x)
    if x.min() == x.max():
        return Estimate.without_interval(NAN, m, "one size: no slope"), NAN, NAN
    fit = fit_slopes(x, y, stderr)
    value, error, p, scatter = float(fit.value), float(fit.stderr), float(fit.p), float(fit.scatter)
    if not math.isnan(error):
        if math.isinf(fit.dof):
            half = z_quantile(confidence) * error
            return Estimate(value, error, value - half, value + half, m), p, scatter
        return Estimate(value, error, *t_interval(value, error, m - 2, confidence), m), p, scatter
    if m == 2:
        reason = "two points without standard errors: a line fits them exactly"
    elif y.min() == y.max():
        value, reason = 0.0, "all values are equal: no scatter to estimate from"
    else:
        reason = "all points on a line: no scatter to estimate from"
    return Estimate.without_interval(value, m, reason), NAN, NAN


class Turns(NamedTuple):
    """The strongest turning point of each row of values.

    Attributes:
        p: ``[...]``, adjusted for the number of interior sizes and the two shapes.
        at: ``[...]``, which of the distinct x it is, in increasing order.
        is_low: ``[...]``, it lies below both ends; else above both.
    """

    p: Floats
    at: Codes
    is_low: Floats


def find_turns(x: Floats, y: Floats, stderr: Floats) -> Turns | None:
    """Does a curve turn: does an interior x of ``y [..., m]`` lie below both ends, or above both? None under 3 x.

    Points that share an x are averaged by inverse variance, v = 1/Σ stderr⁻². At an interior x, z_e = (ȳ - ȳ_e)/√(v +
    v_e) against either end e; "below both" is rejected by the larger of the two one-sided p-values, Φ(max z_e), and
    "above both" by Φ(-min z_e): intersection-union tests, of their level whatever the errors of the ends share (Berger
    1982, "Multiparameter Hypothesis Testing and Acceptance Sampling"). The smallest is multiplied by twice the number
    of interior x (Bonferroni).
    """
    from scipy.special import ndtr

    distinct, codes = np.unique(x, return_inverse=True)
    if len(distinct) < 3:
        return None
    unit = float(stderr.min())
    w = np.where(codes == np.arange(len(distinct))[:, None], (unit / stderr) ** 2, 0.0)
    means, variances = y @ (w / w.sum(1, keepdims=True)).T, unit**2 / w.sum(1)
    ends = means[..., [0, -1]]
    z = (means[..., 1:-1, None] - ends[..., None, :]) / np.sqrt(variances[1:-1, None] + variances[[0, -1]])
    above, below = z.min(-1), -z.max(-1)
    strength = np.maximum(above, below)
    at = strength.argmax(-1)[..., None]
    p = 2 * (len(distinct) - 2) * ndtr(-np.take_along_axis(strength, at, -1))
    is_low = np.take_along_axis(below > above, at, -1)
    return Turns(np.minimum(p, 1.0)[..., 0], at[..., 0] + 1, is_low[..., 0])


def name_trends(
    slope: Floats | float, slope_p: Floats | float, turns: Turns | None, level: float, higher_is_better: bool = True
) -> NDArray[np.str_]:
    """``[...]``, each row's verdict: a shape if its p-value is below the level, else a direction if the slope's is.

    Better is in the direction of the values, or against it.
    """
    rises, sided = np.asarray(slope) > 0, np.asarray(slope_p) < level
    names = np.where(sided, np.where(rises == higher_is_better, "positive", "inverse"), "flat or unclear")
    if turns is None:
        return names
    return np.where(turns.p < level, np.where(turns.is_low == higher_is_better, "U-shaped", "inverted-U"), names)


def join_equal(values: Floats) -> Floats:
    """The values with those that differ by rounding alone made equal."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    new = np.diff(ordered, prepend=-np.inf) > ROUNDING * np.abs(values).max()
    joined = np.empty_like(values)
    joined[order] = ordered[new][np.cumsum(new) - 1]
    return joined
