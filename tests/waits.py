"""What makes the host wait for a GPU, found on a machine without one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN = torch.ops.aten
_READS = (
    _ATEN._local_scalar_dense,  # item, float, int, bool, an index by a tensor of no dimensions
    _ATEN.equal,
    _ATEN.is_nonzero,
    _ATEN.masked_select,
    _ATEN.nonzero,
    _ATEN._unique2,
    _ATEN.unique_consecutive,
)


class HostWaits(AssertionError):
    """An op would have waited for the device."""


def _has_mask(indices: Any) -> bool:
    return any(isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8) for index in indices)


class NoHostWaits(TorchDispatchMode):
    """Raises HostWaits at ops that wait for a GPU, on tensors of any device.

    The dispatcher does not see all: not `Tensor.tolist` and `Tensor.numpy` of CPU tensors (those of the meta device
    refuse them), and not tensors of the meta device that are made of Python's numbers (those of the CPU are seen).
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        packet = func.overloadpacket
        if packet in _READS:
            raise HostWaits(f"{packet} reads a value back")
        if packet in (_ATEN.index, _ATEN.index_put, _ATEN.index_put_) and _has_mask(args[1]):
            raise HostWaits("an index by a mask has a size that the host must know")
        if packet is _ATEN.repeat_interleave and kwargs.get("output_size") is None:
            raise HostWaits("repeat_interleave without output_size has a size that the host must know")
        if packet is _ATEN.lift_fresh:
            raise HostWaits("a tensor made of Python's numbers is copied to the device")
        result = func(*args, **kwargs)
        if packet is _ATEN._to_copy and result.device != args[0].device and not kwargs.get("non_blocking"):
            raise HostWaits(f"a copy from {args[0].device} to {result.device}")
        if packet is _ATEN.copy_ and args[0].device != args[1].device:
            raise HostWaits(f"a copy from {args[1].device} to {args[0].device}")
        return result
