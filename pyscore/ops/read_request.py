"""From the arguments of a public call to its `TokenRequest`, on whichever device the caller has the tensors.

The ops check values and move them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pyscore.ops import checks
from pyscore.ops.arrays import as_index, as_tensor
from pyscore.ops.request import Targets, TokenRequest, Wanted, float_dtype
from pyscore.ops.scalars import as_float, as_int64
from pyscore.ops.types import Array

__all__ = ["Shapes", "read_request", "read_targets"]


class Shapes(NamedTuple):
    """The caller's shapes, of which results take theirs."""

    rows: torch.Size  # leading dimensions of the logits or hidden states; N is their product
    targets: torch.Size


def _flat_targets(
    targets: Array | Sequence[int], target_offsets: Array | Sequence[int] | None, rows: torch.Size
) -> tuple[Tensor, Tensor | None, torch.Size]:
    ids = as_index(targets, "targets")
    if target_offsets is not None:
        n = prod(rows)  # rows.numel() would make torch.export take the traced sizes for the only ones
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
    # Numbers are looked for first: under torch.compile a float may be a symbol, which hasattr can't be asked of.
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


def read_targets(
    targets: Array | Sequence[int],
    target_offsets: Array | Sequence[int] | None,
    temperature: float | Array,
    values: Tensor,
) -> tuple[Targets, Shapes]:
    """The caller's targets and temperature for the rows of ``values``, the logits or hidden states."""
    rows, device = values.shape[:-1], values.device
    ids, offsets, like_targets = _flat_targets(targets, target_offsets, rows)
    temperatures = _row_temperature(temperature, rows, device, float_dtype(values))
    checks.check_not_meta(device, targets=ids, target_offsets=offsets, temperature=temperatures)
    return Targets(ids, offsets, temperatures), Shapes(rows, like_targets)


def read_request(
    targets: Targets,
    outputs: frozenset[str],
    top_k: int,
    softcap: float | None,
    logit_scale: float,
    ignore_index: int,
    vocab_start: int | None,
    dtype: torch.dtype,
) -> TokenRequest:
    """The request of a public call; ``outputs`` are checked names, ``dtype`` is that of results."""
    softcap = None if softcap is None else as_float(softcap, "softcap")
    logit_scale = as_float(logit_scale, "logit_scale")
    checks.check_scalars(softcap, logit_scale, dtype)
    if vocab_start is not None:
        vocab_start = as_int64(vocab_start, "vocab_start")
        if vocab_start < 0:
            raise ValueError(f"vocab_start={vocab_start} must be at least 0")
    if vocab_start is not None and "rank" in outputs:
        raise ValueError(
            "outputs names rank, which one vocabulary shard can't count: the target's logit may lie in another shard; "
            "ask for is_greedy, or use linear_logprobs(group=)"
        )
    sharded, ignored = vocab_start is not None, as_int64(ignore_index, "ignore_index")
    # a shard needs the log-probability of its best entry, VocabShard.max_logprob: the first of the top entries
    wanted = Wanted("entropy" in outputs, bool(outputs & {"rank", "is_greedy"}), max(top_k, 1) if sharded else top_k)
    return TokenRequest(targets, softcap, logit_scale, ignored, vocab_start or 0, sharded, wanted)
