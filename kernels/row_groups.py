"""Which rows are scored together: so many that scratch takes little memory beside the logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from pyscore.ops.request import TokenRequest, TokenTensors

__all__ = ["of_rows", "row_groups"]

SHARE = 0.01  # scratch may take this share of the bytes of float32 logits [N, V]
SMALLEST = 2**24  # all rows are one group where their scratch takes no more bytes than this
ALIGNED = 128  # groups have a multiple of this many rows: whole tiles, and offsets that start on 16-byte edges


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


def of_rows(
    rows: slice, matrix: Tensor, request: TokenRequest, out: TokenTensors
) -> tuple[Tensor, TokenRequest, TokenTensors]:
    """Views of the matrix, request and results that hold these rows only; the originals where ``rows`` is every row.

    The targets' ids stay whole, as offsets point into all of them.
    """
    if rows == slice(0, len(matrix)):
        return matrix, request, out
    ids = slice(0, len(request.targets.ids))
    return matrix[rows], request._replace(targets=request.targets.narrow(rows, ids)), out.narrow(rows, ids)
