"""Compiles launches ahead of time, for GPUs that this machine doesn't have."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.tools.tensor_descriptor import TensorDescriptor

from pyscore.kernels.launch import OPTIONS, Launch

__all__ = ["TARGETS", "compile_launch"]

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}

_POINTERS = {
    torch.float32: "*fp32",
    torch.float64: "*fp64",
    torch.bfloat16: "*bf16",
    torch.float16: "*fp16",
    torch.uint8: "*u8",
    torch.int32: "*i32",
    torch.int64: "*i64",
    torch.bool: "*i1",
}


def _parameter(value: Any, parameter: Any) -> tuple[str, bool]:
    """The type of a kernel's parameter, and whether the code may rely on its being divisible by 16."""
    specialised = not parameter.do_not_specialize
    if parameter.is_constexpr or value is None or (specialised and isinstance(value, int) and value == 1):
        return "constexpr", False
    if isinstance(value, TensorDescriptor):
        element = _POINTERS[value.base.dtype].removeprefix("*")
        return f"tensordesc<{element}[{','.join(map(str, value.block_shape))}]>", False
    if isinstance(value, Tensor):
        return _POINTERS[value.dtype], True
    if isinstance(value, float):
        return "fp32", False
    return "i32" if -(2**31) <= value < 2**31 else "i64", specialised and value % 16 == 0


def compile_launch(launch: Launch, architecture: str) -> Any:
    """The compiled kernel of a launch, specialised as running it would: its ``asm`` holds the code of every stage.

    The launch may be planned with tensors on the meta device; tensors are taken to be aligned to 16 bytes.

    Raises:
        RuntimeError: Triton's interpreter is on (TRITON_INTERPRET), so there is no compiler.
    """
    kernel = launch.kernel
    if not isinstance(kernel, triton.JITFunction):
        raise RuntimeError("Triton's interpreter is on: unset TRITON_INTERPRET before importing triton")
    signature, constants, attributes = {}, {}, {}
    for index, parameter in enumerate(kernel.params):
        value = launch.arguments[parameter.name]
        signature[parameter.name], divisible = _parameter(value, parameter)
        if signature[parameter.name] == "constexpr":
            constants[parameter.name] = value
        if divisible:
            attributes[(index,)] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, constants, attributes)
    return triton.compile(source, target=TARGETS[architecture], options={**OPTIONS, **launch.options})
