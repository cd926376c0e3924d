"""Values as text: their digests, and names in messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

__all__ = ["and_more", "json_digest", "listed"]

_SHOWN = 3


def json_digest(value: Any) -> str:
    """SHA-256 of the value as JSON; what JSON doesn't know is written as text, sets in order."""

    def other(value: Any) -> Any:
        return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)

    return hashlib.sha256(json.dumps(value, sort_keys=True, default=other).encode()).hexdigest()


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:_SHOWN]) + and_more(names, _SHOWN)


def and_more(names: Sequence[Any], shown: int) -> str:
    """How many names there are beyond those that a message shows; nothing where it shows all."""
    return f" and {len(names) - shown} more" if len(names) > shown else ""
