"""Correlations of two columns, with intervals."""

from __future__ import annotations

import math

from pyscore.metrics.arrays import Floats
from pyscore.metrics.estimate import NAN, Estimate
from pyscore.metrics.trends import spearman

__all__ = ["correlations", "pearson"]


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


def correlations(x: Floats, y: Floats, confidence: float) -> dict[str, Estimate]:
    """Pearson's r and Spearman's rho of independent pairs; rho with the interval of Bonett & Wright 2000."""
    r = pearson(x, y, confidence)
    rho = r if math.isnan(r.value) else spearman(x, y, confidence)[0]
    return {"pearson": r, "spearman": rho}
