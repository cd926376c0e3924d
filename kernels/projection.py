"""hidden @ weight.T on the device, for the kernels that need it: one order of multiplication, hence the same bits."""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from .configs import LinearConfig

__all__ = ["multiply", "projection_arguments"]


@triton.jit
def multiply(
    hidden_ptr, row, row_here, row_stride, column_stride, weight_ptr, entry, entry_here, entry_stride, depth_stride,
    D: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_V: tl.constexpr, BLOCK_D: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """hidden[row] @ weight[entry].T in float32, [BLOCK_N, BLOCK_V]; rows and entries that are not here are not read."""
    depth = tl.arange(0, BLOCK_D)
    hidden_ptrs = hidden_ptr + row[:, None] * row_stride + depth[None, :].to(tl.int64) * column_stride
    weight_ptrs = weight_ptr + entry[None, :] * entry_stride + depth[:, None].to(tl.int64) * depth_stride
    product = tl.zeros((BLOCK_N, BLOCK_V), tl.float32)
    for first in range(0, D, BLOCK_D):
        hidden_mask = row_here[:, None]
        weight_mask = entry_here[None, :]
        if D % BLOCK_D != 0:
            hidden_mask = hidden_mask & (depth[None, :] < D - first)
            weight_mask = weight_mask & (depth[:, None] < D - first)
        hidden = tl.load(hidden_ptrs, mask=hidden_mask, other=0.0)
        weight = tl.load(weight_ptrs, mask=weight_mask, other=0.0)
        if WIDEN:
            step = tl.dot(hidden.to(tl.float64), weight.to(tl.float64), out_dtype=tl.float64)
            product = (product.to(tl.float64) + step).to(tl.float32)
        else:
            product = tl.dot(hidden, weight, product, input_precision="ieee")
        hidden_ptrs += BLOCK_D * column_stride
        weight_ptrs += BLOCK_D * depth_stride
    return product


def projection_arguments(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    target_offsets: Tensor,
    temperature: Tensor | None,
    softcap: float | None,
    logit_scale: float,
    vocab_start: int,
    config: LinearConfig,
) -> dict[str, Any]:
    """Arguments of both kernels that multiply."""
    return {
        "hidden_ptr": hidden,
        "hidden_row_stride": hidden.stride(0),
        "hidden_column_stride": hidden.stride(1),
        "weight_ptr": weight,
        "weight_row_stride": weight.stride(0),
        "weight_column_stride": weight.stride(1),
        "bias_ptr": bias,
        "bias_stride": 0 if bias is None else bias.stride(0),
        "temperature_ptr": temperature,
        "targets_ptr": targets,
        "offsets_ptr": target_offsets,
        "n_rows": hidden.shape[0],
        "n_columns": weight.shape[0],
        "logit_scale": float(logit_scale),
        "softcap": float(softcap or 1.0),
        "inverse_softcap": 1.0 / (softcap or 1.0),
        "vocab_start": vocab_start,
        "SCALE": logit_scale != 1.0,
        "SOFTCAP": softcap is not None,
        "D": hidden.shape[1],
        "BLOCK_V": config.block_v,
        "BLOCK_D": config.block_d,
        # the interpreter multiplies by BLAS, which takes bfloat16 for integers and whose order of summation depends on
        # the position in the tile: float64 rounds that away
        "WIDEN": hidden.device.type == "cpu",
    }
