"""The questions of a table of rows: which rows belong together, in which order, and which answers begin others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.store.bounded import LOW, check_exact, lower_bounds
from pyscore.store.schema import QUESTION_KEY, check_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["by_position", "count_questions", "encode", "group", "group_rows", "nested_masks"]


def group_rows(
    table: pa.Table, *, key: Sequence[str] = QUESTION_KEY, bounds: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A row order in which a question's rows stand together, and the questions' offsets in it; the rows are checked.

    Whatever compares the answers of rows gets them here, so that nothing takes an upper bound for a value.

    Args:
        table: of rows; with another key, some columns of rows, read by `pyscore.store.scanning`, which checks the rest.
        key: the columns that tell the questions of the table from each other.
        bounds: the caller reads ``logprob_low`` as well; else rows with bounds are refused.

    Raises:
        ValueError: as `comparison_from_rows`.
    """
    if key == QUESTION_KEY:
        check_schema(table.schema, "the table")
    elif LOW not in table.column_names:
        raise ValueError(f"the columns that were read lack {LOW}, without which logprob may be an upper bound")
    order, offsets = group(table, key)
    logprob, is_matching, answer_index = (
        table[name].to_numpy()[order] for name in ("logprob", "is_matching", "answer_index")
    )

    def name_of(row: int) -> Any:
        return table["question_id"][int(order[row])].as_py()

    _check_logprobs(logprob, name_of)
    _check_answers(is_matching, answer_index, offsets, name_of)
    low = lower_bounds(table)
    if low is not None and not bounds:
        check_exact(logprob, low[order], offsets, name_of)
    return order, offsets


def group(table: pa.Table, key: Sequence[str] = QUESTION_KEY) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A row order in which a question's rows stand together, and the questions' offsets in it."""
    code = np.zeros(table.num_rows, dtype=np.int64)
    for name in key:
        column = encode(table[name].combine_chunks())[0]
        n_values = int(column.max(initial=0)) + 1
        if n_values > 1:
            # Codes are renumbered after every column, so that the product of the columns' counts can't overflow.
            code = _renumbered(code * n_values + column)
    # Questions are numbered in the order of their first rows, so that rows which stand together are in order already.
    together = bool((np.diff(code) >= 0).all())
    order = np.arange(len(code)) if together else np.argsort(code, kind="stable")
    return order, np.concatenate([[0], np.cumsum(np.bincount(code))]).astype(np.int64)


def encode(column: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """The values of a column as codes in the order in which they first appear, null being one, and what they stand for.

    The dictionary of a column that has one may list its values in any order, or some that aren't used.
    """
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode(null_encoding="encode")
        return column.indices.to_numpy().astype(np.int64), column.dictionary
    again = column.indices.dictionary_encode(null_encoding="encode")
    return again.indices.to_numpy().astype(np.int64), column.dictionary.take(again.dictionary)


def _renumbered(code: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same codes as numbers in the order in which they first appear."""
    import pyarrow as pa

    found: NDArray[np.int64] = pa.array(code).dictionary_encode().indices.to_numpy().astype(np.int64)
    return found


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


def _check_logprobs(logprob: NDArray[Any], name_of: Callable[[int], Any]) -> None:
    bad = np.flatnonzero(~(logprob <= 0))
    if bad.size:
        row = int(bad[0])
        raise ValueError(
            f"question {name_of(row)!r} has the log-probability {logprob[row]}: "
            "it must be at most 0 and not NaN; score the question again"
        )


def _check_answers(
    is_matching: NDArray[np.bool_],
    answer_index: NDArray[Any],
    offsets: NDArray[np.int64],
    name_of: Callable[[int], Any],
) -> None:
    starts, counts = offsets[:-1], np.diff(offsets)
    if not len(starts):
        return
    matching = np.add.reduceat(is_matching, starts, dtype=np.int64)
    lacking = np.flatnonzero((matching == 0) | (matching == counts))
    if lacking.size:
        which = int(lacking[0])
        missing = "matching" if matching[which] == 0 else "other"
        raise ValueError(f"question {name_of(offsets[which])!r} has no {missing} answer to compare")
    rising = np.diff(answer_index) > 0
    rising[starts[1:] - 1] = True
    if rising.all():  # As rows are written: looking for repeats would take longer than all of the rest.
        return
    seen, times = np.unique(
        np.stack([np.repeat(np.arange(len(starts)), counts), answer_index]), axis=1, return_counts=True
    )
    twice = np.flatnonzero(times > 1)
    if twice.size:
        which, answer = (int(value) for value in seen[:, twice[0]])
        raise ValueError(
            f"question {name_of(offsets[which])!r} has the answer with answer_index {answer} more than once: "
            "give every run its own run_id"
        )


def nested_masks(table: pa.Table, order: NDArray[np.int64], offsets: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """The fields ``is_nested`` and ``is_nested_in_matching`` of `Answers`, by name; empty where no answer is nested.

    Args:
        table: the rows.
        order, offsets: of their questions, as `group_rows` returns them.
    """
    if "same_as" not in table.column_names:
        return {}
    index = table["answer_index"].to_numpy()[order]
    same, extends = (table[name].fill_null(-1).to_numpy()[order] for name in ("same_as", "extends"))
    same = np.where(same < 0, index, same)  # Rows of version 1 don't say: each answer is its own.
    related = np.flatnonzero((same != index) | (extends >= 0))
    if not len(related):
        return {}
    matching = table["is_matching"].to_numpy()[order]
    nested, in_matching = np.zeros(len(order), dtype=bool), np.zeros(len(order), dtype=bool)
    for question in np.unique(np.searchsorted(offsets, related, side="right") - 1):
        own = slice(offsets[question], offsets[question + 1])
        nested[own] = _nested(same[own].tolist(), extends[own].tolist(), [True] * (own.stop - own.start))
        in_matching[own] = _nested(same[own].tolist(), extends[own].tolist(), matching[own].tolist())
    return {"is_nested": nested, "is_nested_in_matching": in_matching}


def _nested(same: list[int], extends: list[int], chosen: list[bool]) -> list[bool]:
    """Of one question's answers: the chosen ones whose mass is part of that of another chosen one.

    An answer that was taken out of the table ends the chain of those that it extends.
    """
    parents = dict(zip(same, extends, strict=True))
    counted = {name for name, is_chosen in zip(same, chosen, strict=True) if is_chosen}
    seen: set[int] = set()
    found = []
    for name, is_chosen in zip(same, chosen, strict=True):
        found.append(is_chosen and (name in seen or not counted.isdisjoint(_ancestors(name, parents))))
        seen |= {name} if is_chosen else set()
    return found


def _ancestors(name: int, parents: dict[int, int]) -> set[int]:
    found: set[int] = set()
    while (name := parents.get(name, -1)) >= 0 and name not in found:
        found.add(name)
    return found


def count_questions(table: pa.Table) -> tuple[int, int | None, int | None]:
    """In how many questions answers merge with the prompt, are the same tokens, or begin with another's.

    The latter two are None where some rows don't say, since an earlier release scored them.
    """
    import pyarrow.compute as pc

    def count(mask: Any) -> int:
        return len(group(table.filter(mask))[1]) - 1 if pc.any(mask).as_py() else 0

    known = "same_as" in table.column_names and not table["same_as"].null_count
    return (
        count(pc.not_equal(table["boundary"], "clean")),
        count(pc.not_equal(table["same_as"], table["answer_index"])) if known else None,
        count(pc.is_valid(table["extends"])) if known else None,
    )
