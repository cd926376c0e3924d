"""Tile parameters as data: configs.json, chosen by device, dtype, D and V, never by the number of rows N.

Tile sizes and pieces decide the bits of a result, so nothing here may look at N, and nothing is tuned at run time.
`python -m tools.tune` searches on a GPU and adds rows for the sizes that it measured.
"""

from __future__ import annotations

import json
from functools import cache
from math import log2
from pathlib import Path
from typing import Any, NamedTuple

import torch

__all__ = [
    "TABLE", "LinearConfig", "ReadyConfig", "Tile", "architecture", "linear_config", "linear_of", "multiprocessors",
    "ready_config", "ready_of", "serving", "table",
]  # fmt: skip

TABLE = Path(__file__).with_name("configs.json")
"""A row: kernel ("linear" or "ready"), architecture, itemsize in bytes, depth (D) and vocab (V) that it was tuned for,
then the fields of its config. A row without itemsize, depth or vocab serves any; one with ``descriptors`` serves the
weights that they can describe."""


class ReadyConfig(NamedTuple):
    """How ready logits are read: each of a program's ``lanes`` reads ``vectors`` times 16 bytes of one row."""

    lanes: int
    vectors: int
    num_warps: int


class Tile(NamedTuple):
    """The rows that one program multiplies at a time, and how it is compiled."""

    block_n: int
    num_warps: int
    num_stages: int


class LinearConfig(NamedTuple):
    """How hidden @ weight.T is tiled.

    A program computes a tile of rows x ``block_v`` vocabulary entries, ``block_d`` of D a step, and its statistics in
    ``slices`` of ``block_v``. The vocabulary's tiles are dealt into at most ``pieces`` equal pieces: about the number
    of multiprocessors, so that few rows still keep all of them busy in one wave. Neighbouring programs work on
    ``group_n`` row blocks, so that their hidden states stay in the L2 cache; ``resident`` programs share a
    multiprocessor. ``descriptors``: the weight is fetched by the tensor memory accelerator. The tile is ``few`` for up
    to its number of rows, else ``many``: both give the same bits, since block_v, the matrix instruction and the order
    along the vocabulary are the same. ``target`` is the tile of `target_logits`, candidates instead of rows.
    """

    block_v: int
    block_d: int
    slices: int
    pieces: int
    group_n: int
    resident: int
    descriptors: bool
    few: Tile
    many: Tile
    target: Tile


_BY_MAJOR = {8: "sm_80", 9: "sm_90", 10: "sm_100"}
_ANY_NVIDIA = "nvidia"
"""Serves the devices without rows of their own; its tiles fit in 99 KB of shared memory."""


def architecture(device: torch.device) -> str:
    """The table's name for a device; "interpreter" for CPU tensors."""
    if device.type != "cuda":
        return "interpreter"
    if torch.version.hip is not None:
        return "gfx942"
    major, minor = torch.cuda.get_device_capability(device)
    # Devices 8.6, 8.9 and 12.x have 100 KB of shared memory, where 8.0, 9.0 and 10.0 have 163 or more.
    return _ANY_NVIDIA if (major, minor) != (8, 0) and major not in (9, 10) else _BY_MAJOR[major]


@cache
def multiprocessors(device: torch.device) -> int:
    """Multiprocessors of a device; a small number for the interpreter, so that its programs take several turns."""
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 4


@cache
def table() -> list[dict[str, Any]]:
    """The rows of configs.json."""
    rows: list[dict[str, Any]] = json.loads(TABLE.read_text())
    return rows


def _distance(row: dict[str, Any], sizes: dict[str, int]) -> list[float]:
    """Powers of two between these sizes and those that a row was tuned for; a row for any size is infinitely far."""
    return [abs(log2(row[name] / size)) if name in row else float("inf") for name, size in sizes.items()]


def serving(kernel: str, architecture: str, itemsize: int, describable: bool = True) -> list[dict[str, Any]]:
    """Rows of the table for a device: its own, else those of any NVIDIA GPU; without descriptors if not describable."""
    for name in (architecture, _ANY_NVIDIA):
        rows = [
            row
            for row in table()
            if (row["kernel"], row["architecture"]) == (kernel, name)
            and row.get("itemsize", itemsize) == itemsize
            and row.get("descriptors", False) <= describable
        ]
        if rows:
            return rows
    raise LookupError(f"configs.json has no row for {kernel} of {itemsize} bytes on {architecture}")


def ready_of(row: dict[str, Any]) -> ReadyConfig:
    """The config in a row for ready logits."""
    return ReadyConfig(**{name: row[name] for name in ReadyConfig._fields})


def linear_of(row: dict[str, Any]) -> LinearConfig:
    """The config in a row for hidden @ weight.T."""
    fields = {name: row[name] for name in LinearConfig._fields}
    return LinearConfig(**fields | {name: Tile(*row[name]) for name in ("few", "many", "target")})


@cache
def ready_config(architecture: str, dtype: torch.dtype, vocab: int) -> ReadyConfig:
    """Tile parameters for ready logits [*, vocab]."""
    rows = serving("ready", architecture, dtype.itemsize)
    return ready_of(min(rows, key=lambda row: _distance(row, {"vocab": vocab})))


@cache
def linear_config(
    architecture: str, dtype: torch.dtype, depth: int, vocab: int, describable: bool = True
) -> LinearConfig:
    """Tile parameters for hidden [*, depth] @ weight.T [depth, vocab]; ``describable``: see `descriptor`."""
    rows = serving("linear", architecture, dtype.itemsize, describable)
    sizes = {"depth": depth, "vocab": vocab}
    return linear_of(min(rows, key=lambda row: (-row["descriptors"], *_distance(row, sizes))))
