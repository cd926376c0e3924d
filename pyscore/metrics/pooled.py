"""summarize: all questions at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from pyscore.metrics.arrays import METRICS, read_columns
from pyscore.metrics.means import Interval, estimate_columns, infinite_mean
from pyscore.metrics.sampling import read_design
from pyscore.metrics.state import SummaryState
from pyscore.metrics.summary import RATES, Summary, bin_gaps, summary_signature
from pyscore.ops.types import Comparison

__all__ = ["summarize"]


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
            "bootstrap" or "bca": percentiles of 10,000 resamples, plain or bias-corrected and accelerated, for all,
            with the resamples' standard deviation as standard error.
        seed: of the bootstrap.

    Raises:
        ValueError: an empty comparison, a NaN, a wrong length or a missing cluster, with its row; an unknown method.
    """
    interval = Interval(confidence, method, seed=seed)
    if clusters is None and weights is None and not interval.resamples:
        return SummaryState().update(comparison).summarize_with(interval)
    columns = read_columns(comparison)
    design = read_design(len(columns), clusters, weights)
    if not design.kept.all():
        columns = columns.take(design.kept)
    estimates = dict(zip(METRICS, estimate_columns(columns.finite, RATES, design, interval), strict=True))
    if any(columns.infinite):
        estimates["mean_log_odds"] = infinite_mean(columns.infinite, len(columns), "log odds")
    w = design.weights
    return Summary(
        **estimates,
        brier=float(w @ (1 - columns.probability) ** 2 / w.sum()),
        ece=float(np.abs(bin_gaps(columns, w)).sum() / w.sum()),
        n_questions=len(columns),
        n_clusters=design.n_clusters,
        confidence=confidence,
        method=method,
        signature=summary_signature(columns.ties, interval),
    )
