"""A checkpoint's questions data set by data set, as curves take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pyscore.results.curve_points import Questions
from pyscore.results.question_scores import QuestionScores
from pyscore.results.run_answers import cluster_codes
from pyscore.store.grouping import encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Cut", "DatasetSlices"]

Cut = tuple[Questions, "NDArray[np.int64] | slice"]
"""Questions, and where they stand among those of the checkpoint."""


class DatasetSlices:
    """Where the questions of each data set stand, for all scores of the same questions in the same order.

    Questions of one data set stand together here, data sets in the order of their first questions: the order that
    `RunAnswers` has, so that sums over them are the same to the last bit.
    """

    def __init__(self, scores: QuestionScores) -> None:
        import pyarrow as pa

        codes, names = encode(scores.datasets)
        self.names: list[str | None] = names.to_pylist()
        self._order = None if (np.diff(codes) >= 0).all() else np.argsort(codes, kind="stable")
        order = slice(None) if self._order is None else self._order
        self._starts = np.searchsorted(codes[order], np.arange(len(self.names) + 1))
        self._ids = scores.question_ids if self._order is None else scores.question_ids.take(pa.array(self._order))
        clusters = pa.nulls(len(scores), pa.string()) if scores.clusters is None else scores.clusters
        self._clusters = cluster_codes(pa.chunked_array([clusters]))[order]
        self._codes = codes[order]
        self._whole: Cut | None = None
        self._cuts: dict[str | None, Cut] = {}

    def whole(self) -> Cut:
        """The questions of all data sets. Each call gives the same object, and so for each data set below."""
        if self._whole is None:
            self._whole = self._cut(0, len(self._codes))
        return self._whole

    def of(self, dataset: str | None) -> Cut | None:
        """The questions of one data set; None where there are none."""
        if dataset not in self.names:
            return None
        if dataset not in self._cuts:
            at = self.names.index(dataset)
            self._cuts[dataset] = self._cut(int(self._starts[at]), int(self._starts[at + 1]))
        return self._cuts[dataset]

    def _cut(self, start: int, stop: int) -> Cut:
        own = slice(start, stop)
        clusters = self._clusters[own]
        n_clusters = len(np.unique(clusters))
        shared = n_clusters < len(clusters)
        questions = Questions(
            self._ids[start:stop],
            self._codes[own],
            self.names,
            clusters if shared else None,
            n_clusters if shared else None,
        )
        return questions, own if self._order is None else self._order[own]
