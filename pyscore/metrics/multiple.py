"""Many tests at once: adjusted p-values, and sweeps over many datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

import numpy as np

from pyscore.metrics.arrays import Floats
from pyscore.metrics.means import Interval, read_shares
from pyscore.metrics.paired import Difference
from pyscore.metrics.report import Report, write_signature

__all__ = ["ADJUSTMENTS", "adjust_p_values", "compare_many"]

ADJUSTMENTS = ("holm", "benjamini-hochberg")
TESTS = ("wilcoxon", "sign_test")


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
    if method not in ADJUSTMENTS:
        raise ValueError(f"method {method!r} is unknown: give one of {', '.join(ADJUSTMENTS)}")
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
    test: str = "wilcoxon",
    method: str = "holm",
    alpha: float = 0.05,
) -> Report:
    """Two models over many datasets: differences of `mean_probability`, with adjusted p-values.

    Args:
        differences: dataset -> `Difference`, as `paired_difference` returns it.
        test: "wilcoxon" or "sign_test", whose p-value each difference holds.
        method: as in `adjust_p_values`.
        alpha: a dataset is ``rejected`` ("these differ") where its adjusted p-value is at most this.

    Returns:
        A report with one row a dataset. Its intervals are each dataset's own, not adjusted: one that leaves out 0 is no
        rejection.

    Raises:
        ValueError: no differences, intervals of unlike confidence, an unknown test or method, alpha outside (0, 1).
    """
    if test not in TESTS:
        raise ValueError(f"test {test!r} is unknown: give one of {', '.join(TESTS)}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha!r} (5 % is 0.05)")
    if not differences:
        raise ValueError("differences is empty: there is nothing to compare")
    confidence = next(iter(differences.values())).confidence
    odd = [name for name, difference in differences.items() if difference.confidence != confidence]
    if odd:
        raise ValueError(f"differences[{odd[0]!r}] has intervals of another confidence than the first, {confidence:g}")
    p_values = {name: float(getattr(difference, test)) for name, difference in differences.items()}
    adjusted = adjust_p_values(p_values, method)
    rows = [
        {
            "dataset": name,
            "questions": difference.n_questions,
            "difference": difference.mean_probability.value,
            "low": difference.mean_probability.low,
            "high": difference.mean_probability.high,
            "p": p_values[name],
            "adjusted_p": adjusted[name],
            "rejected": adjusted[name] <= alpha,
        }
        for name, difference in differences.items()
    ]
    return Report(
        title=f"{len(rows)} datasets, difference of mean probability, a - b",
        estimates={},
        signature=write_signature(
            "compare_many", test=test, adjustment=method, alpha=f"{alpha:g}", **Interval(confidence).settings()
        ),
        confidence=confidence,
        numbers={"datasets": len(rows), "rejected": sum(bool(row["rejected"]) for row in rows)},
        rows=rows,
    )


def _holm(p: Floats) -> Floats:
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted
