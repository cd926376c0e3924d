"""A tile's logits against the rows' candidates: the candidates' own logits, and how many entries lie above them."""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["any_candidate_inside", "in_slices", "most_candidates", "store_counts_above", "store_own_logits"]


@triton.jit
def in_slices(tile, SLICES: tl.constexpr):
    """The tile [R, C] as SLICES tiles of neighbouring columns."""
    if SLICES == 1:
        return (tile,)
    else:  # Triton would go on compiling behind a plain return
        left, right = tl.split(tl.permute(tl.reshape(tile, (tile.shape[0], 2, tile.shape[1] // 2)), (0, 2, 1)))
        return in_slices(left, SLICES // 2) + in_slices(right, SLICES // 2)


@triton.jit
def most_candidates(offsets_ptr, row, here):
    """The largest number of candidates of any row."""
    start = tl.load(offsets_ptr + row, mask=here, other=0)
    end = tl.load(offsets_ptr + row + 1, mask=here, other=0)
    return tl.max((end - start).to(tl.int32), axis=0)


@triton.jit
def _candidate(targets_ptr, offsets_ptr, row, here, number, vocab_start, n_columns):
    """Of the rows' candidates by number: index, whether there is one, column (-1 in another shard).

    Read anew wherever it is needed, since registers are scarce.
    """
    k = tl.load(offsets_ptr + row, mask=here, other=0) + number
    has = k < tl.load(offsets_ptr + row + 1, mask=here, other=0)
    local = tl.load(targets_ptr + k, mask=has, other=0) - vocab_start
    return k, has, tl.where(has & (local >= 0) & (local < n_columns), local, -1).to(tl.int32)


@triton.jit
def any_candidate_inside(
    first_column, end_column, targets_ptr, offsets_ptr, row, here, most, vocab_start, n_columns
):  # fmt: skip
    """Whether some row has a candidate among the columns."""
    inside = tl.zeros(row.shape, tl.int32)
    number = 0
    while number < most:
        _, _, own = _candidate(targets_ptr, offsets_ptr, row, here, number, vocab_start, n_columns)
        inside = inside | ((own >= first_column) & (own < end_column)).to(tl.int32)
        number += 1
    return tl.max(inside, axis=0) > 0


@triton.jit
def store_own_logits(
    z, column, targets_ptr, offsets_ptr, target_logit_ptr, row, here, most, vocab_start, n_columns
) -> None:  # fmt: skip
    """The logits, among z [R, C] of the columns [C], of the rows' candidates."""
    first_column = tl.min(column, axis=0)
    number = 0
    while number < most:
        k, _, own = _candidate(targets_ptr, offsets_ptr, row, here, number, vocab_start, n_columns)
        inside = (own >= first_column) & (own < first_column + column.shape[0])
        own_z = tl.sum(tl.where(column[None, :] == own[:, None], z, 0.0), axis=1)
        tl.store(target_logit_ptr + k, own_z, mask=inside)
        number += 1


@triton.jit
def store_counts_above(
    z, column, targets_ptr, offsets_ptr, target_logit_ptr, above_ptr, row, here, most, vocab_start, n_columns,
    slice_index, n_slices,
) -> None:  # fmt: skip
    """How many of z [R, C] exceed each candidate's logit; its own column, where rounding could differ, is not counted.

    The columns [C] are number ``slice_index`` of ``n_slices``.
    """
    number = 0
    while number < most:
        k, has, own = _candidate(targets_ptr, offsets_ptr, row, here, number, vocab_start, n_columns)
        target_logit = tl.load(target_logit_ptr + k, mask=has, other=float("inf"))
        above = (z > target_logit[:, None]) & (column[None, :] != own[:, None])
        count = tl.sum(above.to(tl.int32), axis=1)
        tl.store(above_ptr + k * n_slices + slice_index, count.to(above_ptr.dtype.element_ty), mask=has)
        number += 1
