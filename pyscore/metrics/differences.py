"""Two models, checkpoints or prompts on the same questions: paired differences, and tests on many datasets at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from pyscore.metrics.core.arrays import Floats, Keys
from pyscore.metrics.core.columns import METRICS, read_columns
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import Averages
from pyscore.metrics.core.readers import check_same_length, read_shares
from pyscore.metrics.core.report import Estimate, Headlines, Report, in_clusters, write_signature
from pyscore.ops import Comparison, checks

__all__ = ["ADJUSTMENTS", "Difference", "adjust_p_values", "compare_many", "paired_difference", "sign_test"]

ADJUSTMENTS = ("holm", "benjamini-hochberg")
TESTS = ("wilcoxon", "sign_test")
HEADLINES = ("mean_probability", "preference_rate", "mean_log_odds")


@dataclass(frozen=True)
class Difference(Headlines):
    """The mean of a - b over the same questions, as returned by `paired_difference`.

    Attributes:
        mean_probability: difference of the average normalised probabilities.
        preference_rate: difference of the preference rates.
        mean_log_odds: difference of the average log odds, nats.
        sign_test: two-sided p-value of the sign test on the differences of probability; equal pairs are left out.
        wilcoxon: two-sided p-value of Wilcoxon's signed-rank test on them; equal pairs are left out.
        n_questions: how many pairs.
        n_clusters: how many clusters, or None where none were given.
        confidence: of every interval.
        signature: how the numbers were made: metric, interval, version.
    """

    mean_probability: Estimate
    preference_rate: Estimate
    mean_log_odds: Estimate
    sign_test: float
    wilcoxon: float
    n_questions: int
    n_clusters: int | None
    confidence: float
    signature: str

    def _report(self) -> Report:
        title = f"{self.n_questions} paired questions{in_clusters(self.n_clusters)}, a - b"
        numbers = {"sign_test_p": self.sign_test, "wilcoxon_p": self.wilcoxon}
        return Report(title, self._estimates(), self.signature, self.confidence, numbers)


def paired_difference(a: Comparison, b: Comparison, *, clusters: Keys = None, confidence: float = 0.95) -> Difference:
    """Compare two scorings of the same questions, in the same order, on d_i = a_i - b_i.

    Intervals are Student's t on the mean of d, cluster-robust where clusters are given (Miller 2024). The sign and
    Wilcoxon tests run on the differences of probability, with clusters on each cluster's mean difference.

    Raises:
        ValueError: the lengths differ, a comparison is empty or holds a NaN, or a cluster is missing.
    """
    interval = Interval(confidence)
    first, second = read_columns(a, "a"), read_columns(b, "b")
    check_same_length("questions", a=first, b=second)
    over = Averages(len(first), clusters, interval)
    estimates = {
        name: over.difference(first.scores[:, i], second.scores[:, i])
        for i, name in enumerate(METRICS)
        if name in HEADLINES
    }
    tested = over.of_units(first.probability - second.probability)
    return Difference(
        **estimates,
        sign_test=sign_test(tested),
        wilcoxon=_wilcoxon(tested),
        n_questions=len(first),
        n_clusters=over.n_clusters,
        confidence=confidence,
        signature=write_signature("paired_difference", **interval.settings()),
    )


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
    differences: Mapping[str, Difference], *, test: str = "wilcoxon", method: str = "holm", alpha: float = 0.05
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
    checks.check_choice(test, "test", TESTS)
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
    return Report.of(
        "compare_many",
        Interval(confidence),
        title=f"{len(rows)} datasets, difference of mean probability, a - b",
        estimates={},
        numbers={"datasets": len(rows), "rejected": sum(bool(row["rejected"]) for row in rows)},
        rows=rows,
        test=test,
        adjustment=method,
        alpha=f"{alpha:g}",
    )


def sign_test(differences: Floats) -> float:
    """The two-sided binomial p-value of how many differences are positive; those that are 0 are left out."""
    from scipy.stats import binomtest

    moved = differences[differences != 0]
    return float(binomtest(int(np.count_nonzero(moved > 0)), len(moved)).pvalue) if len(moved) else 1.0


def _wilcoxon(differences: Floats) -> float:
    from scipy.stats import wilcoxon

    moved = differences[differences != 0]
    return float(wilcoxon(moved).pvalue) if len(moved) else 1.0


def _holm(p: Floats) -> Floats:
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted
