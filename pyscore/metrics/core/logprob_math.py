"""Log-probabilities subtracted, summed over segments, or turned into log(1 - p), without losing digits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyscore.metrics.core.arrays import Codes, Floats

__all__ = ["difference", "log1mexp", "log_expit", "segment_logsumexp", "segment_max", "segment_softmax"]


def log1mexp(x: Any) -> Floats:
    """log(1 - e^x) of x <= 0, elementwise: -inf at 0, 0 at -inf.

    Above -log 2 it is log(-expm1(x)), below it log1p(-exp(x)), each exact where the other cancels. Mächler 2012,
    "Accurately Computing log(1 - exp(-|a|))".
    """
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(divide="ignore"):
        result: Floats = np.where(x > -math.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))
    return result


def log_expit(x: Any) -> Floats:
    """log sigmoid(x) = -log(1 + e^-x), elementwise, exact at both ends (scipy)."""
    from scipy import special

    result: Floats = special.log_expit(np.asarray(x, dtype=np.float64))
    return result


def difference(a: Floats, b: Floats) -> Floats:
    """a - b, elementwise; 0 where they are equal, infinities too: two answers of probability 0 are a tie."""
    with np.errstate(invalid="ignore"):
        result: Floats = np.where(a == b, 0.0, a - b)
    return result


def segment_max(values: Floats, offsets: Codes) -> Floats:
    """``[Q]``, the largest of each question's values; offsets ``[Q + 1]`` without an empty question."""
    return np.maximum.reduceat(values, offsets[:-1])


def segment_logsumexp(values: Floats, offsets: Codes) -> Floats:
    """``[Q]``, log Σ exp of each question's values; -inf where all are."""
    shift = segment_max(values, offsets)
    shift = np.where(shift == -np.inf, 0.0, shift)
    total = np.add.reduceat(np.exp(values - np.repeat(shift, np.diff(offsets))), offsets[:-1])
    with np.errstate(divide="ignore"):
        logs: Floats = np.log(total) + shift
    return logs


def segment_softmax(values: Floats, offsets: Codes) -> Floats:
    """``[A]``, exp of each value over the sum of its question's; equal shares where all are -inf, the limit of ties."""
    counts = np.diff(offsets)
    largest = np.repeat(segment_max(values, offsets), counts)
    mass = np.exp(np.subtract(values, largest, out=np.zeros_like(values), where=largest != -np.inf))
    shares: Floats = mass / np.repeat(np.add.reduceat(mass, offsets[:-1]), counts)
    return shares
