"""Data in a page: JSON that is compressed and written as base64, which can't end a script element or hide markup."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

__all__ = ["DIGITS", "as_block", "packed", "read_block", "rounded"]

DIGITS = 7
"""Significant digits of every number in a page: a share is exact to a ten-millionth, and takes half the room."""

_LEVEL = 9


def rounded(value: Any) -> Any:
    """A value as a page holds it, all the way down: floats of `DIGITS` significant digits, null for no finite one."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value


def as_block(value: Any) -> str:
    """The text of a block: JSON in UTF-8, as zlib packs it (RFC 1950), in base64 (RFC 4648)."""
    return packed(json.dumps(rounded(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False))


def packed(text: str) -> str:
    """Any text as zlib packs it, in base64."""
    return base64.b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"), _LEVEL)).decode()


def read_block(text: str) -> Any:
    """What `as_block` made the text of."""
    return json.loads(zlib.decompress(base64.b64decode(text)).decode("utf-8", "surrogatepass"))
