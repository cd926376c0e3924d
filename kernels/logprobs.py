"""Scores of target tokens from ready logits: one read of the logits, a row split in pieces set by V alone."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .configs import ReadyConfig, architecture, ready_config
from .launch import Launch, run
from .merge import Outputs, merge_launch, new_outputs, new_statistics
from .statistics import NO_ID, final_logits, fold_tile, next_best, row_is_scored

__all__ = ["logprobs", "plan_logprobs"]

_LIST_SIZE = 64
"""Largest entries kept a pass: top_k beyond it takes one more pass over the logits for every 64."""


@triton.jit
def _target_logits_of_row(
    row_ptr, column_stride, targets_ptr, start, end, temperature, softcap, inverse_softcap, vocab_start, n_columns,
    target_logit_ptr, SOFTCAP: tl.constexpr, TEMPERATURE: tl.constexpr, BLOCK_K: tl.constexpr,
) -> None:  # fmt: skip
    first = start
    while first < end:
        k = first + tl.arange(0, BLOCK_K)
        local = tl.load(targets_ptr + k, mask=k < end, other=-1) - vocab_start
        held = (k < end) & (local >= 0) & (local < n_columns)
        score = tl.load(row_ptr + local * column_stride, mask=held, other=0.0).to(tl.float32)
        z = final_logits(score, temperature, softcap, inverse_softcap, SOFTCAP, TEMPERATURE)
        tl.store(target_logit_ptr + k, z, mask=held)
        first += BLOCK_K


@triton.jit
def _count_above(
    z, column, row_ptr, column_stride, targets_ptr, start, end, temperature, softcap, inverse_softcap, vocab_start,
    n_columns, above_ptr, piece, n_pieces, SOFTCAP: tl.constexpr, TEMPERATURE: tl.constexpr,
) -> None:  # fmt: skip
    k = start
    while k < end:
        local = tl.load(targets_ptr + k) - vocab_start
        held = (local >= 0) & (local < n_columns)
        score = tl.load(row_ptr + local * column_stride, mask=held, other=0.0).to(tl.float32)
        target_z = final_logits(score, temperature, softcap, inverse_softcap, SOFTCAP, TEMPERATURE)
        above = (z > target_z) & (column != local)
        tl.store(above_ptr + k * n_pieces + piece, tl.sum(above.to(tl.int32), axis=0))
        k += 1


@triton.jit(do_not_specialize=["ignore_index", "vocab_start"])
def piece_kernel(
    logits_ptr, row_stride, column_stride, n_columns, n_pieces, targets_ptr, offsets_ptr, temperature_ptr,
    softcap, inverse_softcap, ignore_index, vocab_start, target_logit_ptr,
    largest_ptr, total_ptr, best_ptr, weighted_ptr, above_ptr, top_value_ptr, top_id_ptr, after_value_ptr, after_id_ptr,
    SOFTCAP: tl.constexpr, LIST_SIZE: tl.constexpr, BLOCK_V: tl.constexpr, BLOCK_K: tl.constexpr,
) -> None:  # fmt: skip
    """One program folds one piece of one row: [N * P] programs, the pieces of a row side by side."""
    infinity = float("inf")
    program = tl.program_id(0).to(tl.int64)
    row = program // n_pieces
    piece = program % n_pieces
    start = tl.load(offsets_ptr + row)
    end = tl.load(offsets_ptr + row + 1)
    if not row_is_scored(targets_ptr, start, end, ignore_index, BLOCK_K):
        return

    TEMPERATURE: tl.constexpr = temperature_ptr is not None
    temperature = 1.0
    if TEMPERATURE:
        temperature = tl.load(temperature_ptr + row)
    row_ptr = logits_ptr + row * row_stride
    column = (piece * BLOCK_V).to(tl.int32) + tl.arange(0, BLOCK_V)
    inside = column < n_columns
    # int64: rows may lie closer together in memory than columns
    score = tl.load(row_ptr + column.to(tl.int64) * column_stride, mask=inside, other=-infinity).to(tl.float32)
    z = final_logits(score, temperature, softcap, inverse_softcap, SOFTCAP, TEMPERATURE)
    z = tl.where(inside, z, -infinity)

    one = tl.arange(0, 1)
    largest = tl.full((1,), -infinity, tl.float32)
    best = tl.full((1,), NO_ID, tl.int32)
    zero = tl.zeros((1,), tl.float32)
    ENTROPY: tl.constexpr = weighted_ptr is not None
    largest, total, weighted, best = fold_tile(z[None, :], column, largest, zero, zero, best, ENTROPY)
    at = row * n_pieces + piece + one
    tl.store(largest_ptr + at, largest)
    tl.store(total_ptr + at, total)
    tl.store(best_ptr + at, best)
    if ENTROPY:
        tl.store(weighted_ptr + at, weighted)

    if piece == 0:
        _target_logits_of_row(
            row_ptr, column_stride, targets_ptr, start, end, temperature, softcap, inverse_softcap, vocab_start,
            n_columns, target_logit_ptr, SOFTCAP, TEMPERATURE, BLOCK_K,
        )  # fmt: skip
    if above_ptr is not None:
        _count_above(
            z, column, row_ptr, column_stride, targets_ptr, start, end, temperature, softcap, inverse_softcap,
            vocab_start, n_columns, above_ptr, piece, n_pieces, SOFTCAP, TEMPERATURE,
        )  # fmt: skip
    if top_value_ptr is not None:
        value = tl.load(after_value_ptr + row + one)
        id = tl.load(after_id_ptr + row + one)
        for slot in range(LIST_SIZE):
            value, id = next_best(z[None, :], column[None, :], value, id)
            tl.store(top_value_ptr + at * LIST_SIZE + slot, value)
            tl.store(top_id_ptr + at * LIST_SIZE + slot, id)


def plan_logprobs(
    logits: Tensor,
    targets: Tensor,
    target_offsets: Tensor,
    temperature: Tensor | None,
    *,
    softcap: float | None,
    ignore_index: int,
    vocab_start: int,
    sharded: bool,
    entropy: bool,
    rank: bool,
    top_k: int,
    config: ReadyConfig,
) -> tuple[Outputs, list[Launch]]:
    """The results' tensors and the launches that fill them."""
    (rows, columns), (targets_count,) = logits.shape, targets.shape
    pieces = triton.cdiv(columns, config.block_v)
    list_size = min(top_k, _LIST_SIZE)
    outputs = new_outputs(logits, rows, targets_count, entropy, rank, top_k)
    above = logits.new_empty(targets_count, pieces, dtype=torch.int32) if rank else None
    statistics = new_statistics(logits, rows, pieces, entropy, above, list_size)
    target_logit = logits.new_empty(targets_count, dtype=outputs.logprob.dtype)
    arguments = {
        "logits_ptr": logits,
        "row_stride": logits.stride(0),
        "column_stride": logits.stride(1),
        "n_columns": columns,
        "n_pieces": pieces,
        "targets_ptr": targets,
        "offsets_ptr": target_offsets,
        "temperature_ptr": temperature,
        "softcap": float(softcap or 1.0),
        "inverse_softcap": 1.0 / (softcap or 1.0),
        "ignore_index": ignore_index,
        "vocab_start": vocab_start,
        "target_logit_ptr": target_logit,
        **{f"{name}_ptr": value for name, value in statistics._asdict().items()},
        "SOFTCAP": softcap is not None,
        "LIST_SIZE": list_size,
        "BLOCK_V": config.block_v,
        "BLOCK_K": 16,
    }
    fold = Launch(piece_kernel, (rows * pieces,), arguments, {"num_warps": config.num_warps})
    launches = []
    for first_slot in range(0, max(top_k, 1), max(list_size, 1)):
        merge = merge_launch(
            statistics, outputs, targets, target_offsets, target_logit, n_columns=columns, ignore_index=ignore_index,
            vocab_start=vocab_start, sharded=sharded, count_outside=False, first_slot=first_slot,
        )  # fmt: skip
        launches += [fold, merge]
    return outputs, launches


