"""Torch's ops compute on the caller's thread and on others: the caller's may flush denormals, the others never do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

__all__ = ["keeps_denormals"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_LEAST_NORMAL = sys.float_info.min


def keeps_denormals(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function with denormals kept while it runs, whatever torch.set_flush_denormal says on this thread."""

    @wraps(function)
    def kept(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if (
            _LEAST_NORMAL * 0.5 != 0.0
        ):  # the half is a denormal: 0 where they are flushed, which torch has no call to ask
            return function(*args, **kwargs)
        torch.set_flush_denormal(False)
        try:
            return function(*args, **kwargs)
        finally:
            torch.set_flush_denormal(True)

    return kept
