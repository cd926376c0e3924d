"""Weights and states that `torch.distributed` cut over device meshes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["NoHead", "cut_vocabulary", "fsdp_modules", "is_dtensor", "observed_meshes", "whole_tensor"]


class NoHead(Exception):
    """Why a model's head can't be run apart from its body."""


def is_dtensor(value: Any) -> bool:
    """Whether it is a tensor of which every rank of a mesh holds a part, or a copy."""
    if not torch.distributed.is_available():
        return False
    from torch.distributed.tensor import DTensor

    return isinstance(value, DTensor)


def fsdp_modules(module: nn.Module) -> list[Any]:
    """The modules that ``fully_shard`` was applied to."""
    if not torch.distributed.is_available():
        return []
    from torch.distributed.fsdp import FSDPModule

    return [each for each in module.modules() if isinstance(each, FSDPModule)]


def whole_tensor(value: Tensor) -> Tensor:
    """All of a tensor, of which ranks may hold parts."""
    found: Any = value
    whole: Tensor = found.full_tensor() if is_dtensor(value) else value
    return whole


def cut_vocabulary(value: Tensor) -> tuple[Tensor, Any]:
    """What this rank holds of a weight [V, ...], and the group that holds all of it; None where each rank does.

    Raises:
        NoHead: it is cut in another way than in ranges of the vocabulary.
    """
    found: Any = value.detach()
    if not is_dtensor(found):
        return found, None
    cut = [i for i, placement in enumerate(found.placements) if not placement.is_replicate()]
    if not cut:
        return found.to_local(), None
    (placement,) = {found.placements[i] for i in cut[:1]}
    if len(cut) > 1 or type(placement).__name__ != "Shard" or placement.dim != 0:
        raise NoHead(f"the output embedding is cut as {found.placements}, not in ranges of the vocabulary")
    return found.to_local(), found.device_mesh.get_group(cut[0])


@contextmanager
def observed_meshes(module: nn.Module, found: set[Any]) -> Iterator[None]:
    """Add the meshes that weights are cut over while the module runs, when FSDP's have been put together.

    A module without FSDP may hide its meshes while it runs; they are those of its weights at rest.
    """

    def note(each: nn.Module, *_: Any) -> None:
        found.update(value.device_mesh for value in each._parameters.values() if is_dtensor(value))  # type: ignore[union-attr]

    if not fsdp_modules(module):
        for each in module.modules():
            note(each)
    hooks = [each.register_forward_pre_hook(note) for each in module.modules() if each._parameters]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
