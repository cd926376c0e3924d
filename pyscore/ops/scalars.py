"""Numbers as callers have them: Python's, NumPy's, or tensors of no dimension. Booleans are no numbers."""

from __future__ import annotations

from typing import Any, SupportsFloat, SupportsIndex

import torch

from pyscore._integers import as_int as _as_int
from pyscore._integers import describe, is_single

__all__ = ["as_float", "as_int", "as_int64"]

_INT64 = 2**63


def as_int(value: Any, name: str) -> int:
    """`pyscore._integers.as_int`, and what torch traces an int as, whose value isn't known yet."""
    return value if isinstance(value, torch.SymInt) else _as_int(value, name)  # type: ignore[return-value]


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
        if not is_single(value) or not isinstance(value, SupportsFloat | SupportsIndex):
            raise TypeError
        return float(value)
    except (TypeError, RuntimeError):
        raise TypeError(f"{name} must be a number, got {describe(value)}") from None
    except OverflowError:
        raise ValueError(f"{name} is beyond every float") from None
