"""Numbers as callers have them: Python's, NumPy's, or tensors of no dimension. Booleans are no numbers."""

from __future__ import annotations

import operator
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
import torch

__all__ = ["as_float", "as_int", "as_int64"]

_INT64 = 2**63


def _describe(value: object) -> str:
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is None or shape is None:
        return f"{type(value).__name__} {value!r:.60}"
    return f"{type(value).__name__} of {dtype}, shape {tuple(shape)}"


def _is_single(value: object) -> bool:
    """Whether the value is one number: no array with dimensions, and no truth value."""
    is_bool = isinstance(value, bool | np.bool_) or getattr(value, "dtype", None) in (torch.bool, np.bool_)
    return not is_bool and not getattr(value, "ndim", 0)


def as_int(value: Any, name: str) -> int:
    """``value`` as an int.

    Args:
        value: an int, a NumPy integer, or an array or tensor of integers without dimensions; also what torch traces an
            int as. A tensor on a GPU is read, which waits for the GPU.
        name: the argument's name, for the error.

    Raises:
        TypeError: anything else, such as 2.0, True, None or an array of one entry.
    """
    found: int = value
    if isinstance(value, torch.SymInt):  # its value isn't known yet
        return found
    if type(value) is not int:
        try:
            if not _is_single(value):
                raise TypeError
            found = operator.index(value)
        except (TypeError, RuntimeError):
            raise TypeError(f"{name} must be an integer, got {_describe(value)}") from None
    return found


def as_int64(value: Any, name: str) -> int:
    """`as_int`, with a ValueError for what doesn't fit into 64 bits."""
    found = as_int(value, name)
    if not -_INT64 <= found < _INT64:
        raise ValueError(f"{name}={found} must fit into 64 bits")
    return found


def as_float(value: Any, name: str) -> float:
    """``value`` as a float.

    Args:
        value: an int or a float, NumPy's too, or an array or tensor of such without dimensions. A tensor on a GPU is
            read, which waits for the GPU.
        name: the argument's name, for the error.

    Raises:
        TypeError: anything else, such as "1", True, None or an array of one entry.
        ValueError: an int beyond every float.
    """
    if type(value) is float:
        return value
    try:
        if not _is_single(value) or not isinstance(value, SupportsFloat | SupportsIndex):
            raise TypeError
        return float(value)
    except (TypeError, RuntimeError):
        raise TypeError(f"{name} must be a number, got {_describe(value)}") from None
    except OverflowError:
        raise ValueError(f"{name} is beyond every float") from None
