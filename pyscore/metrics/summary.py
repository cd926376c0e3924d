"""summarize: the two headline numbers and their companions, each with an interval."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ops.types import Comparison
from .arrays import METRICS, Columns, Floats, as_float64, cluster_keys, cluster_sums, encode, read_columns
from .estimate import Estimate, json_number, table
from .intervals import (
    bootstrap_means,
    check_confidence,
    effective_size,
    t_interval,
    t_quantile,
    wilson_interval,
    z_quantile,
)

__all__ = ["METHODS", "N_BINS", "RATES", "Sample", "Summary", "bin_gaps", "estimate_mean", "infinite_mean", "summarize"]

METHODS = ("auto", "t", "wilson", "bootstrap")
RATES = ("preference_rate", "tie_rate")
N_BINS = 15  # as in Guo et al. 2017
RESAMPLES = 10_000


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
        method: what was asked for: "auto", "t", "wilson" or "bootstrap".
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

    def __str__(self) -> str:
        clusters = "" if self.n_clusters is None else f" in {self.n_clusters} clusters"
        estimates = {name: getattr(self, name) for name in METRICS}
        return (
            f"{self.n_questions} questions{clusters}\n{table(estimates, self.confidence)}\n"
            f"brier {self.brier:.4f}, ece {self.ece:.4f}"
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
        }


@dataclass(frozen=True)
class Sample:
    """How the questions were sampled, which is all that an interval needs besides a value and its standard error.

    Attributes:
        n: questions.
        units: independent units: clusters where they are given, else questions.
        extreme: effective sample size of a rate of 0 or 1, which has no spread to read it from.
        simple: questions are independent and equally weighted, so that a rate needs no effective size.
        unit: what a unit is called in a message.
    """

    n: int
    units: int
    extreme: float
    simple: bool
    unit: str

    def reason(self) -> str:
        """Why nothing can be said about uncertainty, or ""."""
        return f"one {self.unit}: no spread to estimate from" if self.units < 2 else ""


def summarize(
    comparison: Comparison,
    *,
    clusters: Iterable[Hashable] | None = None,
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
        method: "auto" or "wilson": Wilson for the rates, Student's t for the means; "t": Student's t for all;
            "bootstrap": percentile of 10,000 resamples, for all, with their standard deviation as standard error.
        seed: of the bootstrap.

    Raises:
        ValueError: an empty comparison, a NaN, a wrong length or a missing cluster, with its row; an unknown method.
    """
    check_confidence(confidence)
    if method not in METHODS:
        raise ValueError(f"method {method!r} is unknown: give one of {', '.join(METHODS)}")
    columns = read_columns(comparison)
    w = _read_weights(weights, len(columns))
    keys = None if clusters is None else cluster_keys(clusters, len(columns))
    kept = w > 0
    if not kept.all():
        columns, w = columns.take(kept), w[kept]
        keys = None if keys is None else [key for key, keep in zip(keys, kept, strict=True) if keep]
    codes, distinct = (np.arange(len(columns)), range(len(columns))) if keys is None else encode(keys)
    sample = _describe(w, len(distinct), clustered=keys is not None, weighted=weights is not None)
    # Rounding must not carry the mean of equal scores off their value: a rate of exactly 1 has its own interval.
    means = np.clip(w @ columns.finite / w.sum(), columns.finite.min(axis=0), columns.finite.max(axis=0))
    totals = cluster_sums(w[:, None] * (columns.finite - means), codes, sample.units) / w.sum()
    resampled = None
    if method == "bootstrap" and sample.units > 1:
        resampled = means + bootstrap_means(totals * w.sum(), cluster_sums(w, codes, sample.units), RESAMPLES, seed)
    estimates = {}
    for i, name in enumerate(METRICS):
        if name == "mean_log_odds" and any(columns.infinite):
            estimates[name] = infinite_mean(columns.infinite, sample.n)
        elif resampled is not None:
            estimates[name] = _percentile(means[i], resampled[:, i], sample.n, confidence)
        else:
            # Miller 2024, App. A; with every question a cluster of its own it is sd(ddof=1)/√n.
            variance = sample.units / max(sample.units - 1, 1) * (totals[:, i] @ totals[:, i])
            estimates[name] = estimate_mean(name, means[i], np.sqrt(variance), sample, confidence, method)
    return Summary(
        **estimates,
        brier=float(w @ (1 - columns.probability) ** 2 / w.sum()),
        ece=float(np.abs(bin_gaps(columns, w)).sum() / w.sum()),
        n_questions=sample.n,
        n_clusters=None if keys is None else sample.units,
        confidence=confidence,
        method=method,
    )


def estimate_mean(
    name: str, value: float, stderr: float, sample: Sample, confidence: float, method: str = "auto"
) -> Estimate:
    """A metric's interval from its value and standard error: Wilson for rates, Student's t for means."""
    value, stderr = float(value), float(stderr)
    if sample.reason():
        return Estimate.without_interval(value, sample.n, sample.reason())
    if name not in RATES or method == "t":
        return Estimate(value, stderr, *t_interval(value, stderr, sample.units - 1, confidence), sample.n)
    if sample.simple:
        low, high = wilson_interval(value, sample.n, z_quantile(confidence))
    else:
        trials = effective_size(value, stderr, sample.n, sample.extreme)
        low, high = wilson_interval(value, trials, t_quantile(confidence, sample.units - 1))
    return Estimate(value, stderr, low, high, sample.n)


def infinite_mean(infinite: tuple[int, int], n: int) -> Estimate:
    """The mean of log odds when some are infinite: ±inf, or NaN where both signs occur."""
    positive, negative = infinite
    value = np.inf if not negative else -np.inf if not positive else np.nan
    return Estimate.without_interval(float(value), n, f"{positive + negative} infinite log odds")


def bin_gaps(columns: Columns, weights: Floats) -> Floats:
    """Σ w (correct - confidence) in each of 15 equal-width bins ((m-1)/15, m/15] of the confidence max(p, 1-p).

    The calibration error is the sum of their absolute values over Σ w. Guo et al. 2017, "On Calibration of Modern
    Neural Networks".
    """
    confidence = np.maximum(columns.probability, 1 - columns.probability)
    bins = np.clip(np.ceil(confidence * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
    return cluster_sums(weights * (columns.correct - confidence), bins, N_BINS)


def _read_weights(weights: Any, n: int) -> Floats:
    if weights is None:
        return np.ones(n)
    w = as_float64(weights, "weights")
    if len(w) != n:
        raise ValueError(f"weights must have one entry a question: {n} questions, {len(w)} weights")
    bad = np.flatnonzero(~np.isfinite(w) | (w < 0))
    if len(bad):
        raise ValueError(f"weights[{bad[0]}] = {w[bad[0]]}: weights must be finite and not negative")
    if not w.any():
        raise ValueError("weights are all 0: at least one question must count")
    return w


def _describe(w: Floats, units: int, *, clustered: bool, weighted: bool) -> Sample:
    # Kish's effective size; equal weights give n, so that it never exceeds what clustering leaves.
    kish = float(w.sum() ** 2 / (w @ w))
    unit = "cluster" if clustered else "question"
    return Sample(len(w), units, min(float(units), kish), not clustered and not weighted, unit)


def _percentile(value: float, resampled: NDArray[np.float64], n: int, confidence: float) -> Estimate:
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(float(value), float(resampled.std(ddof=1)), float(low), float(high), n)
