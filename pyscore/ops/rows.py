"""Rows and their targets in the one form that kernels take: flat targets, offsets, a temperature a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .arrays import as_index, as_tensor
from .backend import ScoreOptions
from .types import Array

__all__ = ["Rows", "option_arguments", "read_rows"]


class Rows(NamedTuple):
    """N rows with M flat targets."""

    shape: torch.Size  # leading dimensions of the logits or hidden states; N is their product
    targets: Tensor  # [M] int64
    offsets: Tensor  # [N + 1] int64
    like_targets: torch.Size  # shape of the caller's targets
    ragged: bool  # the caller gave target_offsets
    temperature: Tensor | None  # [N] float32, None where it is 1


def _flat_targets(
    targets: Array | Sequence[int], target_offsets: Array | Sequence[int] | None, rows: torch.Size, device: torch.device
) -> tuple[Tensor, Tensor, torch.Size]:
    ids = as_index(targets, "targets", device)
    n = rows.numel()
    if target_offsets is not None:
        offsets = as_index(target_offsets, "target_offsets", device)
        if ids.ndim != 1:
            raise ValueError(f"targets must be flat [M] beside target_offsets, got shape {tuple(ids.shape)}")
        if offsets.shape != (n + 1,):
            raise ValueError(f"target_offsets must be [{n + 1}] for {n} rows, got shape {tuple(offsets.shape)}")
        return ids, offsets, ids.shape
    if ids.shape == rows:
        per_row = 1
    elif ids.ndim == len(rows) + 1 and ids.shape[:-1] == rows:
        per_row = ids.shape[-1]
    else:
        with_k = ", ".join([*map(str, rows), "K"])
        raise ValueError(
            f"targets must be {list(rows)}, [{with_k}], or flat with target_offsets; got shape {list(ids.shape)}"
        )
    return ids.reshape(-1), torch.arange(n + 1, device=device) * per_row, ids.shape


def _row_temperature(temperature: float | Array, rows: torch.Size, device: torch.device) -> Tensor | None:
    if isinstance(temperature, (int, float, np.number)):
        if temperature == 1:
            return None
        return torch.full((rows.numel(),), float(temperature), device=device)
    tensor = as_tensor(temperature, "temperature", device).float()
    if tensor.ndim and tensor.shape != rows:
        raise ValueError(f"temperature must be a scalar or {tuple(rows)}, got shape {tuple(tensor.shape)}")
    return tensor.expand(rows).reshape(-1).contiguous()


def read_rows(
    targets: Array | Sequence[int],
    target_offsets: Array | Sequence[int] | None,
    temperature: float | Array,
    shape: torch.Size,
    device: torch.device,
) -> Rows:
    """The caller's targets and temperature for rows of the given leading dimensions."""
    ids, offsets, like_targets = _flat_targets(targets, target_offsets, shape, device)
    ragged = target_offsets is not None
    return Rows(shape, ids, offsets, like_targets, ragged, _row_temperature(temperature, shape, device))


def option_arguments(options: ScoreOptions) -> tuple[float | int | None, ...]:
    """The last arguments of torch.ops.pyscore.* (dataclasses.astuple can't be traced)."""
    return (
        options.softcap,
        options.logit_scale,
        options.ignore_index,
        options.vocab_start,
        options.sharded,
        options.entropy,
        options.rank,
        options.top_k,
    )
