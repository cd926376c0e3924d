"""Differences on many datasets at once: p-values adjusted for how many tests were made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, overload

import numpy as np

from pyscore.metrics.core.arrays import Floats
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.readers import read_shares
from pyscore.metrics.core.report import NAN, Estimate, Report
from pyscore.metrics.differences import HEADLINES, Difference
from pyscore.ops import checks

__all__ = ["ADJUSTMENTS", "TESTS", "adjust_p_values", "compare_many"]

ADJUSTMENTS = ("holm", "benjamini-hochberg")
TESTS = ("interval", "wilcoxon", "sign_test")


@overload
def adjust_p_values(p_values: Mapping[str, float], method: str = "holm") -> dict[str, float]: ...
@overload
def adjust_p_values(p_values: Any, method: str = "holm") -> Floats: ...
def adjust_p_values(p_values: Any, method: str = "holm") -> Floats | dict[str, float]:
    """P-values corrected for how many tests were made: reject where the adjusted one is at most alpha.

    - "holm" keeps the chance of any false rejection at alpha, whatever the dependence between tests: the i-th smallest
      of k becomes max_{j ≤ i} min(1, (k - j + 1) p_(j)). Holm 1979, "A Simple Sequentially Rejective Multiple Test
      Procedure".
    - "benjamini-hochberg" keeps the expected share of false among all rejections at alpha, for tests that are
      independent or positively dependent: min_{j ≥ i} min(1, k p_(j) / j). Benjamini & Hochberg 1995, "Controlling the
      False Discovery Rate".

    Args:
        p_values: ``[k]`` in [0, 1], or a mapping of name -> p-value.
        method: "holm" or "benjamini-hochberg".

    Returns:
        ``[k]`` float64 in the order given, or for a mapping a dictionary with the same names.

    Raises:
        ValueError: no p-values, a NaN or one outside [0, 1], with its row; an unknown method.
    """
    checks.check_choice(method, "method", ADJUSTMENTS)
    if isinstance(p_values, Mapping):
        return dict(zip(p_values, adjust_p_values(list(p_values.values()), method).tolist(), strict=True))
    p = read_shares(p_values, "p_values")
    if method == "holm":
        return _holm(p)
    from scipy.stats import false_discovery_control

    return np.asarray(false_discovery_control(p, method="bh"))


def compare_many(
    differences: Mapping[str, Difference],
    *,
    metric: str = "mean_probability",
    test: str = "interval",
    method: str = "holm",
    alpha: float = 0.05,
) -> Report:
    """Two models over many datasets: differences of one metric, with adjusted p-values.

    Args:
        differences: dataset -> `Difference`, as `paired_difference` or `unpaired_difference` returns it.
        metric: "mean_probability", "preference_rate" or "mean_log_odds".
        test: "interval", the p-value of the difference's own interval. "sign_test" and "wilcoxon" are of the paired
            differences of probability and ask other questions than whether their mean is 0: a skewed difference of mean
            0 is "rejected" by Wilcoxon's test in most samples of a few hundred questions.
        method: as in `adjust_p_values`.
        alpha: a dataset is ``rejected`` ("these differ") where its adjusted p-value is at most this.

    Returns:
        A report with one row a dataset. Its intervals are each dataset's own, not adjusted: one that leaves out 0 is no
        rejection. A dataset whose difference has no p-value is ``untested`` and doesn't count among the tests.

    Raises:
        ValueError: no differences, intervals of unlike confidence, an unknown metric, test or method, alpha outside
            (0, 1).
    """
    checks.check_choice(metric, "metric", HEADLINES)
    checks.check_choice(test, "test", TESTS)
    if test != "interval" and metric != "mean_probability":
        raise ValueError(f"test {test!r} is of differences of probability: give test='interval' for {metric}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha!r} (5 % is 0.05)")
    if not differences:
        raise ValueError("differences is empty: there is nothing to compare")
    confidence = next(iter(differences.values())).confidence
    odd = [name for name, difference in differences.items() if difference.confidence != confidence]
    if odd:
        raise ValueError(f"differences[{odd[0]!r}] has intervals of another confidence than the first, {confidence:g}")
    p_values = {
        name: float(difference.p_values[metric] if test == "interval" else getattr(difference, test))
        for name, difference in differences.items()
    }
    tested = {name: p for name, p in p_values.items() if not math.isnan(p)}
    adjusted = adjust_p_values(tested, method) if tested else {}
    rows = [
        _row(name, difference, getattr(difference, metric), p_values[name], adjusted.get(name, NAN), alpha)
        for name, difference in differences.items()
    ]
    return Report.of(
        "compare_many",
        Interval(confidence),
        title=f"{len(rows)} datasets, difference of {metric.replace('_', ' ')}, a - b",
        estimates={},
        numbers={
            "datasets": len(rows),
            "rejected": sum(bool(row["rejected"]) for row in rows),
            "untested": len(rows) - len(tested),
        },
        rows=rows,
        of=metric,
        test=test,
        adjustment=method,
        alpha=f"{alpha:g}",
    )


def _row(
    name: str, difference: Difference, estimate: Estimate, p: float, adjusted: float, alpha: float
) -> dict[str, str | float]:
    return {
        "dataset": name,
        "questions": difference.n_questions,
        "difference": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "p": p,
        "adjusted_p": adjusted,
        "rejected": adjusted <= alpha,
        "reason": estimate.reason,
    }


def _holm(p: Floats) -> Floats:
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted
