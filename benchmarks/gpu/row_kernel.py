"""The plain kernel that splitting rows is compared with: one program reads one whole row, block after block."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["row_logprobs"]

_BLOCK = 4096


@triton.jit
def _row_kernel(
    logits_ptr, row_stride, targets_ptr, logprob_ptr, logsumexp_ptr, entropy_ptr, rank_ptr, argmax_ptr, n_columns,
    EVERY_OUTPUT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    row_ptr = logits_ptr + row * row_stride
    target = tl.load(targets_ptr + row)
    target_z = tl.load(row_ptr + target).to(tl.float32)
    largest = tl.full((), -float("inf"), tl.float32)
    total = tl.zeros((), tl.float32)
    weighted = tl.zeros((), tl.float32)
    above = tl.zeros((), tl.int32)
    best = tl.zeros((), tl.int32)
    for first in range(0, n_columns, BLOCK):
        column = first + tl.arange(0, BLOCK)
        z = tl.load(row_ptr + column, mask=column < n_columns, other=-float("inf")).to(tl.float32)
        block_largest = tl.max(z, axis=0)
        if EVERY_OUTPUT:
            above += tl.sum((z > target_z).to(tl.int32), axis=0)
            best = tl.where(block_largest > largest, first + tl.argmax(z, axis=0), best)
        new_largest = tl.maximum(largest, block_largest)
        mass = tl.exp(z - new_largest)
        rescale = tl.exp(largest - new_largest)
        if EVERY_OUTPUT:
            weighted = rescale * weighted + tl.sum(tl.where(column < n_columns, z, 0.0) * mass, axis=0)
        total = rescale * total + tl.sum(mass, axis=0)
        largest = new_largest
    logsumexp = largest + tl.log(total)
    tl.store(logprob_ptr + row, target_z - logsumexp)
    if EVERY_OUTPUT:
        tl.store(logsumexp_ptr + row, logsumexp)
        tl.store(entropy_ptr + row, logsumexp - weighted / total)
        tl.store(rank_ptr + row, above.to(tl.int64))
        tl.store(argmax_ptr + row, best.to(tl.int64))


def row_logprobs(logits: Tensor, targets: Tensor, *, every_output: bool) -> tuple[Tensor, ...]:
    """Log-prob [N] alone, or with logsumexp, entropy, rank, is_greedy and argmax, of finite logits [N, V]."""
    n = logits.shape[0]
    floats = [logits.new_empty(n, dtype=torch.float32) for _ in range(3)]
    rank, argmax = (logits.new_empty(n, dtype=torch.int64) for _ in range(2))
    _row_kernel[(n,)](
        logits, logits.stride(0), targets, *floats, rank, argmax, logits.shape[1], EVERY_OUTPUT=every_output,
        BLOCK=_BLOCK, num_warps=8,
    )  # fmt: skip
    return (*floats, rank, rank == 0, argmax) if every_output else (floats[0],)
