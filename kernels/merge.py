"""The last launch of a scoring op: it merges the statistics of a row's pieces in a fixed order and writes results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from pyscore.kernels.candidates import Candidates
from pyscore.kernels.launch import Launch, target_arguments
from pyscore.kernels.statistics import NO_ID, comes_before, finite_or_zero, next_best, row_is_scored

if TYPE_CHECKING:
    from pyscore.ops.request import TokenRequest, TokenTensors, Wanted

__all__ = ["PieceStatistics", "merge_launches", "new_statistics", "scratch_of_a_row"]


class PieceStatistics(NamedTuple):
    """Scratch between the launches: statistics of each piece of the vocabulary; None where they were not asked for."""

    largest: Tensor  # [N, P] float32
    total: Tensor  # [N, P] float32
    best: Tensor  # [N, P] int32
    weighted: Tensor | None  # [N, P] float32
    above: Tensor | None  # [M, S] counts of entries above a target, one for each slice of each tile (or each piece)
    top_value: Tensor | None  # [N, P, K] float32
    top_id: Tensor | None  # [N, P, K] int32
    after_value: Tensor | None  # [N] float32: top lists hold only entries behind (after_value, after_id)
    after_id: Tensor | None  # [N] int32


def new_statistics(like: Tensor, pieces: int, wanted: Wanted, list_size: int, above: Tensor | None) -> PieceStatistics:
    """Scratch for the statistics of ``pieces`` pieces of the rows of logits or hidden states."""
    rows = like.shape[0]

    def empty(*size: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return like.new_empty(size, dtype=dtype)

    def lists(dtype: torch.dtype) -> Tensor | None:
        return empty(rows, pieces, list_size, dtype=dtype) if list_size else None

    return PieceStatistics(
        largest=empty(rows, pieces),
        total=empty(rows, pieces),
        best=empty(rows, pieces, dtype=torch.int32),
        weighted=empty(rows, pieces) if wanted.entropy else None,
        above=above,
        top_value=lists(torch.float32),
        top_id=lists(torch.int32),
        after_value=like.new_full((rows,), float("inf"), dtype=torch.float32) if list_size else None,
        after_id=like.new_full((rows,), -1, dtype=torch.int32) if list_size else None,
    )


def scratch_of_a_row(pieces: int, entropy: bool, list_size: int) -> int:
    """Bytes that `new_statistics` takes for a row, without ``above``, which has an entry a target instead."""
    return pieces * (12 + 4 * entropy + 8 * list_size) + 8 * bool(list_size)


@triton.jit
def _log_probability(z: tl.tensor, largest: tl.tensor, log_total: tl.tensor) -> tl.tensor:
    """min(z - logsumexp, 0), NaN where log_total is.

    The difference of z and the largest logit is exact near 0, where that of z and the rounded logsumexp is not.
    """
    logprob = (z - largest) - log_total
    return tl.where(logprob > 0.0, 0.0, logprob)


@triton.jit
def _finish_candidates(
    candidates, start, end, target_logit_ptr, above_ptr, logprob_ptr, rank_ptr, largest, log_total,
    n_slices, ignore_index,
    SHARDED: tl.constexpr, COUNT_OUTSIDE: tl.constexpr, BLOCK_S: tl.constexpr, BLOCK_K: tl.constexpr,
) -> None:  # fmt: skip
    first = start
    while first < end:
        k = first + tl.arange(0, BLOCK_K)
        target = tl.load(candidates.targets_ptr + k, mask=k < end, other=0)
        local = target - candidates.vocab_start
        held = (k < end) & (local >= 0) & (local < candidates.n_columns)
        z = tl.load(target_logit_ptr + k, mask=held, other=-float("inf") if SHARDED else float("nan"))
        logprob = _log_probability(z, largest, log_total)
        tl.store(logprob_ptr + k, tl.where(target == ignore_index, float("nan"), logprob), mask=k < end)
        first += BLOCK_K
    if rank_ptr is not None:
        slice_index = tl.arange(0, BLOCK_S)
        k = start
        while k < end:
            target = tl.load(candidates.targets_ptr + k)
            local = target - candidates.vocab_start
            counted = (log_total == log_total) & (target != ignore_index)
            if not COUNT_OUTSIDE:
                counted = counted & (local >= 0) & (local < candidates.n_columns)
            written = slice_index < tl.where(counted, n_slices, 0)
            above = tl.load(above_ptr + k * n_slices + slice_index, mask=written, other=0)
            rank = tl.sum(above.to(tl.int32), axis=0)
            tl.store(rank_ptr + k, tl.where(counted, rank, -1).to(tl.int64))
            k += 1


class _Lists(NamedTuple):
    """Device code: the listed entries of all rows' pieces, and the last entry already written for each row.

    The next list starts behind that entry.
    """

    value_ptr: Any
    id_ptr: Any
    after_value_ptr: Any
    after_id_ptr: Any
    n_entries: Any  # listed entries of a row


@triton.jit
def _finish_top(
    lists, top_ids_ptr, top_logprobs_ptr, row, largest, log_total, first_slot, end_slot, top_k, vocab_start,
    BLOCK_T: tl.constexpr,
) -> None:  # fmt: skip
    after_value = tl.full((1,), float("inf"), tl.float32)
    after_id = tl.full((1,), -1, tl.int32)
    one = tl.arange(0, 1)
    live_entries = tl.where(log_total == log_total, lists.n_entries, 0)
    slot = first_slot + 0
    while slot < end_slot:
        value = tl.full((1,), -float("inf"), tl.float32)
        id = tl.full((1,), NO_ID, tl.int32)
        first = live_entries * 0
        while first < live_entries:
            entry = first + tl.arange(0, BLOCK_T)
            here = entry < live_entries
            values = tl.load(lists.value_ptr + row * lists.n_entries + entry, mask=here, other=-float("inf"))
            ids = tl.load(lists.id_ptr + row * lists.n_entries + entry, mask=here, other=NO_ID)
            listed_value, listed_id = next_best(values[None, :], ids[None, :], after_value, after_id)
            better = comes_before(listed_value, listed_id, value, id)
            value = tl.where(better, listed_value, value)
            id = tl.where(better, listed_id, id)
            first += BLOCK_T
        logprob = _log_probability(value, largest, log_total)
        out = row * top_k + slot + one
        tl.store(top_logprobs_ptr + out, logprob)
        tl.store(top_ids_ptr + out, tl.where(logprob == logprob, id.to(tl.int64) + vocab_start, -1))
        after_value = value
        after_id = id
        slot += 1
    tl.store(lists.after_value_ptr + row + one, after_value)
    tl.store(lists.after_id_ptr + row + one, after_id)


@triton.jit(do_not_specialize=["ignore_index", "vocab_start", "n_entries", "first_slot", "end_slot", "top_k"])
def merge_kernel(
    largest_ptr, total_ptr, best_ptr, weighted_ptr, above_ptr, top_value_ptr, top_id_ptr, after_value_ptr, after_id_ptr,
    targets_ptr, offsets_ptr, target_logit_ptr, n_columns, n_pieces, n_slices, ignore_index, vocab_start,
    logprob_ptr, logsumexp_ptr, max_logit_ptr, argmax_ptr, entropy_ptr, rank_ptr, top_ids_ptr, top_logprobs_ptr,
    n_entries, first_slot, end_slot, top_k,
    SHARDED: tl.constexpr, COUNT_OUTSIDE: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_S: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_K: tl.constexpr,
) -> None:  # fmt: skip
    """One program finishes one row: [N] programs."""
    nan = float("nan")
    infinity = float("inf")
    row = tl.program_id(0).to(tl.int64)
    start = tl.load(offsets_ptr + row)
    end = tl.load(offsets_ptr + row + 1)
    scored = row_is_scored(targets_ptr, start, end, ignore_index, BLOCK_K)

    piece = tl.arange(0, BLOCK_P)
    here = piece < tl.where(scored, n_pieces, 0)  # nothing was written for the pieces of an ignored row
    at = row * n_pieces + piece
    largests = tl.load(largest_ptr + at, mask=here, other=-infinity)
    totals = tl.load(total_ptr + at, mask=here, other=0.0)
    bests = tl.load(best_ptr + at, mask=here, other=NO_ID)
    largest = tl.max(largests, axis=0)
    shift = finite_or_zero(largest)
    rescale = tl.exp(largests - shift)
    total = tl.sum(rescale * totals, axis=0)
    # A NaN logit makes the total NaN; the maxima may have passed over it.
    known = scored & (total == total)
    valid = known & (tl.abs(largest) < infinity)
    # Rows without a distribution get NaN here, which carries into each of their log-probabilities.
    log_total = tl.where(valid, tl.log(total), nan)
    best = tl.min(tl.where(largests == largest, bests, NO_ID), axis=0)
    logsumexp = tl.where(valid, largest + log_total, largest)
    tl.store(logsumexp_ptr + row, tl.where(known, logsumexp, nan))
    tl.store(max_logit_ptr + row, tl.where(known, largest, nan))
    tl.store(argmax_ptr + row, tl.where(valid, best.to(tl.int64) + vocab_start, -1))

    if entropy_ptr is not None:
        weighted = tl.load(weighted_ptr + at, mask=here, other=0.0)
        moved = tl.where(largests > -infinity, tl.maximum(largests - shift, -1000.0), 0.0)
        entropy = log_total - tl.sum(rescale * (weighted + totals * moved), axis=0) / total
        tl.store(entropy_ptr + row, tl.where(entropy < 0.0, 0.0, entropy))
    _finish_candidates(
        Candidates(targets_ptr, offsets_ptr, vocab_start, n_columns), start, end, target_logit_ptr, above_ptr,
        logprob_ptr, rank_ptr, largest, log_total, n_slices, ignore_index, SHARDED, COUNT_OUTSIDE, BLOCK_S, BLOCK_K,
    )  # fmt: skip
    if top_value_ptr is not None:
        lists = _Lists(top_value_ptr, top_id_ptr, after_value_ptr, after_id_ptr, n_entries)
        _finish_top(
            lists, top_ids_ptr, top_logprobs_ptr, row, largest, log_total, first_slot, end_slot, top_k, vocab_start,
            BLOCK_T,
        )  # fmt: skip


def merge_launches(
    fold: Launch,
    statistics: PieceStatistics,
    request: TokenRequest,
    target_logit: Tensor,
    out: TokenTensors,
    *,
    n_columns: int,
    count_outside: bool,
) -> list[Launch]:
    """``fold``, which fills the statistics, and the launch that makes results of them; both once a list.

    A target outside of the vocabulary is NaN with rank -1; where this is a shard of it, its log-probability is -inf,
    and its rank counts if ``count_outside``.
    """
    rows, pieces = statistics.largest.shape
    wanted, top_k = request.wanted, request.wanted.top_k
    slices = 1 if statistics.above is None else statistics.above.shape[1]
    list_size = 0 if statistics.top_id is None else statistics.top_id.shape[2]
    asked = {"entropy": wanted.entropy, "rank": wanted.rank, "top_ids": top_k > 0, "top_logprobs": top_k > 0}
    results = {name: value if asked.get(name, True) else None for name, value in out._asdict().items()}
    block_p = triton.next_power_of_2(pieces)
    arguments = target_arguments(request) | {
        **{f"{name}_ptr": value for name, value in {**statistics._asdict(), **results}.items()},
        "target_logit_ptr": target_logit,
        "n_columns": n_columns,
        "n_pieces": pieces,
        "n_slices": slices,
        "ignore_index": request.ignore_index,
        "n_entries": pieces * list_size,
        "top_k": top_k,
        "SHARDED": request.sharded,
        "COUNT_OUTSIDE": count_outside,
        "BLOCK_P": block_p,
        "BLOCK_S": triton.next_power_of_2(slices),
        "BLOCK_T": min(triton.next_power_of_2(max(pieces * list_size, 1)), 1024),
        "BLOCK_K": 16,
    }
    launches = []
    for first_slot in range(0, max(top_k, 1), max(list_size, 1)):
        slots = {"first_slot": first_slot, "end_slot": min(first_slot + list_size, top_k)}
        merge = Launch(merge_kernel, (rows,), arguments | slots, {"num_warps": min(max(block_p // 256, 1), 8)})
        launches += [fold, merge]
    return launches
