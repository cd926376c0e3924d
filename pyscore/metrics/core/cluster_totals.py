"""What a summary needs to know of clusters: how many questions each has, and their sums."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from pyscore._extension import _C
from pyscore.metrics.core.arrays import Codes, Floats, Keys
from pyscore.metrics.core.calibration_error import BinSums
from pyscore.metrics.core.columns import SUMMED
from pyscore.metrics.core.moments import Moments
from pyscore.metrics.core.readers import are_integers, count_clusters

__all__ = ["ClusterTotals", "cluster_totals", "totals_of"]


class ClusterTotals(NamedTuple):
    """Sums over the questions of each cluster; rows of 0 are of no cluster."""

    scores: Floats  # [C, 8], questions, then the sums of `SUMMED`, infinite log odds as 0
    bins: Floats  # [C, 16], of each calibration bin above 1/2 its questions and Σ correct - confidence

    @classmethod
    def of_rows(cls, rows: list[Floats]) -> ClusterTotals:
        """From one array a cluster, as `rows` gives them."""
        table = np.stack(rows)
        return cls(*(np.ascontiguousarray(part) for part in np.split(table, [1 + len(SUMMED)], axis=1)))

    def rows(self) -> Floats:
        """``[C, 24]``, scores and bins side by side: arrays that can be added where a cluster is in several states."""
        return np.concatenate(self, axis=1)

    def calibration(self, moments: Moments) -> BinSums:
        """The sums over calibration bins whose units are clusters; ``moments`` are those of all questions."""
        products, used = self.bins.T @ self.bins, self.bins.shape[1] // 2
        return BinSums(
            np.asarray(moments.counts, np.float64)[-used:],
            moments.gaps[-used:],
            products[0::2, 0::2],
            products[1::2, 0::2],
            products[1::2, 1::2],
            moments.expected[-used:],
        )


def cluster_totals(scores: dict[str, Any], keys: Codes, units: int, low: int = 0) -> ClusterTotals:
    """The totals of ``units`` clusters; a question's key lies within [low, low + units).

    One compiled pass over the `read_scores` of a comparison, whose values must have been checked.
    """
    found = _C.cluster_totals(
        **scores,
        keys=np.ascontiguousarray(keys, np.int64),
        low=low,
        clusters=units,
        threads=torch.get_num_threads(),
    )
    return ClusterTotals(*found)


def totals_of(scores: dict[str, Any], clusters: Keys, n: int) -> ClusterTotals:
    """The totals of the clusters of n questions, in no order, from their `read_scores`."""
    if are_integers(clusters, n) and clusters.dtype != np.uint64:
        low = int(clusters.min())
        span = int(clusters.max()) - low + 1
        if span <= n:  # Keys themselves can number the rows: no code needs to be looked up.
            return cluster_totals(scores, clusters, span, low)
    assert clusters is not None
    return cluster_totals(scores, *count_clusters(clusters, n))
