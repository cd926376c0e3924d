"""The answers of a run, gathered from its rows batch by batch: numbers alone are kept, no row and no text but names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pyscore.metrics import Answers
from pyscore.store.bounded import LOW, lower_bounds
from pyscore.store.grouping import encode, group_rows, nested_masks

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["COLUMNS", "Asked", "RunAnswers", "cluster_codes"]

_KEY = ("dataset", "question_id")
COLUMNS = (*_KEY, "cluster", "answer_index", "is_matching", "logprob", "logprob_low", "same_as", "extends")
"""The columns of rows that are read in any case."""
_MASKS = ("is_nested", "is_nested_in_matching")


class Asked(NamedTuple):
    """Questions with their answers.

    Attributes:
        answers: of every question.
        clusters: a code a question; None where no two share one.
        n_clusters: how many there are; None likewise.
        ids: "question_id" of every question; None unless they were asked for.
        datasets: the index of every question's data set in names.
        names: of the data sets.
        low: ``[A]``, lower bounds of log-probabilities of which the answers hold the upper ones; None where all are
            exact.
    """

    answers: Answers
    clusters: NDArray[np.int64] | None
    n_clusters: int | None
    ids: pa.Array | None
    datasets: NDArray[np.int64]
    names: Sequence[str | None]
    low: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class RunAnswers:
    """All questions of a run, data set by data set.

    Attributes:
        names: of the data sets.
        starts: where the questions of each begin, and the end, ``[len(names) + 1]``.
        offsets: ``[Q + 1]``, of the questions among the answers.
        columns: name -> ``[A]``, one entry an answer.
        clusters: ``[Q]``, a code a question; one without a cluster has a code of its own.
        ids: ``[Q]``, where they were asked for.
    """

    names: list[str | None]
    starts: NDArray[np.int64]
    offsets: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]
    clusters: NDArray[np.int64]
    ids: pa.Array | None

    @classmethod
    def gather(
        cls,
        batches: Iterable[pa.Table],
        lengths: Sequence[str] = (),
        *,
        with_ids: bool = False,
        bounds: bool = False,
    ) -> RunAnswers:
        """From tables of `COLUMNS` and ``lengths``, each of whole questions; all of one model and one run.

        ``bounds`` takes rows whose log-probability is known between bounds alone, which are refused else.

        Raises:
            ValueError: as `comparison_from_rows`.
        """
        import pyarrow as pa

        names: dict[str | None, int] = {}
        codes, counts, clusters = [], [], []
        ids: list[Any] = []
        parts: list[dict[str, NDArray[Any]]] = []
        for table in batches:
            order, offsets = group_rows(table, key=_KEY, bounds=bounds)
            firsts = pa.array(order[offsets[:-1]])
            own, found = encode(table["dataset"].take(firsts).combine_chunks())
            codes.append(np.array([names.setdefault(name, len(names)) for name in found.to_pylist()], np.int64)[own])
            counts.append(np.diff(offsets))
            columns = {name: table[name].to_numpy()[order] for name in ("logprob", "is_matching", *lengths)}
            parts.append(columns | nested_masks(table, order, offsets) | _low(table, order))
            clusters += table["cluster"].take(firsts).chunks
            ids += table["question_id"].take(firsts).chunks if with_ids else []
        masks = [name for name in (*_MASKS, LOW) if any(name in part for part in parts)]
        joined = {name: _joined(parts, name) for name in ("logprob", "is_matching", *lengths, *masks)}
        return cls._in_order(
            list(names),
            np.concatenate([np.zeros(0, np.int64), *codes]),
            np.concatenate([np.zeros(0, np.int64), *counts]),
            joined,
            cluster_codes(pa.chunked_array(clusters, pa.string())),
            pa.chunked_array(ids, pa.string()).combine_chunks() if with_ids else None,
        )

    @classmethod
    def _in_order(
        cls,
        names: list[str | None],
        codes: NDArray[np.int64],
        counts: NDArray[np.int64],
        columns: dict[str, NDArray[Any]],
        clusters: NDArray[np.int64],
        ids: pa.Array | None,
    ) -> RunAnswers:
        """With the questions of one data set together, which stand in any order before."""
        import pyarrow as pa

        if (np.diff(codes) < 0).any():
            order, begins = np.argsort(codes, kind="stable"), np.cumsum(counts) - counts
            counts = counts[order]
            rows = np.repeat(begins[order] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
            columns = {name: column[rows] for name, column in columns.items()}
            codes, clusters = codes[order], clusters[order]
            ids = None if ids is None else ids.take(pa.array(order))
        starts = np.searchsorted(codes, np.arange(len(names) + 1)).astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(names, starts, offsets, columns, clusters, ids)

    def of(self, dataset: str | None) -> Asked | None:
        """The questions of one data set; None where there are none."""
        if dataset not in self.names:
            return None
        at = self.names.index(dataset)
        return self._cut(int(self.starts[at]), int(self.starts[at + 1]))

    def whole(self) -> Asked:
        """The questions of all data sets, one after the other."""
        return self._cut(0, len(self.clusters))

    def _cut(self, start: int, stop: int) -> Asked:
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        columns = {name: column[first:last] for name, column in self.columns.items()}
        low = columns.pop(LOW, None)
        low = None if low is None or (low == columns["logprob"]).all() else low
        clusters = self.clusters[start:stop]
        answers = Answers(question_offsets=self.offsets[start : stop + 1] - first, **columns)
        n_clusters = len(np.unique(clusters))
        ids = None if self.ids is None else self.ids[start:stop]
        datasets = np.searchsorted(self.starts, np.arange(start, stop), side="right") - 1
        if n_clusters == len(clusters):
            return Asked(answers, None, None, ids, datasets, self.names, low)
        return Asked(answers, clusters, n_clusters, ids, datasets, self.names, low)


def _low(table: pa.Table, order: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """The lower bounds of log-probabilities, where some aren't exact."""
    low = lower_bounds(table)
    return {} if low is None else {LOW: low[order]}


def _joined(parts: Sequence[dict[str, NDArray[Any]]], name: str) -> NDArray[Any]:
    """A column of all parts; a mask that a part lacks is false for its answers, and bounds are the value."""
    if name == LOW:
        return np.concatenate([part.get(LOW, part["logprob"]) for part in parts])
    empty = [np.zeros(0, np.float64 if name == "logprob" else bool if name in ("is_matching", *_MASKS) else np.int64)]
    return np.concatenate(
        [part[name] if name in part else np.zeros(len(part["logprob"]), bool) for part in parts] or empty
    )


def cluster_codes(clusters: pa.ChunkedArray) -> NDArray[np.int64]:
    """A code a question; one without a cluster stands alone."""
    column = clusters.combine_chunks()
    codes, names = encode(column)
    alone = column.is_null().to_numpy(zero_copy_only=False)
    found: NDArray[np.int64] = np.where(alone, len(names) + np.arange(len(codes)), codes)
    return found
