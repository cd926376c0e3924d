"""Lists of names in messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["and_more", "listed"]

_SHOWN = 3


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:_SHOWN]) + and_more(names, _SHOWN)


def and_more(names: Sequence[Any], shown: int) -> str:
    """How many names there are beyond those that a message shows; nothing where it shows all."""
    return f" and {len(names) - shown} more" if len(names) > shown else ""
