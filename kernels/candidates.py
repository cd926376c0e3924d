"""A tile's logits against the rows' candidates: the candidates' own logits, and how many entries lie above them."""

from __future__ import annotations

from typing import Any, NamedTuple

import triton
import triton.language as tl

__all__ = [
    "Block",
    "Candidates",
    "any_candidate_inside",
    "in_slices",
    "most_candidates",
    "store_counts_above",
    "store_own_logits",
]


class Candidates(NamedTuple):
    """Device code: the candidates of all rows, and which ids the columns have."""

    targets_ptr: Any
    offsets_ptr: Any
    vocab_start: Any  # id of column 0
    n_columns: Any


class Block(NamedTuple):
    """Device code: the rows of a tile."""

    row: Any  # [R]
    here: Any  # [R] false for what lies behind the last row


@triton.jit
def in_slices(tile, SLICES: tl.constexpr):
    """The tile [R, C] as SLICES tiles of neighbouring columns."""
    if SLICES == 1:
        return (tile,)
    else:  # `else` is needed: Triton also compiles code after an `if` whose branch returns
        left, right = tl.split(tl.permute(tl.reshape(tile, (tile.shape[0], 2, tile.shape[1] // 2)), (0, 2, 1)))
        return in_slices(left, SLICES // 2) + in_slices(right, SLICES // 2)


@triton.jit
def most_candidates(candidates, block):
    """The largest number of candidates of any row."""
    start = tl.load(candidates.offsets_ptr + block.row, mask=block.here, other=0)
    end = tl.load(candidates.offsets_ptr + block.row + 1, mask=block.here, other=0)
    return tl.max((end - start).to(tl.int32), axis=0)


@triton.jit
def _candidate(candidates, block, number):
    """Candidate ``number`` of each row: its index in the flat targets, whether it exists, its column.

    The column is -1 where another shard holds the target. All three are loaded again at each use, since keeping them
    would take registers that the tile needs.
    """
    k = tl.load(candidates.offsets_ptr + block.row, mask=block.here, other=0) + number
    has = k < tl.load(candidates.offsets_ptr + block.row + 1, mask=block.here, other=0)
    local = tl.load(candidates.targets_ptr + k, mask=has, other=0) - candidates.vocab_start
    return k, has, tl.where(has & (local >= 0) & (local < candidates.n_columns), local, -1).to(tl.int32)


@triton.jit
def any_candidate_inside(candidates, block, most, first_column, end_column):
    """Whether some row has a candidate in the columns from first_column to end_column."""
    inside = tl.zeros(block.row.shape, tl.int32)
    number = 0
    while number < most:
        _, _, own = _candidate(candidates, block, number)
        inside = inside | ((own >= first_column) & (own < end_column)).to(tl.int32)
        number += 1
    return tl.max(inside, axis=0) > 0


@triton.jit
def store_own_logits(z, column, candidates, block, most, target_logit_ptr) -> None:
    """Store the logits of those candidates that lie among the columns [C] of z [R, C]."""
    first_column = tl.min(column, axis=0)
    number = 0
    while number < most:
        k, _, own = _candidate(candidates, block, number)
        inside = (own >= first_column) & (own < first_column + column.shape[0])
        own_z = tl.sum(tl.where(column[None, :] == own[:, None], z, 0.0), axis=1)
        tl.store(target_logit_ptr + k, own_z, mask=inside)
        number += 1


@triton.jit
def store_counts_above(z, column, candidates, block, most, target_logit_ptr, above_ptr, slice_index, n_slices) -> None:
    """Store for each candidate how many of z [R, C] exceed its logit.

    The columns [C] are the slice ``slice_index`` of ``n_slices``. A candidate's own column is left out, as its
    logit there could differ from the stored one in the last bit.
    """
    number = 0
    while number < most:
        k, has, own = _candidate(candidates, block, number)
        target_logit = tl.load(target_logit_ptr + k, mask=has, other=float("inf"))
        above = (z > target_logit[:, None]) & (column[None, :] != own[:, None])
        count = tl.sum(above.to(tl.int32), axis=1)
        tl.store(above_ptr + k * n_slices + slice_index, count.to(above_ptr.dtype.element_ty), mask=has)
        number += 1
