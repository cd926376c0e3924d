"""Scales: what the values of a mean can be, which decides what its interval is made by."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pyscore.metrics.core.arrays import Floats

__all__ = [
    "NONNEGATIVE",
    "RATE",
    "RATE_DIFFERENCE",
    "REAL",
    "SHARE",
    "SHARE_DIFFERENCE",
    "SQUARES",
    "Scale",
    "difference_scale",
    "mass_scale",
]

ROUNDING = 1e-6
"""By so much of its range a value may lie outside of it: sums of float32 probabilities do."""


class Scale(NamedTuple):
    """The range of single values, and so of their mean: no interval leaves it.

    Attributes:
        low, high: the ends of the range.
        method: what "auto" stands for: "t", Student's t; "beta", the wider of it and bounds that hold for skewed values
            in a finite range; "wilson", for values that are 0 or 1 (or a tie between); "tango", for differences of two
            such values.
    """

    low: float
    high: float
    method: str = "t"


REAL = Scale(-math.inf, math.inf)
NONNEGATIVE = Scale(0.0, math.inf)
SHARE = Scale(0.0, 1.0, "beta")
RATE = Scale(0.0, 1.0, "wilson")
SHARE_DIFFERENCE = Scale(-1.0, 1.0, "beta")
SQUARES = Scale(0.0, 2.0, "beta")  # Σ_k (p_k - 1[k = gold])² over all options
RATE_DIFFERENCE = Scale(-1.0, 1.0, "tango")


def mass_scale(values: Floats) -> Scale:
    """`SHARE` of sums of probabilities, but where one of them is above 1: answers that repeat each other add up so."""
    return SHARE if values.max(initial=0.0) <= 1 + ROUNDING else NONNEGATIVE


def difference_scale(a: Floats, b: Floats) -> Scale:
    """The scale of a - b: outcomes that are 0, 1 or a tie's 1/2 differ as rates, others in [0, 1] as shares."""
    both = np.concatenate([a, b])
    if np.isin(both, (0.0, 0.5, 1.0)).all():
        return RATE_DIFFERENCE
    return SHARE_DIFFERENCE if ((both >= 0) & (both <= 1)).all() else REAL
