"""Keys and values of stems: run once, then seen by every row after them."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pyscore.engine.sources.huggingface.plan import PackedRow, is_same_stem

__all__ = ["NotShared", "Stem", "copied", "first_tokens", "seen_by"]


class NotShared(Exception):
    """Why a model's rows can't share a stem or a row."""


class Stem(NamedTuple):
    """A stem that was run: its tokens, and the cache that holds all up to its end."""

    row: PackedRow
    cache: Any

    @property
    def is_plain(self) -> bool:
        """Whether its cache is keys and values of every token."""
        length = self.row.depths[-1] + 1
        return all(getattr(getattr(layer, "keys", None), "shape", (0, 0))[-2] == length for layer in self.cache.layers)

    def serves(self, row: PackedRow) -> bool:
        """Whether it is this stem, perhaps of an earlier plan; one with tokens to score has to be run again."""
        return is_same_stem(self.row, row)


def copied(cache: Any, n_rows: int) -> Any:
    """A cache of any kind for ``n_rows`` rows, from that of one, which stays as it is."""
    own = copy.deepcopy(cache)
    tensors = (value for layer in own.layers for value in vars(layer).values() if isinstance(value, Tensor))
    device = next((tensor.device for tensor in tensors), torch.device("cpu"))
    own.reorder_cache(torch.zeros(n_rows, dtype=torch.long, device=device))  # n_rows times row 0
    return own


def first_tokens(cache: Any, length: int) -> Any:
    """The part of a cache of plain keys and values that holds its first tokens, sharing its memory.

    Raises:
        NotShared: a layer doesn't hold the keys and values of that many tokens.
    """
    own = copy.copy(cache)
    own.layers = []
    for layer in cache.layers:
        part = copy.copy(layer)
        keys, values = _keys_and_values(layer, length)
        part.keys, part.values = keys[..., :length, :], values[..., :length, :]
        own.layers.append(part)
    return own


def seen_by(cache: Any, n_rows: int, length: int) -> Any:
    """A cache of plain keys and values for ``n_rows`` rows, from that of one, neither copied nor added to.

    Raises:
        NotShared: a layer doesn't hold the keys and values of all ``length`` tokens.
    """
    own = copy.copy(cache)
    own.layers = [_read_only(layer, n_rows, length) for layer in cache.layers]
    return own


def _read_only(layer: Any, n_rows: int, length: int) -> Any:
    keys, values = (tensor.expand(n_rows, *tensor.shape[1:]) for tensor in _keys_and_values(layer, length))

    def joined(new_keys: Tensor, new_values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        return torch.cat([keys, new_keys], dim=-2), torch.cat([values, new_values], dim=-2)

    own = copy.copy(layer)
    # New keys and values are joined for this layer's attention only. A cache that kept them would hold those of the
    # whole batch, layer by layer, until the pass ends.
    own.update = joined
    return own


def _keys_and_values(layer: Any, length: int) -> tuple[Tensor, Tensor]:
    keys, values = getattr(layer, "keys", None), getattr(layer, "values", None)
    if not isinstance(keys, Tensor) or not isinstance(values, Tensor) or keys.shape[-2] < length:
        raise NotShared(f"a cache layer ({type(layer).__name__}) doesn't keep the keys of all tokens")
    return keys, values
