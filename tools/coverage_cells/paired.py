"""Paired 0/1 outcomes: the difference of two rates on the same questions.

"discordant" is the share of questions that only one of the two gets, "difference" the true difference. Up to n = 100
every sample is enumerated and the coverage exact; above, and with clusters, it is simulated. Beside the interval:
Student's t; Bonett & Price 2012, "Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on
Paired Data"; and method 10 of Newcombe 1998, "Improved Confidence Intervals for the Difference between Binomial
Proportions Based on Paired Data", where half of the concordant questions are right for both. "disagree" is the share of
samples whose two-sided p-value and interval contradict each other about a difference of 0, over at most 100 samples
where there are clusters.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.design import Design, read_design
from pyscore.metrics.core.intervals import z_quantile
from pyscore.metrics.core.mean_intervals import means_of
from pyscore.metrics.core.scales import RATE_DIFFERENCE
from tools.simulation import SIDES, Floats, chunks, cluster_sizes, copies, ends, measured, scores_of, t_ends

__all__ = ["SHARES", "SHORT", "bonett_price", "cells", "newcombe_paired"]

Counts = NDArray[np.int64]

SEED = 20_261_103
SIZES = (10, 30, 100, 300, 1000, 3000)
EXACT = 100
TESTED = 100  # samples of a clustered cell whose p-value is computed, which takes milliseconds each
DISCORDANT = (0.02, 0.1, 0.3, 0.6, 0.9)
DIFFERENCES = (0.0, 0.5, 0.9)  # as shares of the discordance
CLUSTERS = [("equal", 10), ("equal", 30), ("equal", 100), ("Zipf", 30), ("Zipf", 100), ("Pareto", 100)]
SHARES = (*SIDES, "t", "Bonett-Price", "Newcombe", "disagree")
SHORT = """
Where few questions are discordant every interval covers more: counts are whole numbers, and 0 of n discordant questions
must leave room for what n questions can miss.
"""


def bonett_price(counts: Counts, n: int, confidence: float = 0.95) -> Floats:
    """``[2, R]``: Wald's interval of counts ``[2, R]`` with one question more for each side: (b + 1)/(n + 2)."""
    wins, losses = (counts + 1) / (n + 2)
    half = z_quantile(confidence) * np.sqrt((wins + losses - (wins - losses) ** 2) / (n + 2))
    return np.asarray(np.clip([wins - losses - half, wins - losses + half], -1, 1))


def newcombe_paired(counts: Counts, both: Counts, n: int, confidence: float = 0.95) -> Floats:
    """``[2, R]``: Newcombe's method 10, from Wilson's intervals of both rates and their correlation φ.

    ``both [R]`` is how many questions both get. φ has a continuity correction of n/2 where it is positive.
    """
    wins, losses = counts
    neither = n - wins - losses - both
    first, second = (both + wins) / n, (both + losses) / n
    product_ = first * (1 - first) * second * (1 - second) * n**4
    excess = both * neither - wins * losses
    excess = np.where(excess > 0, np.maximum(excess - n / 2, 0), excess)
    phi = np.divide(excess, np.sqrt(product_), out=np.zeros(len(both)), where=product_ > 0)
    (low1, high1), (low2, high2) = (_wilson(p, n, z_quantile(confidence)) for p in (first, second))

    def distance(a: Floats, b: Floats) -> Floats:
        return np.asarray(np.sqrt(np.maximum(a**2 - 2 * phi * a * b + b**2, 0)))

    below, above = distance(first - low1, high2 - second), distance(second - low2, high1 - first)
    return np.stack([first - second - below, first - second + above])


def _wilson(p: Floats, n: int, z: float) -> Floats:
    centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.stack([centre - half, centre + half]) / (1 + z * z / n)


