"""How many questions of each data set have something to be said of: merged or cut prompts, answers that can't win."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from pyscore.metrics.core.arrays import Floats
from pyscore.store.grouping import encode

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["COUNTED", "Marks", "QuestionCounts", "counts_of", "marks_of"]

COUNTED = ("boundary", "truncated")
"""The columns of rows that counts need, beside those that comparisons do."""

Marks: TypeAlias = Mapping[str, Floats]
"""Name -> ``[Q]``: 1 where a question counts, 0 where it doesn't, NaN where its rows don't say."""


class QuestionCounts(NamedTuple):
    """Of how many questions of a data set something has to be said.

    Attributes:
        n_questions: how many there are.
        n_merged: an answer has a token that spans its join with the prompt, or was split there; see docs/engine.md.
        n_truncated: the prompt was cut to the model's context length.
        n_indistinguishable: answers are the same tokens, which tie whatever the model is.
        n_nested: an answer begins with all tokens of another, which it can't beat. This and the number before are None
            where rows don't say, since an earlier release scored them.
    """

    n_questions: int
    n_merged: int
    n_truncated: int
    n_indistinguishable: int | None
    n_nested: int | None


def marks_of(table: pa.Table, order: NDArray[np.int64], offsets: NDArray[np.int64]) -> Marks:
    """The marks of questions.

    Args:
        table: rows.
        order, offsets: as `pyscore.store.grouping.group_rows` returns them.
    """
    import pyarrow.compute as pc

    def any_answer(mask: Any) -> Floats:
        found = pc.fill_null(mask, False).to_numpy()[order]
        return np.logical_or.reduceat(found, offsets[:-1]).astype(np.float64) if len(found) else np.zeros(0)

    known = not table["same_as"].null_count
    unknown = np.full(len(offsets) - 1, np.nan)
    same = pc.not_equal(table["same_as"], table["answer_index"])
    return {
        "merged": any_answer(pc.not_equal(table["boundary"], "clean")),
        "truncated": any_answer(table["truncated"]),
        "indistinguishable": any_answer(same) if known else unknown,
        "nested": any_answer(pc.is_valid(table["extends"])) if known else unknown,
    }


def counts_of(datasets: pa.Array, marks: Sequence[Marks]) -> dict[str | None, QuestionCounts]:
    """The counts of each data set.

    Args:
        datasets: ``[Q]``, the data set of each question.
        marks: of these questions, piece by piece.
    """
    codes, names = encode(datasets)
    n = np.bincount(codes, minlength=len(names))

    def total(mark: str, i: int) -> int | None:
        return None if np.isnan(sums[mark][i]) else int(sums[mark][i])

    sums = {mark: np.bincount(codes, np.concatenate([each[mark] for each in marks]), len(names)) for mark in marks[0]}
    return {
        dataset: QuestionCounts(
            n_questions=int(n[i]),
            n_merged=int(sums["merged"][i]),
            n_truncated=int(sums["truncated"][i]),
            n_indistinguishable=total("indistinguishable", i),
            n_nested=total("nested", i),
        )
        for i, dataset in enumerate(names.to_pylist())
    }
