"""Logits of the targets alone, with the bits that they have inside the pass over the whole vocabulary.

The targets' weight rows are gathered and go through the matrix instruction, and in the order, of `linear_logprobs`: its
pass can then count the entries above a target without having met the target's own column.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from pyscore.kernels.configs import LinearConfig
from pyscore.kernels.launch import Launch, run
from pyscore.kernels.projection import Operand, aligned_rows, multiply, projection_arguments, weight_config
from pyscore.kernels.statistics import Cap, final_logits

__all__ = ["plan_target_logits", "target_logits"]


@triton.jit(do_not_specialize=["n_rows", "n_targets", "ignore_index", "vocab_start"])
def target_logits_kernel(
    hidden_ptr, hidden_row_stride, hidden_column_stride, weight_ptr, weight_row_stride, weight_column_stride,
    bias_ptr, bias_stride, temperature_ptr, targets_ptr, offsets_ptr, n_rows, n_targets, n_columns,
    logit_scale, softcap, inverse_softcap, ignore_index, vocab_start, target_logit_ptr,
    SCALE: tl.constexpr, SOFTCAP: tl.constexpr, D: tl.constexpr,
    BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr, WIDEN: tl.constexpr,
) -> None:  # fmt: skip
    """One program scores BLOCK_N candidates, the diagonal of a tile of their rows and their entries."""
    first = tl.program_id(0).to(tl.int64) * BLOCK_N
    k = first + tl.arange(0, BLOCK_N)
    inside = k < n_targets
    # the candidate's row: the last one that starts at or before it
    row = tl.zeros((BLOCK_N,), tl.int64)
    beyond = row + n_rows
    left = 2
    while left > 1:
        middle = (row + beyond) // 2
        reached = tl.load(offsets_ptr + middle) <= k
        row = tl.where(reached, middle, row)
        beyond = tl.where(reached, beyond, middle)
        left = tl.max((beyond - row).to(tl.int32), axis=0)
    target = tl.load(targets_ptr + k, mask=inside, other=ignore_index)
    local = target - vocab_start
    held = inside & (target != ignore_index) & (local >= 0) & (local < n_columns)

    hidden = Operand(None, 0, hidden_ptr, row, held, hidden_row_stride, hidden_column_stride)
    weight = Operand(None, 0, weight_ptr, local, held, weight_row_stride, weight_column_stride)
    product = multiply(hidden, weight, D, BLOCK_N, BLOCK_N, BLOCK_D, WIDEN)
    lane = tl.arange(0, BLOCK_N)
    diagonal = lane[:, None] == lane[None, :]
    score = tl.sum(tl.where(diagonal, product, 0.0), axis=1)
    if bias_ptr is not None:
        score += tl.load(bias_ptr + local * bias_stride, mask=held, other=0.0).to(tl.float32)
    if SCALE:
        score *= logit_scale
    TEMPERATURE: tl.constexpr = temperature_ptr is not None
    temperature = 1.0
    if TEMPERATURE:
        temperature = tl.load(temperature_ptr + row, mask=inside, other=1.0)
    z = final_logits(score, Cap(softcap, inverse_softcap, SOFTCAP), temperature, TEMPERATURE)
    z = tl.where(held, z, tl.where(target == ignore_index, float("nan"), -float("inf")))
    tl.store(target_logit_ptr + k, z, mask=inside)


def plan_target_logits(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    target_offsets: Tensor,
    temperature: Tensor | None,
    *,
    softcap: float | None,
    logit_scale: float,
    ignore_index: int,
    vocab_start: int,
    config: LinearConfig,
) -> tuple[Tensor, list[Launch]]:
    """The result's tensor and the launch that fills it."""
    tile = config.target
    target_logit = hidden.new_empty(targets.shape, dtype=torch.float32)
    arguments = projection_arguments(
        hidden, weight, bias, targets, target_offsets, temperature, softcap, logit_scale, vocab_start, config
    ) | {
        "n_targets": targets.shape[0],
        "ignore_index": ignore_index,
        "target_logit_ptr": target_logit,
        "BLOCK_N": tile.block_n,
    }
    options = {"num_warps": tile.num_warps, "num_stages": tile.num_stages}
    grid = (triton.cdiv(targets.shape[0], tile.block_n),)
    return target_logit, [Launch(target_logits_kernel, grid, arguments, options)]


def target_logits(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    target_offsets: Tensor,
    temperature: Tensor | None = None,
    *,
    softcap: float | None = None,
    logit_scale: float = 1.0,
    ignore_index: int = -100,
    vocab_start: int = 0,
    config: LinearConfig | None = None,
) -> Tensor:
    """Final logits [M] float32 of the targets, NaN where ignored, -inf where another vocabulary shard holds them.

    hidden [N, D] and weight [V, D] have one dtype (float32, bfloat16, float16) and any strides. Never waits for the
    device.
    """
    result, launches = plan_target_logits(
        aligned_rows(hidden), weight, bias, targets, target_offsets, temperature, softcap=softcap,
        logit_scale=logit_scale, ignore_index=ignore_index, vocab_start=vocab_start,
        config=config or weight_config(weight),
    )  # fmt: skip
    run(launches, hidden.device)
    return result
