"""Model inputs of a batch: token ids, attention masks and positions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pyscore.engine.sources.huggingface.plan import PackedRow

__all__ = ["host_ids", "plain_inputs", "tree_inputs"]


def plain_inputs(rows: list[PackedRow], past: int, pad: int, device: torch.device) -> dict[str, Any]:
    """Rows of one sequence each, padded on the right, after ``past`` cached tokens."""
    ids, lengths = _padded(rows, pad)
    mask = torch.arange(past + ids.shape[1], dtype=torch.int64, device="cpu") < past + lengths[:, None]
    return {"input_ids": ids.to(device), "attention_mask": mask.long().to(device)}


def tree_inputs(rows: list[PackedRow], past: int, pad: int, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Rows of branches, after ``past`` cached tokens: a token sees those and its ancestors in the row.

    The mask is added to attention scores, [B, 1, S, past + S]; positions are depths, [B, S].
    """
    ids, _ = _padded(rows, pad)
    width = ids.shape[1]
    index = torch.arange(width, dtype=torch.int64, device=device)
    # A padding token attends to itself and to cached tokens, and no other token attends to it.
    ends = host_ids([row.ends + list(range(len(row.ends) + 1, width + 1)) for row in rows]).to(device)
    depths = host_ids([row.depths + [0] * (width - len(row.depths)) for row in rows]).to(device)
    hidden = (index[None, None, :] > index[None, :, None]) | (index[None, :, None] >= ends[:, None, :])
    mask = torch.zeros(len(rows), 1, width, past + width, dtype=dtype, device=device)
    mask[:, 0, :, past:].masked_fill_(hidden, torch.finfo(dtype).min)
    return {"input_ids": ids.to(device), "attention_mask": mask, "position_ids": depths}


def host_ids(values: list[Any]) -> Tensor:
    """Integers on the host, also where there are none."""
    return torch.tensor(values, dtype=torch.int64, device="cpu")


def _padded(rows: list[PackedRow], pad: int) -> tuple[Tensor, Tensor]:
    width = max(len(row.tokens) for row in rows)
    ids = host_ids([row.tokens + [pad] * (width - len(row.tokens)) for row in rows])
    return ids, host_ids([len(row.tokens) for row in rows])
