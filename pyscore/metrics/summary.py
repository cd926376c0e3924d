"""summarize: the two headline numbers of compared answers and their companions, each with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from pyscore._extension import _C
from pyscore.metrics.core.arrays import Keys
from pyscore.metrics.core.calibration_error import BinSums, estimate_calibration_error, estimate_ece
from pyscore.metrics.core.cluster_totals import ClusterTotals, totals_of
from pyscore.metrics.core.columns import SUMMED, read_columns, read_scores
from pyscore.metrics.core.design import Sample, read_design
from pyscore.metrics.core.intervals import Interval, intra_cluster_correlation
from pyscore.metrics.core.mean_intervals import Mean, without_rounding
from pyscore.metrics.core.means import estimate_columns, infinite_mean
from pyscore.metrics.core.moments import Moments, bin_sums, read_chance, read_moments
from pyscore.metrics.core.report import NAN, Estimate, Headlines, Report, in_clusters, write_signature
from pyscore.metrics.core.scales import RATE, REAL, SHARE
from pyscore.ops import Comparison

__all__ = ["Summary", "summarize", "summarize_moments"]

_SCALES = [{"preference_rate": RATE, "tie_rate": RATE, "mean_log_odds": REAL}.get(name, SHARE) for name in SUMMED]


@dataclass(frozen=True)
class Summary(Headlines):
    """What a set of compared answers says, as returned by `summarize`.

    Attributes:
        mean_probability: the average normalised probability on the matching answers.
        preference_rate: the share of questions whose matching answer beats the others; ties as the comparison set them.
        mean_probability_raw: the average mass that the model really puts on the matching answers.
        mean_log_odds: average log odds of matching against other answers, nats.
        mean_coverage: the average mass that the compared answers cover.
        tie_rate: the share of exact ties.
        brier: mean of (1 - probability)², 0 to 1.
        ece: expected calibration error of max(p, 1 - p), right where p > 1/2, 15 equal-width bins. It has no interval,
            since it is biased: ``reason`` says what a calibrated model would show.
        calibration_error: the root of the mean squared calibration error over these bins, without bias.
        chance: the preference rate of an answer drawn at random from each question's; NaN where it is not known which
            answers were compared.
        n_questions: how many questions went in (with weights: how many of positive weight).
        n_clusters: how many clusters, or None where none were given.
        confidence: of every interval, for example 0.95.
        method: what was asked for: "auto", "t", "wilson", "bootstrap" or "bca".
        signature: how the numbers were made: metric, ties (where the comparison says), interval, version.
    """

    mean_probability: Estimate
    preference_rate: Estimate
    mean_probability_raw: Estimate
    mean_log_odds: Estimate
    mean_coverage: Estimate
    tie_rate: Estimate
    brier: Estimate
    ece: Estimate
    calibration_error: Estimate
    chance: float
    n_questions: int
    n_clusters: int | None
    confidence: float
    method: str
    signature: str

    def _report(self) -> Report:
        title = f"{self.n_questions} questions{in_clusters(self.n_clusters)}"
        numbers = {} if isnan(self.chance) else {"chance": self.chance}
        return Report(title, self._estimates(), self.signature, self.confidence, numbers)


def summarize(
    comparison: Comparison,
    *,
    clusters: Keys = None,
    weights: Any = None,
    confidence: float = 0.95,
    method: str = "auto",
    seed: int = 0,
) -> Summary:
    """Average the comparisons of many questions, with honest intervals; formulas in docs/metrics.md.

    Args:
        comparison: one entry a question; torch tensors on any device, NumPy or other DLPack arrays.
        clusters: one hashable key a question. Questions that share a key are not independent; standard errors are then
            cluster-robust (Miller 2024) and the bootstrap draws whole clusters.
        weights: one non-negative number a question: weighted means with linearised variances. A question of weight 0
            is left out.
        confidence: of the intervals.
        method: "auto" or "wilson": Wilson for the rates, for probabilities the wider of Student's t and bounds that
            hold for skewed values, Student's t for log odds; "t": Student's t for all;
            "bootstrap" or "bca": percentiles of 10,000 resamples, plain or bias-corrected and accelerated, for all,
            with the resamples' standard deviation as standard error.
        seed: of the bootstrap.

    Raises:
        ValueError: an empty comparison, a NaN, a wrong length or a missing cluster, with its row; an unknown method.
    """
    interval = Interval(confidence, method, seed=seed)
    if weights is None and not interval.resamples:
        scores = read_scores(comparison)
        moments = read_moments(comparison, scores)
        totals = None if clusters is None else totals_of(scores, clusters, moments.n)
        return summarize_moments(moments, interval, totals)
    columns, chance = read_columns(comparison), read_chance(comparison)
    design = read_design(len(columns), clusters, weights)
    if not design.kept.all():
        columns = columns.take(design.kept)
    estimates = dict(zip(SUMMED, estimate_columns(columns.summed, _SCALES, design, interval), strict=True))
    if any(columns.infinite):
        estimates["mean_log_odds"] = infinite_mean(columns.infinite, len(columns), "log odds")
    w = design.weights
    return Summary(
        **estimates,
        **_calibration(bin_sums(columns, design), design.sample, interval),
        chance=NAN if chance is None else float(w @ chance[design.kept] / w.sum()),
        n_questions=len(columns),
        n_clusters=design.n_clusters,
        confidence=confidence,
        method=method,
        signature=_signature(comparison.ties, interval),
    )


def summarize_moments(moments: Moments, interval: Interval, totals: ClusterTotals | None = None) -> Summary:
    """The summary of sums over at least one question; ``interval`` can't resample, which needs the rows.

    ``totals`` are those of the clusters, where they were given.
    """
    n, means = moments.n, moments.mean.tolist()
    units, effective, variances = n, float(n), moments.m2 / (n * max(n - 1, 1))
    bins, between = moments.bins, np.zeros_like(moments.m2)
    if totals is not None:
        units, size_squares, left_out, deviations = _C.cluster_spread(totals.scores, moments.mean, n)
        effective = n**2 / size_squares
        variances = left_out * ((units - 1) / units)  # as `leave_one_out`
        bins, between = totals.calibration(moments), deviations / n
    sample = Sample(n, units, effective, "question" if totals is None else "cluster")
    squares = (moments.m2 / n + moments.mean**2).tolist()
    estimates = {
        name: Mean(
            means[i],
            without_rounding(float(variances[i]), squares[i], n / units),
            squares[i],
            sample,
            _SCALES[i],
            likeness=intra_cluster_correlation(float(moments.m2[i]) / n, float(between[i]), n, units, effective),
        ).estimate(interval)
        for i, name in enumerate(SUMMED)
    }
    if any(moments.infinite):
        estimates["mean_log_odds"] = infinite_mean(moments.infinite, moments.n, "log odds")
    return Summary(
        **estimates,
        **_calibration(bins, sample, interval),
        chance=moments.mean_chance,
        n_questions=moments.n,
        n_clusters=None if totals is None else units,
        confidence=interval.confidence,
        method=interval.method,
        signature=_signature(moments.ties, interval),
    )


def _calibration(bins: BinSums, sample: Sample, interval: Interval) -> dict[str, Estimate]:
    return {
        "ece": estimate_ece(bins, sample),
        "calibration_error": estimate_calibration_error(bins, sample, interval.confidence),
    }


def _signature(ties: str | None, interval: Interval) -> str:
    return write_signature("summary", ties=ties, **interval.settings())