def logprobs(
    logits: Tensor,
    targets: Tensor,
    target_offsets: Tensor,
    temperature: Tensor | None = None,
    *,
    softcap: float | None = None,
    ignore_index: int = -100,
    vocab_start: int = 0,
    sharded: bool = False,
    entropy: bool = False,
    rank: bool = False,
    top_k: int = 0,
    config: ReadyConfig | None = None,
) -> Outputs:
    """Scores of targets from logits [N, V] (float32, bfloat16, float16; any strides) in two launches.

    Row n's candidates are ``targets[target_offsets[n]:target_offsets[n + 1]]``. Scratch: 12 to 16 bytes a row and piece
    of V, 4 bytes a target and piece with ``rank``, 8 bytes a row, piece and listed entry with ``top_k``. ``top_k``
    above 64 takes one more pass over the logits for every 64 entries. Never waits for the device.
    """
    outputs, launches = plan_logprobs(
        logits, targets, target_offsets, temperature, softcap=softcap, ignore_index=ignore_index,
        vocab_start=vocab_start, sharded=sharded, entropy=entropy, rank=rank, top_k=top_k,
        config=config or ready_config(architecture(logits.device), logits.dtype, logits.shape[1]),
    )  # fmt: skip
    run(launches, logits.device)
    return outputs
