"""Scores of target tokens from hidden states and the unembedding: logits live in registers only."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .configs import LinearConfig, architecture, linear_config
from .launch import Launch, run
from .merge import Outputs, merge_launch, new_outputs, new_statistics
from .projection import multiply, projection_arguments
from .statistics import NO_ID, final_logits, fold_tile, keep_best

__all__ = ["linear_logprobs", "plan_linear_logprobs"]

_LIST_SIZE = 16
"""Largest entries kept a pass, in registers: top_k beyond it takes one more pass over the weight for every 16."""


@triton.jit(do_not_specialize=["n_rows", "ignore_index"])
def scored_rows_kernel(
    targets_ptr, offsets_ptr, ignore_index, n_rows, rows_ptr, row_count_ptr, BLOCK: tl.constexpr
) -> None:
    """Numbers, in order, of the rows that are not ignored, so that ignored rows take no room in tiles: one program."""
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


@triton.jit
def _local_column(targets_ptr, k, has, vocab_start, n_columns):
    """Column of candidates k, -1 for one of another shard."""
    local = tl.load(targets_ptr + k, mask=has, other=0) - vocab_start
    return tl.where((local >= 0) & (local < n_columns), local, -1).to(tl.int32)


@triton.jit
def _candidate(offsets_ptr, row, here, number):
    """Index of a row's candidate by number, and whether the row has so many; read anew, since registers are scarce."""
    k = tl.load(offsets_ptr + row, mask=here, other=0) + number
    return k, k < tl.load(offsets_ptr + row + 1, mask=here, other=0)


