"""Integers as callers have them: Python's, NumPy's, or an array or tensor without dimensions."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["as_int", "describe", "is_single"]


def describe(value: object) -> str:
    """What a value is, for an error."""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is None or shape is None:
        return f"{type(value).__name__} {value!r:.60}"
    return f"{type(value).__name__} of {dtype}, shape {tuple(shape)}"


def is_single(value: object) -> bool:
    """Whether the value is one number: no array with dimensions, and no truth value."""
    # A boolean is an index for Python, and a tensor of one for torch; neither module needs to be imported to tell.
    is_bool = isinstance(value, bool) or "bool" in str(getattr(value, "dtype", ""))
    return not is_bool and not getattr(value, "ndim", 0)


def as_int(value: Any, name: str) -> int:
    """``value`` as an int.

    Args:
        value: an int, a NumPy integer, or an array or tensor of integers without dimensions. A tensor on a GPU is read,
            which waits for the GPU.
        name: the argument's name, for the error.

    Raises:
        TypeError: anything else, such as 2.0, True, None or an array of one entry.
    """
    if type(value) is int:
        return value
    try:
        if not is_single(value):
            raise TypeError
        return operator.index(value)
    except (TypeError, RuntimeError):
        raise TypeError(f"{name} must be an integer, got {describe(value)}") from None
