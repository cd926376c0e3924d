"""Summary: the two headline numbers and their companions, each with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyscore.metrics.arrays import METRICS, Columns, Floats, cluster_sums
from pyscore.metrics.binning import width_bins
from pyscore.metrics.estimate import Estimate, json_number, table
from pyscore.metrics.means import Interval
from pyscore.metrics.report import ties_of, write_signature

__all__ = ["N_BINS", "RATES", "Summary", "bin_gaps", "summary_signature"]

RATES = [name in ("preference_rate", "tie_rate") for name in METRICS]
N_BINS = 15  # as in Guo et al. 2017


@dataclass(frozen=True)
class Summary:
    """What a set of compared answers says, as returned by `summarize`.

    Attributes:
        mean_probability: the average normalised probability on the matching answers.
        preference_rate: the share of questions whose matching answer beats the others; ties as the comparison set them.
        mean_probability_raw: the average mass that the model really puts on the matching answers.
        mean_log_odds: average log odds of matching against other answers, nats.
        mean_coverage: the average mass that the compared answers cover.
        tie_rate: the share of exact ties.
        brier: mean of (1 - probability)², 0 to 1.
        ece: expected calibration error of max(p, 1 - p), right where p > 1/2, 15 equal-width bins.
        n_questions: how many questions went in (with weights: how many of positive weight).
        n_clusters: how many clusters, or None where none were given.
        confidence: of every interval, for example 0.95.
        method: what was asked for: "auto", "t", "wilson", "bootstrap" or "bca".
        signature: how the numbers were made: metric, ties, interval, version.
    """

    mean_probability: Estimate
    preference_rate: Estimate
    mean_probability_raw: Estimate
    mean_log_odds: Estimate
    mean_coverage: Estimate
    tie_rate: Estimate
    brier: float
    ece: float
    n_questions: int
    n_clusters: int | None
    confidence: float
    method: str
    signature: str

    def __str__(self) -> str:
        clusters = "" if self.n_clusters is None else f" in {self.n_clusters} clusters"
        estimates = {name: getattr(self, name) for name in METRICS}
        return (
            f"{self.n_questions} questions{clusters}\n{table(estimates, self.confidence)}\n"
            f"brier {self.brier:.4f}, ece {self.ece:.4f}\n{self.signature}"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: estimates as nested objects, NaN and infinities as None."""
        return {name: getattr(self, name).to_dict() for name in METRICS} | {
            "brier": json_number(self.brier),
            "ece": json_number(self.ece),
            "n_questions": self.n_questions,
            "n_clusters": self.n_clusters,
            "confidence": self.confidence,
            "method": self.method,
            "signature": self.signature,
        }


def summary_signature(ties: tuple[int, int, float], interval: Interval) -> str:
    """The signature of a summary, from `Columns.ties` and the interval."""
    return write_signature("summary", ties=ties_of(*ties), **interval.settings())


def bin_gaps(columns: Columns, weights: Floats) -> Floats:
    """Σ w (correct - confidence) in each of 15 equal-width bins ((m-1)/15, m/15] of the confidence max(p, 1-p).

    The calibration error is the sum of their absolute values over Σ w. Guo et al. 2017, "On Calibration of Modern
    Neural Networks".
    """
    confidence = np.maximum(columns.probability, 1 - columns.probability)
    return cluster_sums(weights * (columns.correct - confidence), width_bins(confidence, N_BINS), N_BINS)
