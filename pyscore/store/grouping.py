"""The questions of a table of rows: which rows belong together, checked, and put into order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.store.schema import QUESTION_KEY, check_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["by_position", "group", "group_rows"]


def group_rows(table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A row order in which a question's rows stand together, and the questions' offsets in it; the rows are checked.

    Raises:
        ValueError: as `comparison_from_rows`.
    """
    check_schema(table.schema, "the table")
    order, offsets = group(table)
    ids = table["question_id"].take(order)
    _check_logprobs(table["logprob"].to_numpy()[order], ids)
    is_matching, answer_index = (table[name].to_numpy()[order] for name in ("is_matching", "answer_index"))
    _check_answers(is_matching, answer_index, offsets, ids)
    return order, offsets


def group(table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A row order in which a question's rows stand together, and the questions' offsets in it."""
    code = np.zeros(table.num_rows, dtype=np.int64)
    for name in QUESTION_KEY:
        column = table[name].combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy()
        # Codes are renumbered after every column, so that the product of the columns' counts can't overflow.
        code = np.unique(code * (int(column.max(initial=0)) + 1) + column, return_inverse=True)[1].astype(np.int64)
    first = np.full(int(code.max(initial=-1)) + 1, table.num_rows, dtype=np.int64)
    np.minimum.at(first, code, np.arange(table.num_rows))
    order = np.argsort(first[code], kind="stable")
    counts = np.bincount(code, minlength=len(first))[np.argsort(first)]
    return order, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def by_position(tables: Sequence[pa.Table], positions: NDArray[Any]) -> pa.Table:
    """The rows of all tables, those of one question together, questions by ascending position.

    Args:
        tables: of rows, at least one table; no question is in two of them.
        positions: of the questions, [Q], in the order of their first rows.
    """
    import pyarrow as pa

    table = pa.concat_tables(tables)
    order, offsets = group(table)
    by_row = np.repeat(positions, np.diff(offsets))
    return table.take(pa.array(order[np.argsort(by_row, kind="stable")])).combine_chunks()


def _check_logprobs(logprob: NDArray[Any], ids: Any) -> None:
    bad = np.flatnonzero(~(logprob <= 0))
    if bad.size:
        row = int(bad[0])
        raise ValueError(
            f"question {ids[row].as_py()!r} has the log-probability {logprob[row]}: "
            "it must be at most 0 and not NaN; score the question again"
        )


def _check_answers(
    is_matching: NDArray[np.bool_], answer_index: NDArray[Any], offsets: NDArray[np.int64], ids: Any
) -> None:
    question = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    matching = np.bincount(question, weights=is_matching, minlength=len(offsets) - 1)
    lacking = np.flatnonzero((matching == 0) | (matching == np.diff(offsets)))
    if lacking.size:
        which = int(lacking[0])
        missing = "matching" if matching[which] == 0 else "other"
        raise ValueError(f"question {ids[int(offsets[which])].as_py()!r} has no {missing} answer to compare")
    seen, counts = np.unique(np.stack([question, answer_index]), axis=1, return_counts=True)
    twice = np.flatnonzero(counts > 1)
    if twice.size:
        which, answer = (int(value) for value in seen[:, twice[0]])
        raise ValueError(
            f"question {ids[int(offsets[which])].as_py()!r} has the answer with answer_index {answer} more than once: "
            "give every run its own run_id"
        )
