"""Answers as they were given, of any kind and perhaps unreadable, and which of them agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Mask, as_list
from pyscore.metrics.core.readers import check_length

__all__ = ["equal", "read_given", "read_known"]


def read_given(values: Any, name: str) -> tuple[list[Any], Mask]:
    """The answers, at least one, and which of them are unreadable: None or NaN.

    Raises:
        TypeError: a single string. ValueError: no answers.
    """
    answers = as_list(values, name)
    if not answers:
        raise ValueError(f"{name} is empty: there is nothing to compare")
    return answers, np.array([answer is None or answer != answer for answer in answers], dtype=bool)


def read_known(values: Any, name: str, n: int) -> list[Any]:
    """One answer, name or id a question, none missing.

    Raises:
        TypeError, ValueError: as `read_given`; another length than n, a missing entry with its row.
    """
    known, missing = read_given(values, name)
    check_length(name, known, n)
    if missing.any():
        raise ValueError(f"{name}[{missing.argmax()}] is missing: leave that question out ({missing.sum()} such rows)")
    return known


def equal(a: Sequence[Any], b: Sequence[Any]) -> Mask:
    """``[n]``, where the two agree by ``==``; an unreadable answer agrees with nothing."""
    return np.array([x is not None and x == y for x, y in zip(a, b, strict=True)], dtype=bool)
