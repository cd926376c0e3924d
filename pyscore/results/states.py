"""Rows as sums that merge: what workers send instead of rows."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pyscore.metrics import SummaryState
from pyscore.ops import Comparison
from pyscore.results.comparison import clusters_from_rows, comparison_from_rows
from pyscore.store.bounded import lower_bounds
from pyscore.store.grouping import group

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["states_of_rows"]


def states_of_rows(table: pa.Table) -> dict[str | None, SummaryState]:
    """A `pyscore.SummaryState` of each data set of a table of rows, with the clusters of the rows as `summarize_rows`.

    All questions are compared at once: for 150 data sets of 4 questions that takes a fourth of the time that comparing
    each data set by itself does. A data set with bounds of log-probabilities has no state: sums that merge are those
    of values.

    Raises:
        ValueError: as `comparison_from_rows`.
    """
    datasets = table["dataset"].combine_chunks().dictionary_encode(null_encoding="encode")
    own_dataset = datasets.indices.to_numpy()
    low = lower_bounds(table)
    if low is not None:
        exact = ~np.isin(own_dataset, own_dataset[low != table["logprob"].to_numpy()])
        return states_of_rows(table.filter(exact)) if exact.any() else {}
    by_dataset = np.argsort(own_dataset, kind="stable")
    rows = table.take(by_dataset)
    comparison = comparison_from_rows(rows)
    order, offsets = group(rows)
    codes = own_dataset[by_dataset][order[offsets[:-1]]]
    bounds = np.searchsorted(codes, np.arange(len(datasets.dictionary) + 1)).tolist()
    found = {}
    for name, (start, end) in zip(datasets.dictionary.to_pylist(), pairwise(bounds), strict=True):
        own = rows.slice(int(offsets[start]), int(offsets[end] - offsets[start]))
        clusters = clusters_from_rows(own)
        if clusters is not None and len(set(clusters)) == 1:
            clusters = None
        found[name] = SummaryState().update(_questions(comparison, start, end), clusters)
    return found


def _questions(comparison: Comparison, start: int, end: int) -> Comparison:
    """The questions from ``start`` to ``end`` of a comparison that knows its answers."""
    offsets, is_matching = comparison.question_offsets, comparison.is_matching
    if offsets is None or is_matching is None:
        raise ValueError("the comparison doesn't know its answers: make it by comparison_from_rows")
    first, last = int(offsets[start]), int(offsets[end])
    own = {
        field.name: getattr(comparison, field.name)[start:end]
        for field in fields(comparison)
        if field.name not in ("ties", "question_offsets", "is_matching")
    }
    return Comparison(
        **own,
        ties=comparison.ties,
        question_offsets=offsets[start : end + 1] - first,
        is_matching=is_matching[first:last],
    )
