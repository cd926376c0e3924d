"""torch, NumPy and DLPack arrays in; the same kind out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyscore.ops.types import Array

__all__ = ["as_index", "as_mask", "as_tensor", "restorer", "warn_forward_only"]

_KINDS = "a torch.Tensor, a numpy.ndarray or an array with __dlpack__"


def _from_numpy(value: np.ndarray[Any, Any], name: str) -> Tensor:
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, and its mask would be lost: fill it, or take its .data")
    if value.dtype.name == "bfloat16":  # the ml_dtypes extension type, which torch does not know
        return _from_numpy(value.view(np.uint16), name).view(torch.bfloat16)
    native = value.dtype.newbyteorder("=")
    if not value.flags.writeable or value.dtype != native or any(stride < 0 for stride in value.strides):
        value = value.astype(native)  # torch can't wrap these; astype copies
    try:
        return torch.from_numpy(value)
    except TypeError:
        raise TypeError(f"{name} must hold numbers that torch knows, got {value.dtype}") from None


def _refuse(value: Tensor, name: str) -> None:
    kind = (
        "quantised: dequantize it"
        if value.is_quantized
        else "nested: pass a padded tensor, or flat targets with target_offsets"
        if value.is_nested
        else f"{value.layout}: pass a dense tensor (.to_dense())"
    )
    raise ValueError(f"{name} is {kind}")


def as_tensor(value: Array, name: str) -> Tensor:
    """The array as a tensor without its gradient history, on its own device; shares memory where it can."""
    if isinstance(value, Tensor):
        if value.layout is not torch.strided or value.is_nested or value.is_quantized:
            _refuse(value, name)
        return value.detach() if value.requires_grad else value
    if isinstance(value, np.ndarray):
        return _from_numpy(value, name)
    if hasattr(value, "__dlpack__"):
        try:
            tensor: Tensor = torch.utils.dlpack.from_dlpack(value)
        except (TypeError, ValueError, RuntimeError, BufferError) as error:
            reason = str(error).partition("\n")[0]
            raise TypeError(f"{name} can't be read through DLPack: {reason}") from None
        return tensor
    raise TypeError(f"{name} must be {_KINDS}, got {type(value).__name__}")


def _as_flat(value: Array | Sequence[Any], name: str) -> Tensor:
    if isinstance(value, (list, tuple)):
        try:
            # The dtype is that of the entries. Floats would get torch's default one, but both callers refuse floats.
            return torch.as_tensor(value, dtype=None, device="cpu")
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"{name} can't be read as an array: {error}") from None
    return as_tensor(value, name)


def as_index(value: Array | Sequence[int], name: str, device: torch.device | None = None) -> Tensor:
    """Integers (token ids or offsets) as an int64 tensor, on ``device`` if given; lists are taken too."""
    tensor = _as_flat(value, name)
    tensor = tensor if device is None else tensor.to(device)
    if tensor.dtype == torch.int64:
        return tensor
    if tensor.numel() == 0 and isinstance(value, (list, tuple)):
        return tensor.to(torch.int64)
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name} must hold integers, got {tensor.dtype}")
    return tensor.to(torch.int64)


def as_mask(value: Array | Sequence[bool], name: str, device: torch.device | None = None) -> Tensor:
    """Truth values as a bool tensor, on ``device`` if given; lists are taken too."""
    tensor = _as_flat(value, name)
    tensor = tensor if device is None else tensor.to(device)
    if tensor.dtype == torch.bool:
        return tensor
    if tensor.numel():
        raise TypeError(f"{name} must hold bool, got {tensor.dtype}: pass e.g. labels == 1")
    return tensor.to(torch.bool)


def _warn(function: str, names: str) -> bool:
    """Warn at the public function's caller. torch.compile calls this while it traces and stays in one graph."""
    message = (
        f"{function} is forward only: its results carry no gradient to {names}. Call it under torch.no_grad() or on "
        "detached tensors, or take torch's own ops for a loss"
    )
    warnings.warn(message, UserWarning, stacklevel=4)
    return True


# This is all that torch.compiler.assume_constant_result does; calling it here would import torch's compiler and Triton
# whenever pyscore is imported.
_warn._dynamo_marked_constant = True  # type: ignore[attr-defined]


def warn_forward_only(function: str, **inputs: object) -> None:
    """Warn, once a call, where the caller of a public function may wait for gradients that its results don't carry."""
    if not torch.is_grad_enabled():
        return
    waiting = [name for name, value in inputs.items() if isinstance(value, Tensor) and value.requires_grad]
    if waiting:
        _warn(function, ", ".join(waiting))


def restorer(value: Array) -> Callable[[Tensor], Array]:
    """A function that turns a result tensor into the kind of array that ``value`` is."""
    if isinstance(value, np.ndarray):
        return lambda tensor: tensor.numpy()
    if not isinstance(value, Tensor) and hasattr(value, "__array_namespace__"):
        namespace = value.__array_namespace__()
        return lambda tensor: namespace.from_dlpack(tensor)
    return lambda tensor: tensor