@triton.jit
def _in_parts(tile, PARTS: tl.constexpr):
    """The tile [R, C] as PARTS tiles of neighbouring columns."""
    if PARTS == 1:
        return (tile,)
    else:  # Triton would go on compiling behind a plain return
        left, right = tl.split(tl.permute(tl.reshape(tile, (tile.shape[0], 2, tile.shape[1] // 2)), (0, 2, 1)))
        return _in_parts(left, PARTS // 2) + _in_parts(right, PARTS // 2)


@triton.jit
def _count_further_candidates(
    z, column, targets_ptr, offsets_ptr, target_logit_ptr, above_ptr, row, here, most, vocab_start, n_columns, piece,
    n_pieces, has_counted,
) -> None:  # fmt: skip
    """Entries above every candidate but a row's first, added to what the program has counted of the piece."""
    number = 1
    while number < most:
        k, has = _candidate(offsets_ptr, row, here, number)
        own = _local_column(targets_ptr, k, has, vocab_start, n_columns)
        target_logit = tl.load(target_logit_ptr + k, mask=has, other=float("inf"))
        above = (z > target_logit[:, None]) & (column[None, :] != own[:, None])
        count = tl.sum(above.to(tl.int32), axis=1)
        at = above_ptr + k * n_pieces + piece
        tl.debug_barrier()  # another thread of the program may have stored the count
        count += tl.load(at, mask=has, other=0) * has_counted
        tl.store(at, count, mask=has)
        number += 1


@triton.jit(do_not_specialize=["n_rows", "vocab_start"])
def linear_piece_kernel(
    hidden_ptr, hidden_row_stride, hidden_column_stride, weight_ptr, weight_row_stride, weight_column_stride,
    bias_ptr, bias_stride, temperature_ptr, targets_ptr, offsets_ptr, rows_ptr, row_count_ptr, n_rows, n_columns,
    n_pieces, logit_scale, softcap, inverse_softcap, vocab_start, target_logit_ptr,
    largest_ptr, total_ptr, best_ptr, weighted_ptr, above_ptr, top_value_ptr, top_id_ptr, after_value_ptr, after_id_ptr,
    SCALE: tl.constexpr, SOFTCAP: tl.constexpr, LIST_SIZE: tl.constexpr, D: tl.constexpr,
    BLOCK_N: tl.constexpr, BLOCK_V: tl.constexpr, BLOCK_D: tl.constexpr, PARTS: tl.constexpr, GROUP_N: tl.constexpr,
    WIDEN: tl.constexpr,
) -> None:  # fmt: skip
    """One program folds one piece of the vocabulary for BLOCK_N rows: [ceil(N / BLOCK_N) * P] programs.

    Row blocks run fastest within a group of GROUP_N, then pieces, then groups.
    """
    infinity = float("inf")
    program = tl.program_id(0)
    group = program // (GROUP_N * n_pieces)
    in_group = program % (GROUP_N * n_pieces)
    group_blocks = tl.minimum(tl.cdiv(n_rows, BLOCK_N) - group * GROUP_N, GROUP_N)
    first_slot = (group * GROUP_N + in_group % group_blocks) * BLOCK_N
    piece = in_group // group_blocks
    row_count = tl.load(row_count_ptr)
    if first_slot >= row_count:
        return

    slot = first_slot + tl.arange(0, BLOCK_N)
    here = slot < row_count
    row = tl.load(rows_ptr + slot, mask=here, other=0)
    TEMPERATURE: tl.constexpr = temperature_ptr is not None
    temperature = tl.full((BLOCK_N,), 1.0, tl.float32)
    if TEMPERATURE:
        temperature = tl.load(temperature_ptr + row, mask=here, other=1.0)
    largest = tl.full((BLOCK_N,), -infinity, tl.float32)
    total = tl.zeros((BLOCK_N,), tl.float32)
    weighted = tl.zeros((BLOCK_N,), tl.float32)
    best = tl.full((BLOCK_N,), NO_ID, tl.int32)
    ENTROPY: tl.constexpr = weighted_ptr is not None
    RANK: tl.constexpr = above_ptr is not None
    if RANK:
        start = tl.load(offsets_ptr + row, mask=here, other=0)
        most = tl.max((tl.load(offsets_ptr + row + 1, mask=here, other=0) - start).to(tl.int32), axis=0)
        k, has = _candidate(offsets_ptr, row, here, 0)
        own = _local_column(targets_ptr, k, has, vocab_start, n_columns)
        target_logit = tl.load(target_logit_ptr + k, mask=has, other=infinity)
        above = tl.zeros((BLOCK_N,), tl.int32)
    if LIST_SIZE > 0:
        lane = tl.arange(0, LIST_SIZE)
        top_value = tl.full((BLOCK_N, LIST_SIZE), -infinity, tl.float32)
        # ids of empty slots differ, so that one entry fills one slot, and come behind every real id
        top_id = tl.full((BLOCK_N, LIST_SIZE), NO_ID - 1, tl.int32) - lane[None, :]
        after_value = tl.load(after_value_ptr + row, mask=here, other=-infinity)
        after_id = tl.load(after_id_ptr + row, mask=here, other=NO_ID)

    n_tiles = tl.cdiv(n_columns, BLOCK_V)
    first_tile = piece * n_tiles // n_pieces
    end_tile = (piece + 1) * n_tiles // n_pieces
    tile = first_tile
    while tile < end_tile:
        first_column = tile * BLOCK_V
        entry = first_column + tl.arange(0, BLOCK_V)
        product = multiply(
            hidden_ptr, row.to(tl.int64), here, hidden_row_stride, hidden_column_stride, weight_ptr, entry.to(tl.int64),
            entry < n_columns, weight_row_stride, weight_column_stride, D, BLOCK_N, BLOCK_V, BLOCK_D, WIDEN,
        )  # fmt: skip
        # part by part: what a whole tile's epilogue keeps in registers beside the tile would not fit
        scores = _in_parts(product, PARTS)
        for part in tl.static_range(PARTS):
            score = scores[part]
            column = first_column + part * (BLOCK_V // PARTS) + tl.arange(0, BLOCK_V // PARTS)
            inside = column < n_columns
            if bias_ptr is not None:
                bias = tl.load(bias_ptr + column.to(tl.int64) * bias_stride, mask=inside, other=0.0)
                score += bias.to(tl.float32)[None, :]
            if SCALE:
                score *= logit_scale
            z = final_logits(score, temperature[:, None], softcap, inverse_softcap, SOFTCAP, TEMPERATURE)
            z = tl.where(inside[None, :], z, -infinity)
            largest, total, weighted, best = fold_tile(z, column, largest, total, weighted, best, ENTROPY)
            if RANK:
                exceeds = (z > target_logit[:, None]) & (column[None, :] != own[:, None])
                above += tl.sum(exceeds.to(tl.int32), axis=1)
                _count_further_candidates(
                    z, column, targets_ptr, offsets_ptr, target_logit_ptr, above_ptr, row, here, most, vocab_start,
                    n_columns, piece, n_pieces, (tile * PARTS + part > first_tile * PARTS).to(tl.int32),
                )  # fmt: skip
            if LIST_SIZE > 0:
                top_value, top_id = keep_best(z, column, top_value, top_id, after_value, after_id)
        tile += 1

    at = row.to(tl.int64) * n_pieces + piece
    tl.store(largest_ptr + at, largest, mask=here)
    tl.store(total_ptr + at, total, mask=here)
    tl.store(best_ptr + at, best, mask=here)
    if ENTROPY:
        tl.store(weighted_ptr + at, weighted, mask=here)
    if RANK:
        k, has = _candidate(offsets_ptr, row, here, 0)
        tl.store(above_ptr + k * n_pieces + piece, above, mask=has)
    if LIST_SIZE > 0:
        entry = at[:, None] * LIST_SIZE + lane[None, :]
        tl.store(top_value_ptr + entry, top_value, mask=here[:, None])
        tl.store(top_id_ptr + entry, top_id, mask=here[:, None])


def plan_linear_logprobs(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    target_offsets: Tensor,
    temperature: Tensor | None,
    target_logit: Tensor,
    *,
    softcap: float | None,
    logit_scale: float,
    ignore_index: int,
    vocab_start: int,
    entropy: bool,
    rank: bool,
    top_k: int,
    config: LinearConfig,
) -> tuple[Outputs, list[Launch]]:
    """The results' tensors and the launches that fill them."""
    rows, columns, targets_count = hidden.shape[0], weight.shape[0], targets.shape[0]
    pieces = min(triton.cdiv(columns, config.block_v), config.pieces)
    list_size = triton.next_power_of_2(min(top_k, _LIST_SIZE)) if top_k else 0
    outputs = new_outputs(hidden, rows, targets_count, entropy, rank, top_k)
    statistics = new_statistics(hidden, rows, pieces, targets_count, entropy, rank, list_size)
    scored_rows = hidden.new_empty(rows, dtype=torch.int32)
    row_count = hidden.new_empty(1, dtype=torch.int32)
    compact = {
        "targets_ptr": targets,
        "offsets_ptr": target_offsets,
        "ignore_index": ignore_index,
        "n_rows": rows,
        "rows_ptr": scored_rows,
        "row_count_ptr": row_count,
        "BLOCK": 1024,
    }
    arguments = projection_arguments(
        hidden, weight, bias, targets, target_offsets, temperature, softcap, logit_scale, vocab_start, config
    ) | {
        "rows_ptr": scored_rows,
        "row_count_ptr": row_count,
        "n_pieces": pieces,
        "target_logit_ptr": target_logit,
        **{f"{name}_ptr": value for name, value in statistics._asdict().items()},
        "LIST_SIZE": list_size,
        "BLOCK_N": config.block_n,
        "PARTS": config.parts,
        "GROUP_N": config.group_n,
    }
    options = {"num_warps": config.num_warps, "num_stages": config.num_stages}
    fold = Launch(linear_piece_kernel, (triton.cdiv(rows, config.block_n) * pieces,), arguments, options)
    launches = [Launch(scored_rows_kernel, (min(rows, 1),), compact, {"num_warps": 4})]
    for first_slot in range(0, max(top_k, 1), max(list_size, 1)):
        merge = merge_launch(
            statistics, outputs, targets, target_offsets, target_logit, n_columns=columns, ignore_index=ignore_index,
            vocab_start=vocab_start, count_outside=True, first_slot=first_slot,
        )  # fmt: skip
        launches += [fold, merge]
    return outputs, launches


def linear_logprobs(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    target_offsets: Tensor,
    temperature: Tensor | None,
    target_logit: Tensor,
    *,
    softcap: float | None = None,
    logit_scale: float = 1.0,
    ignore_index: int = -100,
    vocab_start: int = 0,
    entropy: bool = False,
    rank: bool = False,
    top_k: int = 0,
    config: LinearConfig | None = None,
) -> Outputs:
    """Scores of targets from hidden [N, D] and weight [V, D] in three launches; ``target_logit`` as of `target_logits`.

    hidden and weight have one dtype (float32, bfloat16, float16) and any strides; products are summed in float32, and
    float32 is multiplied as such (no TF32). The vocabulary is cut in P <= 304 pieces. Scratch: 12 to 16 bytes a row
    and piece, 4 bytes a target and piece with ``rank``, 8 bytes a row, piece and listed entry with ``top_k``. ``top_k``
    above 16 takes one more pass for every 16 entries. Never waits for the device.
    """
    outputs, launches = plan_linear_logprobs(
        hidden, weight, bias, targets, target_offsets, temperature, target_logit, softcap=softcap,
        logit_scale=logit_scale, ignore_index=ignore_index, vocab_start=vocab_start, entropy=entropy, rank=rank,
        top_k=top_k, config=config or linear_config(architecture(hidden.device), hidden.dtype),
    )  # fmt: skip
    run(launches, hidden.device)
    return outputs
