"""Answers as they were given, of any kind and perhaps unreadable: which agree, and rates over part of the questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Codes, Mask, as_list, take
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import estimate_rate
from pyscore.metrics.core.readers import check_length
from pyscore.metrics.core.report import NAN, Estimate

__all__ = ["equal", "rate_among", "read_given", "read_known"]


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


def rate_among(held: Mask, among: Mask, codes: Codes | None, interval: Interval, otherwise: str) -> Estimate:
    """The share for which something held among the given questions; without any, NaN and ``otherwise`` as reason."""
    if not among.any():
        return Estimate.without_interval(NAN, 0, otherwise)
    return estimate_rate(held[among], clusters=take(codes, among), interval=interval)
