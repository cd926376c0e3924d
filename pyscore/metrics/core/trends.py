"""How one column goes with another: correlations, and trends by least squares, with intervals and p-values."""

from __future__ import annotations

import math

import numpy as np

from pyscore.metrics.core.arrays import Floats
from pyscore.metrics.core.intervals import t_interval, z_quantile
from pyscore.metrics.core.report import NAN, Estimate

__all__ = ["EXACT", "correlations", "fit_parabola", "fit_slope", "pearson", "spearman"]

EXACT = 8
"""Up to so many points the p-value is of all orders, 8! = 40,320 of them; for more, Student's t is close."""


def pearson(x: Floats, y: Floats, confidence: float) -> Estimate:
    """Pearson's r of finite values with Fisher's interval tanh(atanh(r) ± z/√(n-3)); stderr (1 - r²)/√(n-3).

    Fisher 1921, "On the Probable Error of a Coefficient of Correlation Deduced from a Small Sample" (through scipy).
    NaN where a column is constant; no interval for fewer than 4 points or points on a line.
    """
    from scipy.stats import pearsonr

    n = len(x)
    if n < 2:
        return Estimate.without_interval(NAN, n, f"{n} points: no correlation")
    if x.min() == x.max() or y.min() == y.max():
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
    rho = r if math.isnan(r.value) else spearman(x, y, confidence)[0]
    return {"pearson": r, "spearman": rho}


def fit_slope(x: Floats, y: Floats, weights: Floats, confidence: float) -> tuple[Estimate, float]:
    """The slope of y on x by weighted least squares and its two-sided p-value, Student's t, m - 2 degrees of freedom.

    The scale of the errors is estimated from the scatter about the line, as ordinary least squares does.
    """
    m = len(x)
    if x.min() == x.max():
        return Estimate.without_interval(NAN, m, "one size: no slope"), NAN
    if m > 2 and y.min() == y.max():  # Least squares would give a slope and an error of mere rounding.
        return Estimate(0.0, 0.0, 0.0, 0.0, m), 1.0
    slope, stderr, p = _last_coefficient(np.vander(x - x.mean(), 2, increasing=True), y, weights)[1:]
    if m == 2:
        return Estimate.without_interval(slope, m, "two points: a line fits them exactly"), NAN
    return Estimate(slope, stderr, *t_interval(slope, stderr, m - 2, confidence), m), p


def fit_parabola(x: Floats, y: Floats, weights: Floats) -> tuple[float, float, float]:
    """y on 1, x, x²: the coefficient of x², its two-sided p-value, and the vertex if it lies within the range of x.

    NaN where there are under 4 points or 3 distinct x, or all y are equal; a vertex elsewhere is NaN too.
    """
    if len(x) < 4 or len(np.unique(x)) < 3 or y.min() == y.max():
        return NAN, NAN, NAN
    centre = x.mean()
    coefficients, curvature, _, p = _last_coefficient(np.vander(x - centre, 3, increasing=True), y, weights)
    vertex = centre - coefficients[1] / (2 * curvature) if curvature else NAN
    return curvature, p, float(vertex) if x.min() < vertex < x.max() else NAN


def _last_coefficient(terms: Floats, y: Floats, weights: Floats) -> tuple[Floats, float, float, float]:
    """All coefficients of the fit; the last one, its standard error and p-value: NaN without degrees of freedom."""
    from scipy.special import stdtr

    root = np.sqrt(weights)
    scaled, dof = terms * root[:, None], len(y) - terms.shape[1]
    coefficients: Floats = np.linalg.lstsq(scaled, y * root)[0].astype(np.float64)
    last = float(coefficients[-1])
    if not dof:
        return coefficients, last, NAN, NAN
    residuals = (y - terms @ coefficients) * root
    spread = float(np.linalg.inv(scaled.T @ scaled)[-1, -1])
    stderr = math.sqrt(residuals @ residuals / dof * spread)
    p = float(2 * stdtr(dof, -abs(last) / stderr)) if stderr else float(last == 0)
    return coefficients, last, stderr, p
