"""Verdicts of `scaling_trend`, contrasts and bands over checkpoints, by simulation."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.intervals import t_quantile
from pyscore.metrics.core.trends import find_turns, fit_slopes, name_trends

__all__ = ["MONOTONE", "TRUTHS", "cells", "slope_cells"]

Floats = NDArray[np.float64]
Row = dict[str, Any]

SEED = 20_260_101
ALPHA = 0.05
SIZES = (4, 6, 8)
NOISES = (0.02, 0.1, 0.3)
VERDICTS = ("positive", "inverse", "U-shaped", "inverted-U", "flat or unclear")

MONOTONE: dict[str, Callable[[Floats], Floats]] = {
    "flat": np.zeros_like,
    "linear": lambda x: x,
    "saturating": lambda x: -np.expm1(-5 * x),
    "logistic": lambda x: 1 / (1 + np.exp(-12 * (x - 0.5))),
    "hinge": lambda x: np.maximum(0, 2 * x - 1),
    "hinge, then flat": lambda x: np.minimum(1, 2 * x),
}
"""Curves over log size from 0 to 1 that rise by 1 or not at all: "positive" and "flat or unclear" are true of them."""

TRUTHS = MONOTONE | {
    "U": lambda x: (2 * x - 1) ** 2,
    "U, half as deep on one side": lambda x: np.where(x < 0.5, (2 * x - 1) ** 2 / 2, (2 * x - 1) ** 2),
}


def cells(replicates: int) -> list[Row]:
    """The share of each verdict over noisy curves with known, equal standard errors, at 95 % confidence.

    Keys: truth, sizes (their number), noise (the standard error, where the curve's range is 1), a share for each of
    `VERDICTS`, false (any verdict of a flat truth, any but "positive" and "flat or unclear" of the other monotone ones,
    "inverted-U" of a U), covered (of the intervals, the slope of the least squares line through the truth).
    """
    rows = []
    for i, (truth, m, noise) in enumerate(product(TRUTHS, SIZES, NOISES)):
        x, errors = np.linspace(0.0, 1.0, m), np.full(m, noise)
        mean = TRUTHS[truth](x)
        y = mean + noise * np.random.default_rng((SEED, i)).standard_normal((replicates, m))
        slope = fit_slopes(x, y, errors)
        named = name_trends(slope.value, slope.p, find_turns(x, y, errors), ALPHA / 2)
        shares = {verdict: float(np.mean(named == verdict)) for verdict in VERDICTS}
        right = {"flat": ("flat or unclear",)}.get(truth, ("positive", "flat or unclear"))
        right = right if truth in MONOTONE else ("U-shaped", *right)
        false = sum(share for verdict, share in shares.items() if verdict not in right)
        off = np.abs(slope.value - fit_slopes(x, mean, errors).value)
        covered = float(np.mean(off <= t_quantile(1 - ALPHA, slope.dof) * slope.stderr))
        where = {"truth": truth, "sizes": m, "noise": noise}
        rows.append(where | shares | {"false": false, "covered": covered})
    return rows


def slope_cells(replicates: int) -> list[Row]:
    """How often 95 % intervals hold a slope where models scatter about the line, and their mean width.

    Keys: sizes, largest (the known standard errors grow from 1 to that, from the smallest size to the largest), scatter
    (the models' standard deviation), covered and width with the known errors, covered_ols and width_ols without them.
    """
    rows = []
    for i, (m, largest, scatter) in enumerate(product((3, *SIZES), (1, 3), (0.0, 0.5, 1.0, 3.0))):
        rng = np.random.default_rng((SEED, 1, i))
        x, errors = np.linspace(0.0, 1.0, m), np.geomspace(1.0, largest, m)
        y = x + np.sqrt(errors**2 + scatter**2) * rng.standard_normal((replicates, m))
        row: Row = {"sizes": m, "largest": largest, "scatter": scatter}
        for suffix, known in (("", errors), ("_ols", None)):
            slope = fit_slopes(x, y, known)
            half = t_quantile(1 - ALPHA, slope.dof) * slope.stderr
            row[f"covered{suffix}"] = float(np.mean(np.abs(slope.value - 1) <= half))
            row[f"width{suffix}"] = float(2 * half.mean())
        rows.append(row)
    return rows
