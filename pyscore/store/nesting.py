"""Answers of a question whose tokens are the same, or begin another's: what their rows say of it, read and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.store.grouping import group

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["count_questions", "nested_masks"]


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
