"""Which rows are scored: the ascending numbers of those that are not ignored.

A row is ignored if it has targets and all of them are ignore_index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl
from torch import Tensor

from pyscore.kernels.launch import Launch

if TYPE_CHECKING:
    from pyscore.ops.request import TokenRequest

__all__ = ["plan_scored_rows"]


@triton.jit(do_not_specialize=["n_rows", "ignore_index"])
def scored_rows_kernel(
    targets_ptr, offsets_ptr, ignore_index, n_rows, rows_ptr, row_count_ptr, BLOCK: tl.constexpr
) -> None:
    """One program lists the rows that are not ignored, so that ignored rows take no room in tiles."""
    count = 0
    first = 0
    while first < n_rows:
        row = first + tl.arange(0, BLOCK)
        k = tl.load(offsets_ptr + row, mask=row < n_rows, other=0)
        end = tl.load(offsets_ptr + row + 1, mask=row < n_rows, other=0)
        scored = (row < n_rows) & (k >= end)
        looking = k < end
        left = 1
        while left > 0:
            target = tl.load(targets_ptr + k, mask=looking, other=ignore_index)
            scored = scored | (target != ignore_index)
            k += 1
            looking = looking & (target == ignore_index) & (k < end)
            left = tl.max(looking.to(tl.int32), axis=0)
        position = count + tl.cumsum(scored.to(tl.int32), axis=0) - 1
        tl.store(rows_ptr + position, row, mask=scored)
        count += tl.sum(scored.to(tl.int32), axis=0)
        first += BLOCK
    tl.store(row_count_ptr, count)


def plan_scored_rows(request: TokenRequest, n_rows: int) -> tuple[Tensor, Tensor, Launch]:
    """Row numbers [N] int32, of which the first [1] int32 count, and the launch that finds them."""
    rows = request.targets.ids.new_empty(n_rows, dtype=torch.int32)
    row_count = rows.new_empty(1)
    arguments = {
        "targets_ptr": request.targets.ids,
        "offsets_ptr": request.targets.offsets,
        "ignore_index": request.ignore_index,
        "n_rows": n_rows,
        "rows_ptr": rows,
        "row_count_ptr": row_count,
        "BLOCK": 1024,
    }
    return rows, row_count, Launch(scored_rows_kernel, (min(n_rows, 1),), arguments, {"num_warps": 4})
