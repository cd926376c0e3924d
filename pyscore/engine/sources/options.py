"""Options of `Scorer.from_pretrained` that a source has no use for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["refuse_others"]

_UNSET = {
    "revision": None,
    "dtype": "auto",
    "device": "auto",
    "batch_tokens": "auto",
    "backend": "auto",
    "adapter": None,
    "trust_remote_code": False,
    "allow_unused_weights": False,
}
"""What `Scorer.from_pretrained` hands to every source, and what it hands where nothing was asked for."""


def refuse_others(source: str, options: Mapping[str, Any], own: Collection[str] = ()) -> None:
    """Raise for options that a source doesn't take.

    Args:
        source: its name, for the message.
        options: those that its ``load`` was called with and doesn't name itself.
        own: what it calls those that it does take, for the message.

    Raises:
        TypeError: an option that no source, or not this one, has.
        ValueError: an option of `Scorer.from_pretrained` that was asked for and means nothing here.
    """
    for name, value in options.items():
        if name not in _UNSET:
            known = ", ".join(sorted(own)) or "none"
            raise TypeError(f"{source} has no option {name!r}: it takes {known}")
        if value != _UNSET[name]:
            raise ValueError(f"{name}={value!r} means nothing to {source}: leave it out")
