"""Rows and their targets in the one form that the ops take: flat targets, offsets, a temperature a row."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pyscore.ops import checks
from pyscore.ops.arrays import as_index, as_tensor
from pyscore.ops.scalars import as_float
from pyscore.ops.types import Array

__all__ = ["Rows", "read_rows"]


class Rows(NamedTuple):
    """N rows with M flat targets, on whichever device the caller has them: the ops check values and move them."""

    shape: torch.Size  # leading dimensions of the logits or hidden states; N is their product
    targets: Tensor  # [M] int64
    offsets: Tensor | None  # [N + 1] int64; None where the caller gave none, and every row has M / N targets
    like_targets: torch.Size  # shape of the caller's targets
    temperature: Tensor | None  # [N] of the dtype of results, None where it is 1


def _flat_targets(
    targets: Array | Sequence[int], target_offsets: Array | Sequence[int] | None, rows: torch.Size
) -> tuple[Tensor, Tensor | None, torch.Size]:
    ids = as_index(targets, "targets")
    if target_offsets is not None:
        n = prod(rows)  # Size.numel would fix sizes that torch.export holds open
        offsets = as_index(target_offsets, "target_offsets")
        if ids.ndim != 1:
            raise ValueError(f"targets must be flat [M] beside target_offsets, got shape {tuple(ids.shape)}")
        if offsets.shape != (n + 1,):
            raise ValueError(f"target_offsets must be [{n + 1}] for {n} rows, got shape {tuple(offsets.shape)}")
        return ids, offsets, ids.shape
    if ids.shape != rows and (ids.ndim != len(rows) + 1 or ids.shape[:-1] != rows):
        with_k = ", ".join([*map(str, rows), "K"])
        raise ValueError(
            f"targets must be {list(rows)}, [{with_k}], or flat with target_offsets; got shape {list(ids.shape)}"
        )
    return ids if ids.ndim == 1 else ids.reshape(-1), None, ids.shape


def _row_temperature(
    temperature: float | Array, rows: torch.Size, device: torch.device, dtype: torch.dtype
) -> Tensor | None:
    # numbers first: torch.compile, which may hold a float open, can't ask it for attributes
    if isinstance(temperature, (int, float, np.generic)) or not hasattr(temperature, "__dlpack__"):
        if isinstance(temperature, (list, tuple)):
            raise TypeError("temperature must be a number or an array, one a row; got a list: pass torch.tensor(...)")
        value = as_float(temperature, "temperature")
        if value == 1:
            return None
        checks.check_one_temperature(value, dtype)
        return torch.full((prod(rows),), value, dtype=dtype, device=device)
    tensor = as_tensor(temperature, "temperature")
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"temperature must hold numbers, got {tensor.dtype}")
    tensor = tensor.to(dtype)
    if tensor.ndim and tensor.shape != rows:
        raise ValueError(f"temperature must be a scalar or {tuple(rows)}, got shape {tuple(tensor.shape)}")
    return tensor.expand(rows).reshape(-1).contiguous()


def read_rows(
    targets: Array | Sequence[int],
    target_offsets: Array | Sequence[int] | None,
    temperature: float | Array,
    shape: torch.Size,
    device: torch.device,
    dtype: torch.dtype,
) -> Rows:
    """The caller's targets and temperature for rows of the given leading dimensions; ``dtype`` is that of results."""
    ids, offsets, like_targets = _flat_targets(targets, target_offsets, shape)
    temperatures = _row_temperature(temperature, shape, device, dtype)
    checks.check_not_meta(device, targets=ids, target_offsets=offsets, temperature=temperatures)
    return Rows(shape, ids, offsets, like_targets, temperatures)
