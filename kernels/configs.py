"""Tile parameters as data: chosen by architecture, dtype and D alone, never by the number of rows.

A row's bits follow from its tile sizes and its pieces, so nothing here may look at N, and nothing is tuned at run time.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

__all__ = ["LinearConfig", "ReadyConfig", "architecture", "linear_config", "ready_config"]


class ReadyConfig(NamedTuple):
    """How ready logits are read: one program reads ``block_v`` logits of one row."""

    block_v: int
    num_warps: int


class LinearConfig(NamedTuple):
    """How hidden @ weight.T is tiled.

    A program computes ``block_n`` rows x ``block_v`` vocabulary entries at a time, ``block_d`` of D a step. The
    vocabulary's tiles are dealt into at most ``pieces`` pieces: about the number of multiprocessors, so that few rows
    still keep all of them busy in one wave. Programs of ``group_n`` neighbouring row blocks run side by side, so that
    their hidden states stay in the L2 cache. Target logits take ``target_block_n`` candidates a program: fewer rows of
    the same matrix instruction, since each program needs the diagonal of its tile only.
    """

    block_n: int
    block_v: int
    block_d: int
    pieces: int
    parts: int
    group_n: int
    num_warps: int
    num_stages: int
    target_block_n: int
    target_num_warps: int


_READY = {
    "interpreter": ReadyConfig(block_v=512, num_warps=1),
    "gfx942": ReadyConfig(block_v=4096, num_warps=4),
    "nvidia": ReadyConfig(block_v=4096, num_warps=4),
}

# 16-bit inputs go through the matrix units; float32 (ieee, no TF32) is multiplied on the vector units, where every
# operand of a step sits in registers, hence the small steps.
_LINEAR = {
    # columns: block_n, block_v, block_d, pieces, parts, group_n, num_warps, num_stages, then the target_ ones
    ("interpreter", 2): LinearConfig(32, 128, 64, 3, 2, 2, 1, 1, 32, 1),
    ("interpreter", 4): LinearConfig(32, 128, 64, 3, 2, 2, 1, 1, 32, 1),
    ("small", 2): LinearConfig(128, 128, 32, 84, 2, 16, 8, 3, 128, 8),
    ("small", 4): LinearConfig(64, 128, 16, 84, 4, 16, 8, 2, 64, 8),
    ("sm_80", 2): LinearConfig(128, 128, 64, 108, 2, 16, 8, 3, 128, 8),
    ("sm_80", 4): LinearConfig(64, 128, 16, 108, 4, 16, 8, 2, 64, 8),
    ("sm_90", 2): LinearConfig(128, 256, 64, 132, 4, 16, 8, 4, 64, 4),
    ("sm_90", 4): LinearConfig(64, 128, 16, 132, 4, 16, 8, 2, 64, 8),
    ("sm_100", 2): LinearConfig(128, 256, 64, 148, 4, 16, 8, 4, 128, 8),
    ("sm_100", 4): LinearConfig(64, 128, 16, 148, 4, 16, 8, 2, 64, 8),
    ("gfx942", 2): LinearConfig(128, 128, 64, 304, 1, 16, 8, 2, 128, 8),
    ("gfx942", 4): LinearConfig(64, 128, 16, 304, 1, 16, 8, 2, 64, 8),
}

_BY_MAJOR = {8: "sm_80", 9: "sm_90", 10: "sm_100"}


def architecture(device: torch.device) -> str:
    """The table's name for a device; "interpreter" for CPU tensors."""
    if device.type != "cuda":
        return "interpreter"
    if torch.version.hip is not None:
        return "gfx942"
    major, minor = torch.cuda.get_device_capability(device)
    # 8.6, 8.9 and 12.x have 100 KB of shared memory where 8.0, 9.0 and 10.0 have 163 or more
    return "small" if (major, minor) != (8, 0) and major not in (9, 10) else _BY_MAJOR[major]


def ready_config(architecture: str) -> ReadyConfig:
    """Tile parameters for ready logits."""
    return _READY.get(architecture, _READY["nvidia"])


def linear_config(architecture: str, dtype: torch.dtype) -> LinearConfig:
    """Tile parameters for hidden @ weight.T."""
    return _LINEAR[architecture, dtype.itemsize]
