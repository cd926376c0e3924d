"""Integers as callers have them: Python's, NumPy's, or an array or tensor without dimensions."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["as_int"]


def as_int(value: Any, name: str) -> int:
    """The value as an int.

    Raises:
        TypeError: anything else: 2.0, a boolean, an array of one entry.
    """
    # A boolean is an index for Python, and a tensor of one for torch; neither module needs to be imported to tell.
    is_bool = isinstance(value, bool) or "bool" in str(getattr(value, "dtype", ""))
    try:
        if is_bool or getattr(value, "ndim", 0) != 0:
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__} {value!r:.60}") from None
