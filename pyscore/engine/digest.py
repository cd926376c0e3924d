"""Digests of values that JSON can hold."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["json_digest"]


def json_digest(value: Any) -> str:
    """SHA-256 of the value as JSON; what JSON doesn't know is written as text, sets in order."""

    def other(value: Any) -> Any:
        return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)

    return hashlib.sha256(json.dumps(value, sort_keys=True, default=other).encode()).hexdigest()