def cells(replicates: int) -> list[dict[str, Any]]:
    """Independent questions by counts, and clustered ones."""
    rows: list[dict[str, Any]] = []
    for i, n in enumerate(SIZES):
        every = _every_count(n) if n <= EXACT else None
        known = None if every is None else _intervals(every, n)
        for j, (discordant, share) in enumerate(product(DISCORDANT, DIFFERENCES)):
            row = {"table": "independent", "n": n, "discordant": discordant, "difference": share * discordant}
            chances = [discordant * (1 + share) / 2, discordant * (1 - share) / 2, 1 - discordant]
            if every is not None and known is not None:
                rows.append(row | {"samples": 0} | _of_counts(known, chances, _chances(every, n, chances)))
                continue
            drawn = np.random.default_rng((SEED, i, j)).multinomial(n, chances, replicates).T[:2]
            counts, times = np.unique(drawn, axis=1, return_counts=True)
            rows.append(row | _of_counts(_intervals(counts, n), chances, times / replicates))
    shapes = product(CLUSTERS, (0.1, 0.3), DIFFERENCES[:2], (0.0, 0.3, 1.0))
    for i, (shape, discordant, share, icc) in enumerate(shapes):
        rows.append(_clustered(shape, discordant, share, icc, replicates, (SEED, len(SIZES), i)))
    return rows


def _every_count(n: int) -> Counts:
    wins, losses = np.mgrid[: n + 1, : n + 1].reshape(2, -1)
    return np.stack([wins, losses])[:, wins + losses <= n]


def _chances(counts: Counts, n: int, chances: list[float]) -> Floats:
    from scipy.stats import multinomial

    every = np.concatenate([counts, [n - counts.sum(axis=0)]]).T
    return np.asarray(multinomial.pmf(every, n, chances))


def _intervals(counts: Counts, n: int) -> dict[str, Floats]:
    """Each interval ``[2, R]`` of samples with these counts, and as "p" the p-values ``[R]``."""
    design = read_design(n)
    found: dict[str, list[Floats]] = {"": [], "t": [], "p": []}
    for part in np.array_split(counts, len(counts[0]) * n // 2_500_000 + 1, axis=1):
        values = scores_of(part, n)
        found[""].append(ends(values, RATE_DIFFERENCE, design))
        found["t"].append(t_ends(values, design))
        found["p"].append(_p_values(values, design))
    both = (n - counts.sum(axis=0)) // 2
    known = {name: np.concatenate(parts, axis=-1) for name, parts in found.items()}
    return known | {"Bonett-Price": bonett_price(counts, n), "Newcombe": newcombe_paired(counts, both, n)}


def _p_values(values: Floats, design: Design) -> Floats:
    means = means_of(values, [RATE_DIFFERENCE] * values.shape[1], design)
    return np.array([mean.p_value() for mean in means])


def _of_counts(known: dict[str, Floats], chances: list[float], of_samples: Floats) -> dict[str, Any]:
    truth = chances[0] - chances[1]
    row: dict[str, Any] = {}
    for name in ("", "t", "Bonett-Price", "Newcombe"):
        row |= measured(known[name], truth, name, of_samples)
    return row | {"disagree": float(of_samples @ _disagree(known[""], known["p"]))}


def _disagree(found: Floats, p_values: Floats) -> NDArray[np.bool_]:
    """Where one of the interval and the p-value speaks against a difference of 0 and the other doesn't."""
    low, high = found
    return np.asarray(((low > 0) | (high < 0)) != (p_values < 0.05))


def _clustered(
    shape: tuple[str, int],
    discordant: float,
    share: float,
    icc: float,
    replicates: int,
    seed: tuple[int, ...],
) -> dict[str, Any]:
    sizes = cluster_sizes(*shape)
    rng, codes = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    design, wins = read_design(len(codes), codes), discordant * (1 + share) / 2

    def draw(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
        u = rng.random(size)
        return np.asarray((u < wins) * 1.0 - (u > 1 - (discordant - wins)))

    found: dict[str, list[Floats]] = {"": [], "t": []}
    p_values = None
    for samples in chunks(replicates, len(codes)):
        values = copies(rng, draw, codes, icc, samples)
        found[""].append(ends(values, RATE_DIFFERENCE, design))
        found["t"].append(ends(values, RATE_DIFFERENCE, design, "t"))
        p_values = _p_values(values[:, :TESTED], design) if p_values is None else p_values
    row: dict[str, Any] = {"table": "clusters", "clusters": shape[0], "C": len(sizes), "n": len(codes), "icc": icc}
    row |= {"discordant": discordant, "difference": share * discordant}
    for name, parts in found.items():
        row |= measured(np.concatenate(parts, axis=1), share * discordant, name)
    return row | {"disagree": float(_disagree(found[""][0][:, : len(p_values)], p_values).mean())}
