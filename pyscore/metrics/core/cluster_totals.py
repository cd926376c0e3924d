"""What a summary needs to know of clusters: how many questions each has, and their sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pyscore._extension import _C
from pyscore.metrics.core.arrays import Codes, Floats, Keys
from pyscore.metrics.core.columns import read_fields
from pyscore.metrics.core.readers import are_integers, count_clusters
from pyscore.ops import Comparison

__all__ = ["cluster_totals", "totals_of"]


def cluster_totals(comparison: Comparison, keys: Codes, units: int, low: int = 0) -> Floats:
    """``[units, 8]``: each cluster's number of questions, then the sums of every metric, infinite log odds as 0.

    Keys lie within [low, low + units). One compiled pass over the fields, whose values must have been checked.
    """
    fields = read_fields(comparison)
    tie = fields.pop("tie")
    dtype = np.float32 if all(column.dtype == np.float32 for column in fields.values()) else np.float64
    scores: dict[str, Any] = {field: np.ascontiguousarray(column, dtype) for field, column in fields.items()}
    return _C.cluster_totals(
        **scores,
        tie=np.ascontiguousarray(tie),
        keys=np.ascontiguousarray(keys, np.int64),
        low=low,
        clusters=units,
        threads=torch.get_num_threads(),
    )


def totals_of(comparison: Comparison, clusters: Keys, n: int) -> Floats:
    """The `cluster_totals` of n questions with these keys, in no order; some rows may be of no cluster."""
    if are_integers(clusters, n) and clusters.dtype != np.uint64:
        low = int(clusters.min())
        span = int(clusters.max()) - low + 1
        if span <= n:  # Keys themselves can number the rows: no code needs to be looked up.
            return cluster_totals(comparison, clusters, span, low)
    assert clusters is not None
    return cluster_totals(comparison, *count_clusters(clusters, n))
