"""Rows that are scored together, so that lists of the largest entries take little memory beside the logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from torch import Tensor

__all__ = ["row_groups", "take"]

Given = TypeVar("Given", bound="Tensor | None")

SHARE = 0.01  # of the logits as float32, [N, V], which scratch may take
SMALLEST = 2**24  # bytes of scratch that are never worth a second group
ALIGNED = 128  # rows; a whole tile, and vectors of rows that begin on 16-byte edges


def row_groups(rows: int, columns: int, scratch: int) -> Iterator[slice]:
    """The rows of each group, groups as large as the share allows. A row's bits don't depend on its group.

    Args:
        rows: N of the logits.
        columns: V of the logits.
        scratch: bytes a row.
    """
    size = max(rows, 1)
    if rows * scratch > SMALLEST:
        size = max(int(SHARE * 4 * rows * columns / scratch) // ALIGNED, 1) * ALIGNED
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def take(tensor: Given, rows: slice) -> Given:
    """These rows of a tensor; itself where they are all, which is the common case and costs no view."""
    return tensor if tensor is None or rows == slice(0, len(tensor)) else tensor[rows]  # type: ignore[return-value]
