"""Chance: what an answer drawn at random would score."""

from __future__ import annotations

import torch
from torch import Tensor

from pyscore.ops.arrays import as_tensor, restorer
from pyscore.ops.types import Array
from pyscore.ops.value_checks import to_device

__all__ = ["matching_shares"]


def matching_shares(question_offsets: Tensor, is_matching: Tensor, like: Array) -> Array:
    """``[Q]`` float64, each question's |M| / (|M| + |N|), an array of the kind of ``like`` and where that is."""
    device = as_tensor(like, "like").device
    offsets = to_device(question_offsets, "question_offsets", device)
    matching = to_device(is_matching, "is_matching", device)
    running = torch.cat([matching.new_zeros(1, dtype=torch.int64), matching.cumsum(0)])
    return restorer(like)(running[offsets].diff().double() / offsets.diff())
