"""Scores of target tokens from ready logits, which are read once. How a row is cut in pieces follows from V alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from pyscore.kernels.candidates import Candidates
from pyscore.kernels.configs import ReadyConfig, architecture, ready_config
from pyscore.kernels.launch import Launch, logit_arguments, run
from pyscore.kernels.merge import merge_launches, new_statistics, scratch_of_a_row
from pyscore.kernels.projection import loads_wide
from pyscore.kernels.row_groups import of_rows, row_groups
from pyscore.kernels.statistics import LOG2_E, NO_ID, Cap, comes_before, final_logits, finite_or_zero

if TYPE_CHECKING:
    from pyscore.ops.request import TokenRequest, TokenTensors

__all__ = ["logprobs", "plan_logprobs"]

_LIST_SIZE = 64
"""How many of the largest entries one pass lists; top_k takes a pass over the logits for every 64."""


class Row(NamedTuple):
    """Device code: a row of logits and the range of its candidates."""

    ptr: Any
    column_stride: Any
    start: Any
    end: Any


@triton.jit
def _target_logits_of_row(
    row, candidates, cap, temperature, target_logit_ptr, TEMPERATURE: tl.constexpr, BLOCK_K: tl.constexpr
) -> None:
    first = row.start
    while first < row.end:
        k = first + tl.arange(0, BLOCK_K)
        local = tl.load(candidates.targets_ptr + k, mask=k < row.end, other=-1) - candidates.vocab_start
        held = (k < row.end) & (local >= 0) & (local < candidates.n_columns)
        score = tl.load(row.ptr + local * row.column_stride, mask=held, other=0.0).to(tl.float32)
        z = final_logits(score, cap, temperature, TEMPERATURE)
        tl.store(target_logit_ptr + k, z, mask=held)
        first += BLOCK_K


@triton.jit
def _is_read(targets_ptr, start, end, ignore_index):
    """False for a row whose one or two candidates are all ignored.

    A row with more candidates is read in any case: a look at each of them would delay the loads of all rows' logits.
    """
    has = start < end
    first = tl.load(targets_ptr + start, mask=has, other=ignore_index)
    last = tl.load(targets_ptr + end - 1, mask=has, other=ignore_index)
    return (end - start > 2) | (end <= start) | (first != ignore_index) | (last != ignore_index)


@triton.jit
def _load_one_by_one(row_ptr, column_stride, column, n_columns, STEP: tl.constexpr, COUNT: tl.constexpr):
    """Logits [L, COUNT]: for lane l the columns column[l], column[l] + STEP, and so on."""
    if COUNT == 1:
        inside = column < n_columns
        return tl.load(row_ptr + column.to(tl.int64) * column_stride, mask=inside, other=-float("inf"))[:, None]
    else:
        even = _load_one_by_one(row_ptr, column_stride, column, n_columns, 2 * STEP, COUNT // 2)
        odd = _load_one_by_one(row_ptr, column_stride, column + STEP, n_columns, 2 * STEP, COUNT // 2)
        return tl.reshape(tl.join(even, odd), (column.shape[0], COUNT))


@triton.jit
def _add_up(x):
    """Sums [L] of x [L, W]. Neighbours are added first, so that the order doesn't depend on which thread holds what."""
    if x.shape[1] == 1:
        return tl.reshape(x, (x.shape[0],))
    else:
        left, right = tl.split(tl.reshape(x, (x.shape[0], x.shape[1] // 2, 2)))
        return _add_up(left + right)


@triton.jit
def _fold_vectors(zs, lane, ENTROPY: tl.constexpr, VECTORS: tl.constexpr):
    """(largest, total, weighted, best) of VECTORS times [L, W] logits of one row; see `statistics`.

    best counts from the first column of the piece. Each lane folds its own logits first, which takes no exchange
    between threads, since a lane is a thread.
    """
    LANES: tl.constexpr = zs[0].shape[0]
    WIDTH: tl.constexpr = zs[0].shape[1]
    largest = tl.max(zs[0], axis=1)
    for i in tl.static_range(1, VECTORS):
        largest = tl.maximum(largest, tl.max(zs[i], axis=1))
    shift = finite_or_zero(largest)
    total = tl.zeros(largest.shape, tl.float32)
    weighted = tl.zeros(largest.shape, tl.float32)
    best = tl.full(largest.shape, NO_ID, tl.int32)
    for i in tl.static_range(VECTORS):
        below = zs[i] - shift[:, None]
        mass = tl.exp2(below * LOG2_E)
        total += _add_up(mass)
        if ENTROPY:
            weighted += _add_up(mass * tl.maximum(below, -1000.0))  # as in `fold_tile`
        # `offset` does not depend on the lane; the lane's base is added after the loop, which saves registers.
        offset = i * (LANES * WIDTH) + tl.arange(0, WIDTH)[None, :]
        best = tl.minimum(best, tl.min(tl.where(zs[i] == largest[:, None], offset, NO_ID), axis=1))
    best += lane * WIDTH

    row_largest = tl.max(largest, axis=0)
    row_shift = finite_or_zero(row_largest)
    rescale = tl.exp2((largest - row_shift) * LOG2_E)
    moved = tl.where(largest > -float("inf"), tl.maximum(largest - row_shift, -1000.0), 0.0)
    row_weighted = tl.sum(rescale * (weighted + total * moved), axis=0)
    row_best = tl.min(tl.where(largest == row_largest, best, NO_ID), axis=0)
    return row_largest, tl.sum(rescale * total, axis=0), row_weighted, row_best


@triton.jit
def _count_above(
    zs, row, candidates, cap, temperature, above_ptr, piece, n_pieces, TEMPERATURE: tl.constexpr, VECTORS: tl.constexpr
) -> None:
    """Store for each candidate how many logits exceed its own.

    A candidate's logit is computed by the same instructions as in the pass, so it never exceeds itself.
    """
    k = row.start
    while k < row.end:
        local = tl.load(candidates.targets_ptr + k) - candidates.vocab_start
        held = (local >= 0) & (local < candidates.n_columns)
        score = tl.load(row.ptr + local * row.column_stride, mask=held, other=0.0).to(tl.float32)
        target_z = final_logits(score, cap, temperature, TEMPERATURE)
        count = tl.zeros((zs[0].shape[0],), tl.int32)
        for i in tl.static_range(VECTORS):
            count += tl.sum((zs[i] > target_z).to(tl.int32), axis=1)
        tl.store(above_ptr + k * n_pieces + piece, tl.sum(count, axis=0))
        k += 1


@triton.jit
def _next_best(zs, columns, after_value, after_id, VECTORS: tl.constexpr):
    """The first entry behind (after_value, after_id), values descending, then ids ascending; (-inf, NO_ID): none."""
    value = tl.full((zs[0].shape[0],), -float("inf"), tl.float32)
    id = tl.full((zs[0].shape[0],), NO_ID, tl.int32)
    for i in tl.static_range(VECTORS):
        behind = (zs[i] < after_value) | ((zs[i] == after_value) & (columns[i] > after_id))
        candidates = tl.where(behind, zs[i], -float("inf"))
        lane_value = tl.max(candidates, axis=1)
        lane_id = tl.min(tl.where(behind & (candidates == lane_value[:, None]), columns[i], NO_ID), axis=1)
        better = comes_before(lane_value, lane_id, value, id)
        value = tl.where(better, lane_value, value)
        id = tl.where(better, lane_id, id)
    best_value = tl.max(value, axis=0)
    return best_value, tl.min(tl.where(value == best_value, id, NO_ID), axis=0)


@triton.jit(do_not_specialize=["ignore_index", "vocab_start"])
def piece_kernel(
    logits_ptr, row_stride, column_stride, n_columns, n_pieces, targets_ptr, offsets_ptr, temperature_ptr,
    softcap, inverse_softcap, ignore_index, vocab_start, target_logit_ptr,
    largest_ptr, total_ptr, best_ptr, weighted_ptr, above_ptr, top_value_ptr, top_id_ptr, after_value_ptr, after_id_ptr,
    SOFTCAP: tl.constexpr, LIST_SIZE: tl.constexpr, LANES: tl.constexpr, VECTORS: tl.constexpr, WIDTH: tl.constexpr,
    ALIGNED: tl.constexpr, BLOCK_K: tl.constexpr,
) -> None:  # fmt: skip
    """One program folds one piece of one row: [N * P] programs, the pieces of a row side by side.

    A lane loads VECTORS times WIDTH neighbouring logits.
    """
    program = tl.program_id(0).to(tl.int64)
    n = program // n_pieces
    piece = (program % n_pieces).to(tl.int32)
    start = tl.load(offsets_ptr + n)
    end = tl.load(offsets_ptr + n + 1)
    if not _is_read(targets_ptr, start, end, ignore_index):
        return

    row = Row(logits_ptr + n * row_stride, column_stride, start, end)
    candidates = Candidates(targets_ptr, offsets_ptr, vocab_start, n_columns)
    cap = Cap(softcap, inverse_softcap, SOFTCAP)
    first_column = piece * (LANES * WIDTH * VECTORS)
    lane = tl.arange(0, LANES)
    of_lane = lane[:, None] * WIDTH + tl.arange(0, WIDTH)[None, :]
    columns = ()
    scores = ()
    for i in tl.static_range(VECTORS):  # a loop of its own, so that all loads are issued before the first use waits
        column = first_column + i * (LANES * WIDTH) + of_lane
        if ALIGNED:
            score = tl.load(row.ptr + column, mask=column < n_columns, other=-float("inf"))
        else:
            first = first_column + i * (LANES * WIDTH) + lane * WIDTH
            score = _load_one_by_one(row.ptr, column_stride, first, n_columns, 1, WIDTH)
        columns = columns + (column,)
        scores = scores + (score,)
    TEMPERATURE: tl.constexpr = temperature_ptr is not None
    temperature = 1.0
    if TEMPERATURE:
        temperature = tl.load(temperature_ptr + n)
    zs = ()
    for i in tl.static_range(VECTORS):
        z = final_logits(scores[i].to(tl.float32), cap, temperature, TEMPERATURE)
        if SOFTCAP:  # a softcap made the -inf of columns that don't exist finite
            z = tl.where(columns[i] < n_columns, z, -float("inf"))
        zs = zs + (z,)

    ENTROPY: tl.constexpr = weighted_ptr is not None
    largest, total, weighted, best = _fold_vectors(zs, lane, ENTROPY, VECTORS)
    tl.store(largest_ptr + program, largest)
    tl.store(total_ptr + program, total)
    tl.store(best_ptr + program, first_column + best)
    if ENTROPY:
        tl.store(weighted_ptr + program, weighted)
    if piece == 0:
        _target_logits_of_row(row, candidates, cap, temperature, target_logit_ptr, TEMPERATURE, BLOCK_K)
    if above_ptr is not None:
        _count_above(zs, row, candidates, cap, temperature, above_ptr, piece, n_pieces, TEMPERATURE, VECTORS)
    if top_value_ptr is not None:
        value = tl.load(after_value_ptr + n)
        id = tl.load(after_id_ptr + n)
        for slot in range(LIST_SIZE):
            value, id = _next_best(zs, columns, value, id, VECTORS)
            tl.store(top_value_ptr + program * LIST_SIZE + slot, value)
            tl.store(top_id_ptr + program * LIST_SIZE + slot, id)


def _pieces(logits: Tensor, config: ReadyConfig) -> tuple[int, int, int]:
    """The entries of a vector, the vectors that a lane folds, and the number of pieces of the vocabulary."""
    columns, width = logits.shape[1], 16 // logits.itemsize
    # Rows of another V rarely start on 16-byte edges, and loads of single entries take more registers.
    vectors = config.vectors if columns % 16 == 0 else max(config.vectors // 2, 1)
    return width, vectors, triton.cdiv(columns, config.lanes * vectors * width)


def plan_logprobs(logits: Tensor, request: TokenRequest, out: TokenTensors, config: ReadyConfig) -> list[Launch]:
    """The launches that fill ``out``."""
    (rows, columns), targets, wanted = logits.shape, request.targets.ids.shape[0], request.wanted
    width, vectors, pieces = _pieces(logits, config)
    list_size = min(wanted.top_k, _LIST_SIZE)
    above = logits.new_empty(targets, pieces, dtype=torch.int32) if wanted.rank else None
    statistics = new_statistics(logits, pieces, wanted, list_size, above)
    target_logit = logits.new_empty(targets, dtype=torch.float32)
    arguments = logit_arguments(request) | {
        **{f"{name}_ptr": value for name, value in statistics._asdict().items()},
        "logits_ptr": logits,
        "row_stride": logits.stride(0),
        "column_stride": logits.stride(1),
        "n_columns": columns,
        "n_pieces": pieces,
        "ignore_index": request.ignore_index,
        "target_logit_ptr": target_logit,
        "LIST_SIZE": list_size,
        "LANES": config.lanes,
        "VECTORS": vectors,
        "WIDTH": width,
        "ALIGNED": loads_wide(logits),
        "BLOCK_K": 16,
    }
    fold = Launch(piece_kernel, (rows * pieces,), arguments, {"num_warps": config.num_warps})
    return merge_launches(fold, statistics, request, target_logit, out, n_columns=columns, count_outside=False)


def logprobs(logits: Tensor, request: TokenRequest, out: TokenTensors, *, config: ReadyConfig | None = None) -> None:
    """Scores of targets from logits [N, V] (float32, bfloat16, float16; any strides) in two launches.

    Scratch: 12 to 16 bytes a row and piece of V, 4 bytes a target and piece with ``rank``, 8 bytes a row, piece and
    listed entry with ``top_k``: rows then run in groups, so that it stays under 1 % of the logits as float32 (or 128
    rows, or 16 MiB). ``top_k`` above 64 takes one more pass over the logits for every 64 entries. Never waits for the
    device.
    """
    (rows, columns), wanted = logits.shape, request.wanted
    config = config or ready_config(architecture(logits.device), logits.dtype, columns)
    scratch = scratch_of_a_row(_pieces(logits, config)[2], wanted.entropy, min(wanted.top_k, _LIST_SIZE))
    for group in row_groups(rows, columns, scratch):
        run(plan_logprobs(*of_rows(group, logits, request, out), config), logits.device)
