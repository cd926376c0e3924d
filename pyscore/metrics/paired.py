"""paired_difference: the same questions scored twice, by two models, checkpoints or prompts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyscore.metrics.arrays import METRICS, Floats, cluster_sums, read_clusters, read_columns
from pyscore.metrics.estimate import Estimate, json_number, table
from pyscore.metrics.means import Interval, estimate_difference
from pyscore.metrics.report import write_signature
from pyscore.ops.types import Comparison

__all__ = ["Difference", "paired_difference", "sign_test"]

HEADLINES = ("mean_probability", "preference_rate", "mean_log_odds")


@dataclass(frozen=True)
class Difference:
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

    def __str__(self) -> str:
        clusters = "" if self.n_clusters is None else f" in {self.n_clusters} clusters"
        estimates = {name: getattr(self, name) for name in HEADLINES}
        return (
            f"{self.n_questions} paired questions{clusters}, a - b\n{table(estimates, self.confidence)}\n"
            f"sign test p = {self.sign_test:.4g}, Wilcoxon p = {self.wilcoxon:.4g}\n{self.signature}"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: estimates as nested objects, NaN and infinities as None."""
        return {name: getattr(self, name).to_dict() for name in HEADLINES} | {
            "sign_test": json_number(self.sign_test),
            "wilcoxon": json_number(self.wilcoxon),
            "n_questions": self.n_questions,
            "n_clusters": self.n_clusters,
            "confidence": self.confidence,
            "signature": self.signature,
        }


def paired_difference(
    a: Comparison, b: Comparison, *, clusters: Iterable[Hashable] | None = None, confidence: float = 0.95
) -> Difference:
    """Compare two scorings of the same questions, in the same order, on d_i = a_i - b_i.

    Intervals are Student's t on the mean of d, cluster-robust where clusters are given (Miller 2024). The sign and
    Wilcoxon tests run on the differences of probability, with clusters on each cluster's mean difference.

    Raises:
        ValueError: the lengths differ, a comparison is empty or holds a NaN, or a cluster is missing.
    """
    interval = Interval(confidence)
    first, second = read_columns(a, "a"), read_columns(b, "b")
    if len(first) != len(second):
        raise ValueError(f"a and b must compare the same questions: a has {len(first)}, b has {len(second)}")
    codes, distinct = read_clusters(np.arange(len(first)) if clusters is None else clusters, len(first))
    given = None if clusters is None else codes
    estimates = {
        name: estimate_difference(first.scores[:, i], second.scores[:, i], clusters=given, interval=interval)
        for i, name in enumerate(METRICS)
        if name in HEADLINES
    }
    d = first.probability - second.probability
    tested = cluster_sums(d, codes, len(distinct)) / np.bincount(codes)
    return Difference(
        **estimates,
        sign_test=sign_test(tested),
        wilcoxon=_wilcoxon(tested),
        n_questions=len(d),
        n_clusters=None if clusters is None else len(distinct),
        confidence=confidence,
        signature=write_signature("paired_difference", **interval.settings()),
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
