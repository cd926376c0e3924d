"""The last launch of a scoring op: merges the statistics of a row's pieces in a fixed order and finishes the row."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from pyscore.kernels.candidates import Candidates
from pyscore.kernels.launch import Launch
from pyscore.kernels.row_groups import take
from pyscore.kernels.statistics import NO_ID, comes_before, finite_or_zero, next_best, row_is_scored

__all__ = ["Outputs", "PieceStatistics", "merge_launch", "new_outputs", "new_statistics", "scratch_of_a_row"]


class PieceStatistics(NamedTuple):
    """What each piece of the vocabulary says of a row: compact scratch between the launches; None: not asked for."""

    largest: Tensor  # [N, P] float32
    total: Tensor  # [N, P] float32
    best: Tensor  # [N, P] int32
    weighted: Tensor | None  # [N, P] float32
    above: Tensor | None  # [M, S] entries with a greater logit than the target, counted in S slices of the vocabulary
    top_value: Tensor | None  # [N, P, K] float32
    top_id: Tensor | None  # [N, P, K] int32
    after_value: Tensor | None  # [N] float32: top lists hold only entries behind (after_value, after_id)
    after_id: Tensor | None  # [N] int32


class Outputs(NamedTuple):
    """Results of a scoring op; what was not asked for is empty."""

    logprob: Tensor  # [M] float32
    logsumexp: Tensor  # [N] float32
    max_logit: Tensor  # [N] float32
    argmax: Tensor  # [N] int64
    entropy: Tensor  # [N] float32, or [0]
    rank: Tensor  # [M] int64, or [0]
    top_ids: Tensor  # [N, top_k] int64
    top_logprobs: Tensor  # [N, top_k] float32

    def of_rows(self, rows: slice) -> Outputs:
        """The results of these rows, in the same memory; those of targets stay whole, for offsets point into all."""
        return Outputs(
            *(value if name in ("logprob", "rank") else take(value, rows) for name, value in self._asdict().items())
        )


def new_statistics(
    like: Tensor, rows: int, pieces: int, entropy: bool, above: Tensor | None, list_size: int
) -> PieceStatistics:
    """Scratch for the statistics of ``pieces`` pieces."""

    def empty(*size: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return like.new_empty(size, dtype=dtype)

    def lists(dtype: torch.dtype) -> Tensor | None:
        return empty(rows, pieces, list_size, dtype=dtype) if list_size else None

    return PieceStatistics(
        largest=empty(rows, pieces),
        total=empty(rows, pieces),
        best=empty(rows, pieces, dtype=torch.int32),
        weighted=empty(rows, pieces) if entropy else None,
        above=above,
        top_value=lists(torch.float32),
        top_id=lists(torch.int32),
        after_value=like.new_full((rows,), float("inf"), dtype=torch.float32) if list_size else None,
        after_id=like.new_full((rows,), -1, dtype=torch.int32) if list_size else None,
    )


def scratch_of_a_row(pieces: int, entropy: bool, list_size: int) -> int:
    """Bytes that `new_statistics` takes for a row, without ``above``, which has no rows."""
    return pieces * (12 + 4 * entropy + 8 * list_size) + 8 * bool(list_size)


def new_outputs(like: Tensor, rows: int, targets: int, entropy: bool, rank: bool, top_k: int) -> Outputs:
    """Uninitialised results."""

    def empty(*size: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return like.new_empty(size, dtype=dtype)

    ids = torch.int64
    return Outputs(
        empty(targets), empty(rows), empty(rows), empty(rows, dtype=ids), empty(rows if entropy else 0),
        empty(targets if rank else 0, dtype=ids), empty(rows, top_k, dtype=ids), empty(rows, top_k),
    )  # fmt: skip


@triton.jit
def _log_probability(z: tl.tensor, largest: tl.tensor, log_total: tl.tensor) -> tl.tensor:
    """min(z - logsumexp, 0), NaN where log_total is: more exact near 0 than by way of the rounded logsumexp."""
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
    """Device code: the listed entries of all rows' pieces, and the last ones that results hold already."""

    value_ptr: Any
    id_ptr: Any
    after_value_ptr: Any
    after_id_ptr: Any
    n_entries: Any  # of a row


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
    here = piece < tl.where(scored, n_pieces, 0)  # the pieces of an ignored row were not written
    at = row * n_pieces + piece
    largests = tl.load(largest_ptr + at, mask=here, other=-infinity)
    totals = tl.load(total_ptr + at, mask=here, other=0.0)
    bests = tl.load(best_ptr + at, mask=here, other=NO_ID)
    largest = tl.max(largests, axis=0)
    shift = finite_or_zero(largest)
    rescale = tl.exp(largests - shift)
    total = tl.sum(rescale * totals, axis=0)
    # a NaN total is how a NaN logit shows: the maxima may have dropped it
    known = scored & (total == total)
    valid = known & (tl.abs(largest) < infinity)
    # NaN where the row has no distribution: it carries into every log-probability
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


def merge_launch(
    statistics: PieceStatistics,
    outputs: Outputs,
    targets: Tensor,
    target_offsets: Tensor,
    target_logit: Tensor,
    *,
    n_columns: int,
    ignore_index: int,
    vocab_start: int,
    sharded: bool,
    count_outside: bool,
    first_slot: int = 0,
) -> Launch:
    """The launch that turns pieces' statistics into results; its top lists fill the slots from ``first_slot`` on.

    A target outside of the vocabulary is NaN with rank -1; where this is a shard of it, its log-probability is -inf,
    and its rank counts if ``count_outside``.
    """
    rows, pieces = statistics.largest.shape
    top_k = outputs.top_ids.shape[1]
    block_p = triton.next_power_of_2(pieces)
    slices = 1 if statistics.above is None else statistics.above.shape[1]
    list_size = 0 if statistics.top_id is None else statistics.top_id.shape[2]
    pointers: dict[str, Any] = {f"{name}_ptr": value for name, value in statistics._asdict().items()}
    pointers |= {f"{name}_ptr": value for name, value in outputs._asdict().items()}
    pointers |= {"targets_ptr": targets, "offsets_ptr": target_offsets, "target_logit_ptr": target_logit}
    if statistics.weighted is None:
        pointers["entropy_ptr"] = None
    if statistics.above is None:
        pointers["rank_ptr"] = None
    if statistics.top_id is None:
        pointers["top_ids_ptr"] = pointers["top_logprobs_ptr"] = None
    arguments = pointers | {
        "n_columns": n_columns,
        "n_pieces": pieces,
        "n_slices": slices,
        "ignore_index": ignore_index,
        "vocab_start": vocab_start,
        "n_entries": pieces * list_size,
        "first_slot": first_slot,
        "end_slot": min(first_slot + list_size, top_k),
        "top_k": top_k,
        "SHARDED": sharded,
        "COUNT_OUTSIDE": count_outside,
        "BLOCK_P": block_p,
        "BLOCK_S": triton.next_power_of_2(slices),
        "BLOCK_T": min(triton.next_power_of_2(max(pieces * list_size, 1)), 1024),
        "BLOCK_K": 16,
    }
    return Launch(merge_kernel, (rows,), arguments, {"num_warps": min(max(block_p // 256, 1), 8)})
