"""Values as JSON in one way, and the digests of that."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["digest_of", "json_digest", "json_text"]


def json_text(value: Any) -> str:
    """The value as JSON, keys in order; what JSON doesn't know is written as text, sets in order."""

    def other(value: Any) -> Any:
        return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)

    return json.dumps(value, sort_keys=True, default=other)


def json_digest(value: Any) -> str:
    """SHA-256 of `json_text`, in hexadecimal."""
    return digest_of(json_text(value))


def digest_of(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
