"""torch, NumPy and DLPack arrays in; the same kind out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .types import Array

__all__ = ["as_index", "as_mask", "as_tensor", "restorer"]

_KINDS = "a torch.Tensor, a numpy.ndarray or an array with __dlpack__"


def _from_numpy(value: np.ndarray[Any, Any]) -> Tensor:
    if value.dtype.name == "bfloat16":  # the ml_dtypes extension type, which torch does not know
        return _from_numpy(value.view(np.uint16)).view(torch.bfloat16)
    native = value.dtype.newbyteorder("=")
    if not value.flags.writeable or value.dtype != native or any(stride < 0 for stride in value.strides):
        value = value.astype(native)  # torch can't wrap these; astype copies
    return torch.from_numpy(value)


def as_tensor(value: Array, name: str) -> Tensor:
    """The array as a tensor without its gradient history, on its own device; shares memory where it can."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, np.ndarray):
        return _from_numpy(value)
    if hasattr(value, "__dlpack__"):
        tensor: Tensor = torch.utils.dlpack.from_dlpack(value)
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


def restorer(value: Array) -> Callable[[Tensor], Array]:
    """A function that turns a result tensor into the kind of array that ``value`` is."""
    if isinstance(value, np.ndarray):
        return lambda tensor: tensor.numpy()
    if not isinstance(value, Tensor) and hasattr(value, "__array_namespace__"):
        namespace = value.__array_namespace__()
        return lambda tensor: namespace.from_dlpack(tensor)
    return lambda tensor: tensor
