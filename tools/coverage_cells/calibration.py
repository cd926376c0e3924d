"""Calibration: the default interval of the calibration error without bias, over 10 and 15 bins.

Confidences p are "even" on [0.5, 1]; "sure", with log odds |z| and z normal around 3 with deviation 2; "very sure",
around 5.5 with 1.5; or "binary", even on [0, 1]. What happens with p has the probability p ("calibrated"), one with 0.8
or 0.4 of the log odds of p, p - 0.05 or p - 0.15. Clusters of 10 questions share a normal part of the log odds of
outcomes, with deviation 1, and of the confidences. The truth is the error over the bins of a million questions; bins of
equal mass have the edges of these. ``none`` is the share of samples that get no interval, ``ece`` the mean of the plain
error, ``value`` the root of the mean square of the one without bias.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from pyscore.metrics.core.calibration_error import BinSums, estimate_calibration_error, estimate_ece
from pyscore.metrics.core.design import read_design

__all__ = ["SHARES", "SHORT", "cells"]

Floats = NDArray[np.float64]
SEED = 20_260_102
SHARES = ("none",)
SHORT = """
A model that is very sure and wrong more often than it says may show no wrong answer in 50 questions, and nothing then
tells it from a calibrated one. Of a calibrated model every interval that begins at 0 holds the truth, so that coverage
is 97.5 % or more there. A model that expects less than one wrong answer gets no interval.
"""
_CONFIDENCES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "even": lambda rng, n: 0.5 + 0.5 * rng.random(n),
    "sure": lambda rng, n: expit(np.abs(rng.normal(3, 2, n))),
    "very sure": lambda rng, n: expit(np.abs(rng.normal(5.5, 1.5, n))),
    "binary": lambda rng, n: rng.random(n),
}
_TRUTHS: dict[str, Callable[[Floats], Floats]] = {
    "calibrated": lambda p: p,
    "0.8 logit": lambda p: expit(0.8 * logit(p)),
    "0.4 logit": lambda p: expit(0.4 * logit(p)),
    "p - 0.05": lambda p: np.maximum(p - 0.05, 0.0),
    "p - 0.15": lambda p: np.maximum(p - 0.15, 0.0),
}
_SIZES = (20, 50, 200, 1000, 3000)
_LARGE = 1_000_000


def _error(p: Floats, truth: Floats, edges: Floats) -> float:
    """The calibration error over bins, without the noise of outcomes."""
    bins = np.searchsorted(edges, p)
    counts, gaps = np.bincount(bins), np.bincount(bins, truth - p)
    return float(np.sqrt((gaps[counts > 0] ** 2 / counts[counts > 0]).sum() / len(p)))


def _cell(draw: Callable[[], tuple[Floats, Floats, Any]], edges: Floats, true: float, samples: int) -> dict[str, Any]:
    hits, widths, values, plain = 0, [], [], []
    for _ in range(samples):
        p, y, clusters = draw()
        design = read_design(len(p), clusters)
        sums = BinSums.of_design(p, y, np.searchsorted(edges, p), len(edges) + 1, design)
        found = estimate_calibration_error(sums, design.sample, 0.95)
        values.append(found.value)
        plain.append(estimate_ece(sums, design.sample).value)
        if not found.reason:
            hits += found.low <= true <= found.high
            widths.append(found.high - found.low)
    printed = len(widths)
    return {
        "error": round(true, 3),
        "covered": hits / printed if printed else float("nan"),
        "width": float(np.mean(widths)) if printed else float("nan"),
        "value": float(np.sqrt(np.nanmean(np.square(values)))),
        "ece": float(np.mean(plain)),
        "none": 1 - printed / samples,
        "samples": printed,
    }


def _sample(
    rng: np.random.Generator,
    n: int,
    confidences: Callable[[np.random.Generator, int], Floats],
    truth: Callable[[Floats], Floats],
) -> tuple[Floats, Floats, None]:
    p = confidences(rng, n)
    return p, (rng.random(n) < truth(p)).astype(np.float64), None


def _independent(rng: np.random.Generator, samples: int) -> list[dict[str, Any]]:
    rows = []
    for name, confidences in _CONFIDENCES.items():
        large = confidences(rng, _LARGE)
        for kind, edges in (("width", np.arange(1, 15) / 15), ("mass", np.quantile(large, np.arange(1, 10) / 10))):
            for model, truth in _TRUTHS.items():
                true = _error(large, truth(large), edges)
                for n in _SIZES:

                    def draw(
                        n: int = n, confidences: Any = confidences, truth: Any = truth
                    ) -> tuple[Floats, Floats, None]:
                        p = confidences(rng, n)
                        return p, (rng.random(n) < truth(p)).astype(np.float64), None

                    bins = f"{len(edges) + 1} of equal {kind}"
                    found = _cell(draw, edges, true, samples)
                    rows.append(
                        {"table": "Questions", "confidences": name, "bins": bins, "model": model, "n": n, **found}
                    )
    return rows


def _in_clusters(rng: np.random.Generator, clusters: int, slope: float) -> tuple[Floats, Floats, NDArray[np.int64]]:
    codes = np.repeat(np.arange(clusters), 10)
    z = np.abs(1.5 * np.sqrt(0.5) * (rng.normal(size=clusters)[codes] + rng.normal(size=len(codes))))
    # The factor is what a normal part of deviation 1 takes off the slope of log odds (π²/3 + 1 against π²/3).
    return expit(z), expit(1.14 * slope * z + rng.normal(size=clusters)[codes]), codes


def _sample_of_clusters(
    rng: np.random.Generator, clusters: int, slope: float
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    p, chance, codes = _in_clusters(rng, clusters, slope)
    return p, (rng.random(len(p)) < chance).astype(np.float64), codes


def _clustered(rng: np.random.Generator, samples: int) -> list[dict[str, Any]]:
    rows, edges = [], np.arange(1, 15) / 15
    for slope in (1.0, 0.5):
        large, truth, _ = _in_clusters(rng, _LARGE // 10, slope)
        true = _error(large, truth, edges)
        for clusters in (10, 20, 50, 200):
            draw = partial(_sample_of_clusters, rng, clusters, slope)
            row = {"table": "Clusters of 10", "slope": slope, "clusters": clusters}
            rows.append({**row, **_cell(draw, edges, true, samples)})
    return rows


def cells(replicates: int) -> list[dict[str, Any]]:
    """One row a cell; a tenth of the replicates each, since every sample is a data set of its own."""
    rng, samples = np.random.default_rng(SEED), max(replicates // 10, 1)
    return _independent(rng, samples) + _clustered(rng, samples)
