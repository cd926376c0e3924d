"""hidden @ weight.T for the kernels that need it, always summed in one order, so that they get the same bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from pyscore.kernels.configs import LinearConfig, architecture, linear_config
from pyscore.kernels.launch import logit_arguments

if TYPE_CHECKING:
    from pyscore.ops.request import Projection, TokenRequest

__all__ = ["Operand", "aligned_rows", "descriptor", "loads_wide", "multiply", "projection_arguments", "weight_config"]


class Operand(NamedTuple):
    """Device code: rows of a matrix [*, D]."""

    desc: Any  # the descriptor by which rows are read, from row `first` on; None: they are read by the fields below
    first: Any
    ptr: Any
    row: Any  # the numbers of the rows
    here: Any  # which of the rows are read
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
    """Whether the tensor memory accelerator can fetch tiles: entries of a row adjacent, rows on 16-byte edges."""
    row_bytes = matrix.stride(0) * matrix.itemsize
    adjacent = matrix.stride(1) == 1 and matrix.stride(0) >= matrix.shape[1]
    return adjacent and row_bytes % 16 == 0 and matrix.data_ptr() % 16 == 0


def loads_wide(matrix: Tensor) -> bool:
    """Whether Triton loads 16 bytes of a row at a time, for which it needs a row stride divisible by 16."""
    return _is_describable(matrix) and matrix.stride(0) % 16 == 0


def aligned_rows(hidden: Tensor) -> Tensor:
    """hidden [N, D] itself, or a copy with rows that can be loaded 16 bytes at a time."""
    if loads_wide(hidden):
        return hidden
    depth = hidden.shape[1]
    return hidden.new_empty(hidden.shape[0], -(-depth // 16) * 16)[:, :depth].copy_(hidden)


def weight_config(weight: Tensor) -> LinearConfig:
    """The table's tile parameters for a weight [V, D]."""
    vocab, depth = weight.shape
    return linear_config(architecture(weight.device), weight.dtype, depth, vocab, _is_describable(weight))


def descriptor(matrix: Tensor, block_rows: int, config: LinearConfig) -> TensorDescriptor | None:
    """How the tensor memory accelerator finds a matrix's tiles; None where it can't or the config doesn't use it."""
    if not config.descriptors or not _is_describable(matrix):
        return None
    return TensorDescriptor.from_tensor(matrix, [block_rows, config.block_d])


def projection_arguments(projection: Projection, request: TokenRequest, config: LinearConfig) -> dict[str, Any]:
    """Arguments of both kernels that multiply."""
    hidden, weight, bias = projection
    return logit_arguments(request) | {
        "hidden_ptr": hidden,
        "hidden_row_stride": hidden.stride(0),
        "hidden_column_stride": hidden.stride(1),
        "weight_ptr": weight,
        "weight_row_stride": weight.stride(0),
        "weight_column_stride": weight.stride(1),
        "bias_ptr": bias,
        "bias_stride": 0 if bias is None else bias.stride(0),
        "n_rows": hidden.shape[0],
        "n_columns": weight.shape[0],
        "logit_scale": float(request.logit_scale),
        "SCALE": request.logit_scale != 1.0,
        "D": hidden.shape[1],
        "BLOCK_D": config.block_d,
        # The interpreter multiplies by BLAS, which takes bfloat16 for integers, and whose order of summation depends on
        # the position in the tile. Products in float64 are exact enough for float32 results not to show that order.
        "WIDEN": hidden.device.type == "cpu",
    }
