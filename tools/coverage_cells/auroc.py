"""AUROC: few and many positives, scores whose spread differs between the classes.

Scores are normal, of standard deviation 1 among negatives and "spread" among positives. With clusters, each holds 2
positives and 3 negatives whose scores have a part in common (icc). Beside the interval: the area ± 1.96 standard errors
of DeLong, DeLong & Clarke-Pearson 1988 (with clusters of Obuchowski 1997), which may leave [0, 1] or be empty; and
method 5 of Newcombe 2006, "Confidence Intervals for an Effect Size Measure Based on the Mann-Whitney Statistic. Part
2", which takes the variance from the area and both counts alone and knows no clusters.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from pyscore.metrics.auroc import auroc
from pyscore.metrics.core.intervals import z_quantile
from pyscore.metrics.core.report import Estimate
from tools.simulation import SIDES, Floats, ends_of, measured

__all__ = ["SHARES", "SHORT", "cells", "newcombe_2006"]

SEED = 20_261_104
COUNTS = [(5, 5), (5, 295), (15, 15), (15, 285), (50, 50), (500, 500)]
AREAS = (0.6, 0.8, 0.95, 0.99)
SPREADS = (1.0, 3.0, 1 / 3)
SHARES = (*SIDES, "DeLong", "Newcombe 2006")
SHORT = """
The interval covers more than it claims where there are few positives or the area is near 1: DeLong's variance then
rests on a few pairs in the wrong order, and the effective size is held at that of a score worth nothing. Newcombe's,
which is narrower, falls short where the spreads differ and with clusters.
"""


def newcombe_2006(areas: Floats, m: int, n: int, confidence: float = 0.95) -> Floats:
    """``[2, R]``: the areas θ with |A - θ| = z √(θ(1 - θ) (1 + (N - 1)((1 - θ)/(2 - θ) + θ/(1 + θ))) / mn).

    N = (m + n)/2, for both sample sizes (his N* in both terms), which is Hanley & McNeil's variance made symmetric.
    """
    z, half = z_quantile(confidence), (m + n) / 2 - 1

    def beyond(theta: Floats) -> Floats:
        variance = theta * (1 - theta) * (1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / (m * n)
        return np.asarray((areas - theta) ** 2 - z * z * variance)

    found = []
    for far in (0.0, 1.0):
        inner, outer = areas.copy(), np.full_like(areas, far)
        for _ in range(60):
            middle = (inner + outer) / 2
            outside = beyond(middle) > 0
            inner, outer = np.where(outside, inner, middle), np.where(outside, middle, outer)
        found.append((inner + outer) / 2)
    return np.stack(found)


def cells(replicates: int) -> list[dict[str, Any]]:
    """Independent questions by counts, area and spread; clusters by their number, area and likeness."""
    every = enumerate(product(COUNTS, AREAS, SPREADS))
    rows = [_independent(*counts, area, spread, replicates, (SEED, i)) for i, (counts, area, spread) in every]
    shapes = enumerate(product((10, 30, 100), (0.6, 0.8, 0.95), (0.0, 0.3, 0.9)))
    return rows + [_clustered(*shape, replicates, (SEED, 1000, i)) for i, shape in shapes]


def _shift(area: float, spread: float) -> float:
    """How far positives lie above negatives: A = Φ(shift / √(1 + spread²))."""
    from scipy.special import ndtri

    return float(ndtri(area)) * float(np.sqrt(1 + spread**2))


def _independent(m: int, n: int, area: float, spread: float, replicates: int, seed: tuple[int, ...]) -> dict[str, Any]:
    rng, positive = np.random.default_rng(seed), np.arange(m + n) < m
    scores = rng.normal(size=(replicates, m + n))
    scores[:, :m] = _shift(area, spread) + spread * scores[:, :m]
    row = {"table": "independent", "positives": m, "negatives": n, "area": area, "spread": round(spread, 2)}
    return row | _of([auroc(each, positive) for each in scores], area, (m, n))


def _clustered(clusters: int, area: float, icc: float, replicates: int, seed: tuple[int, ...]) -> dict[str, Any]:
    """Clusters of 2 positives and 3 negatives, whose scores have a normal part in common of variance icc."""
    rng, codes = np.random.default_rng(seed), np.repeat(np.arange(clusters), 5)
    positive = np.arange(5 * clusters) % 5 < 2
    shared = rng.normal(size=(replicates, clusters)).repeat(5, axis=1)
    scores = np.sqrt(icc) * shared + np.sqrt(1 - icc) * rng.normal(size=(replicates, 5 * clusters))
    scores[:, positive] += _shift(area, 1.0)
    row = {"table": "clusters of 5", "clusters": clusters, "area": area, "icc": icc}
    counts = int(positive.sum()), int((~positive).sum())
    return row | _of([auroc(each, positive, clusters=codes) for each in scores], area, counts)


def _of(estimates: list[Estimate], area: float, counts: tuple[int, int]) -> dict[str, Any]:
    values = np.array([each.value for each in estimates])
    half = z_quantile(0.95) * np.array([each.stderr for each in estimates])
    row = measured(ends_of(estimates), area) | measured(np.stack([values - half, values + half]), area, "DeLong")
    return row | measured(newcombe_2006(values, *counts), area, "Newcombe 2006")
