"""hidden @ weight.T on the device, for the kernels that need it: one order of multiplication, hence the same bits."""

from __future__ import annotations

from typing import Any, NamedTuple

import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from pyscore.kernels.configs import LinearConfig, architecture, linear_config

__all__ = ["Operand", "aligned_rows", "descriptor", "loads_wide", "multiply", "projection_arguments", "weight_config"]


class Operand(NamedTuple):
    """Device code: rows of a matrix [*, D]."""

    desc: Any  # None, or they are read by this descriptor, from row `first` on
    first: Any
    ptr: Any  # else they are read from here
    row: Any
    here: Any  # which of them are read
    row_stride: Any
    column_stride: Any


@triton.jit
def multiply(
    left, right, D: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_V: tl.constexpr, BLOCK_D: tl.constexpr,
    WIDEN: tl.constexpr,
):  # fmt: skip
    """left @ right.T in float32, [BLOCK_N, BLOCK_V]."""
    lane = tl.arange(0, BLOCK_D)
    hidden_ptrs = left.ptr + left.row[:, None] * left.row_stride
    weight_ptrs = right.ptr + right.row[None, :] * right.row_stride
    product = tl.zeros((BLOCK_N, BLOCK_V), tl.float32)
    for step in range(0, (D + BLOCK_D - 1) // BLOCK_D):
        depth = step * BLOCK_D + lane
        hidden_mask = left.here[:, None]
        weight_mask = right.here[None, :]
        if D % BLOCK_D != 0:
            hidden_mask = hidden_mask & (depth[None, :] < D)
            weight_mask = weight_mask & (depth[:, None] < D)
        if left.desc is not None:
            hidden = left.desc.load([left.first, step * BLOCK_D])
        else:
            hidden_ptr = hidden_ptrs + depth[None, :].to(tl.int64) * left.column_stride
            hidden = tl.load(hidden_ptr, mask=hidden_mask, other=0.0)
        if right.desc is not None:
            weight = right.desc.load([right.first, step * BLOCK_D]).T
        else:
            weight_ptr = weight_ptrs + depth[:, None].to(tl.int64) * right.column_stride
            weight = tl.load(weight_ptr, mask=weight_mask, other=0.0)
        if WIDEN:
            product_step = tl.dot(hidden.to(tl.float64), weight.to(tl.float64), out_dtype=tl.float64)
            product = (product.to(tl.float64) + product_step).to(tl.float32)
        else:
            product = tl.dot(hidden, weight, product, input_precision="ieee")
    return product


def _is_describable(matrix: Tensor) -> bool:
    """Whether the tensor memory accelerator can find a matrix's tiles: entries side by side, rows on 16-byte edges."""
    row_bytes = matrix.stride(0) * matrix.itemsize
    adjacent = matrix.stride(1) == 1 and matrix.stride(0) >= matrix.shape[1]
    return adjacent and row_bytes % 16 == 0 and matrix.data_ptr() % 16 == 0


def loads_wide(matrix: Tensor) -> bool:
    """Whether Triton sees that 16 bytes of every row can be loaded at a time: it looks for strides of 16 entries."""
    return _is_describable(matrix) and matrix.stride(0) % 16 == 0


def aligned_rows(hidden: Tensor) -> Tensor:
    """hidden [N, D] itself, or a copy whose rows lie where 16 bytes can be loaded at a time."""
    if loads_wide(hidden):
        return hidden
    depth = hidden.shape[1]
    return hidden.new_empty(hidden.shape[0], -(-depth // 16) * 16)[:, :depth].copy_(hidden)


def weight_config(weight: Tensor) -> LinearConfig:
    """The table's tile parameters for a weight [V, D]."""
    vocab, depth = weight.shape
    return linear_config(architecture(weight.device), weight.dtype, depth, vocab, _is_describable(weight))


def descriptor(matrix: Tensor, block_rows: int, config: LinearConfig) -> TensorDescriptor | None:
    """A matrix's tiles for the tensor memory accelerator; None where it can't find them or the config says not to."""
    if not config.descriptors or not _is_describable(matrix):
        return None
    return TensorDescriptor.from_tensor(matrix, [block_rows, config.block_d])


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
        "BLOCK_D": config.block_d,
        # the interpreter multiplies by BLAS, which takes bfloat16 for integers and whose order of summation depends on
        # the position in the tile: float64 rounds that away
        "WIDEN": hidden.device.type == "cpu",
    }
