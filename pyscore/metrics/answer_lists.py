"""Lists of answers of any kind, some of which couldn't be read, and rates over part of the questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.arrays import Codes, as_list, take
from pyscore.metrics.estimate import NAN, Estimate
from pyscore.metrics.means import Interval, estimate_rate

__all__ = ["Mask", "check_length", "equal", "rate_among", "read_answers", "read_known"]

Mask = NDArray[np.bool_]


def read_answers(values: Any, name: str) -> tuple[list[Any], Mask]:
    """The answers, at least one, and which of them couldn't be read: None or NaN.

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
        TypeError, ValueError: as `read_answers`; another length than n, a missing entry with its row.
    """
    known, missing = read_answers(values, name)
    check_length(name, known, n)
    if missing.any():
        raise ValueError(f"{name}[{missing.argmax()}] is missing: leave that question out ({missing.sum()} such rows)")
    return known


def check_length(name: str, values: Sequence[Any] | NDArray[Any], n: int) -> None:
    """ValueError unless there is one entry a question."""
    if len(values) != n:
        raise ValueError(f"{name} must have one entry a question: {n} questions, {len(values)} entries")


def equal(a: Sequence[Any], b: Sequence[Any]) -> Mask:
    """``[n]``, where the two agree by ``==``; an answer that couldn't be read agrees with nothing."""
    return np.array([x is not None and x == y for x, y in zip(a, b, strict=True)], dtype=bool)


def rate_among(held: Mask, among: Mask, codes: Codes | None, interval: Interval, otherwise: str) -> Estimate:
    """The share for which something held among the given questions; without any, NaN and ``otherwise`` as reason."""
    if not among.any():
        return Estimate.without_interval(NAN, 0, otherwise)
    return estimate_rate(held[among], clusters=take(codes, among), interval=interval)
