"""Equivalence and non-inferiority: how often the tests err at the margin, and what they find.

"false" is the share of samples that "not lower" is said of although the true difference is exactly -margin, the worst
case: at most 5 %. "both" is that of "equivalent" there. "power" and "power, both" are the shares of the two verdicts
where the true difference is 0. Paired outcomes are enumerated up to n = 100, all else is simulated; the verdicts are
read off the interval of 90 %, as `equivalence` does.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.design import read_design
from pyscore.metrics.core.independent import IndependentMeans
from pyscore.metrics.core.mean_intervals import Mean, means_of
from pyscore.metrics.core.scales import RATE, RATE_DIFFERENCE, SHARE_DIFFERENCE
from tools.simulation import Floats, chunks, cluster_sizes, copies, scores_of

__all__ = ["SHARES", "SHORT", "cells"]

SEED = 20_261_106
ALPHA = 0.05
MORE = 5  # times as many samples as of an interval: a test at 5 % has no room between its level and its bound
SHARES = ("both", "power", "power, both")
SHORT = """
Counts are whole numbers: at one margin and one n the size of a test jumps around its level.
"""


def cells(replicates: int) -> list[dict[str, Any]]:
    """Paired rates, unpaired rates, and paired means with and without clusters."""
    replicates, rows = MORE * replicates, []
    sizes = product((30, 100, 300, 1000, 3000), ((0.1, 0.05), (0.1, 0.02), (0.3, 0.1), (0.3, 0.05)))
    for i, (n, (discordant, margin)) in enumerate(sizes):
        row = {"table": "paired rates", "n": n, "discordant": discordant, "margin": margin}
        rows.append(row | _paired_rates(n, discordant, margin, replicates, (SEED, 0, i)))
    for i, (n, rate, margin) in enumerate(product((30, 100, 300, 1000, 3000), (0.5, 0.9), (0.05, 0.1))):
        row = {"table": "unpaired rates", "n of each": n, "rate": rate, "margin": margin}
        rows.append(row | _unpaired_rates(n, rate, margin, replicates, (SEED, 1, i)))
    shapes = [("equal", 1), ("equal", 10), ("equal", 30), ("equal", 100), ("Zipf", 30), ("Zipf", 100)]
    for i, (shape, icc) in enumerate(product(shapes, (0.0, 0.3))):
        row = {"table": "paired means, margin 0.05", "clusters": shape[0], "C": shape[1], "icc": icc}
        rows.append(row | _paired_means(shape, icc, replicates, (SEED, 2, i)))
    return rows


def _paired_rates(n: int, discordant: float, margin: float, replicates: int, seed: tuple[int, ...]) -> dict[str, Any]:
    from scipy.stats import multinomial

    rng, design, shares = np.random.default_rng(seed), read_design(n), []
    for truth in (-margin, 0.0):
        chances = [(discordant + truth) / 2, (discordant - truth) / 2, 1 - discordant]
        if n <= 100:
            wins, losses = np.mgrid[: n + 1, : n + 1].reshape(2, -1)
            counts = np.stack([wins, losses, n - wins - losses])[:, wins + losses <= n]
            likely = np.asarray(multinomial.pmf(counts.T, n, chances))
            counts, likely = counts[:2, likely > 1e-9], likely[likely > 1e-9]
        else:
            drawn = rng.multinomial(n, chances, replicates).T[:2]
            counts, times = np.unique(drawn, axis=1, return_counts=True)
            likely = times / replicates
        means: list[Mean] = []
        for part in np.array_split(counts, len(likely) * n // 2_500_000 + 1, axis=1):
            means += means_of(scores_of(part, n), [RATE_DIFFERENCE] * part.shape[1], design)
        shares += [float(likely @ verdict) for verdict in _verdicts(means, margin)]
    return _row(shares, 0 if n <= 100 else replicates)


def _unpaired_rates(n: int, rate: float, margin: float, replicates: int, seed: tuple[int, ...]) -> dict[str, Any]:
    rng, design, shares = np.random.default_rng(seed), read_design(n), []
    for truth in (-margin, 0.0):
        counts = np.stack([rng.binomial(n, p, replicates) for p in (rate + truth, rate)])
        different, where = np.unique(counts, return_inverse=True)
        means = means_of(scores_of([different], n), [RATE] * len(different), design)
        a, b = ([means[i] for i in row] for row in where.reshape(counts.shape))
        pairs = [IndependentMeans(*each) for each in zip(a, b, strict=True)]
        shares += [float(verdict.mean()) for verdict in _verdicts(pairs, margin)]
    return _row(shares, replicates)


def _paired_means(shape: tuple[str, int], icc: float, replicates: int, seed: tuple[int, ...]) -> dict[str, Any]:
    """Differences of two values in [0, 1]: half of them 0, the others triangular around 0, all moved by the truth."""
    sizes = [1] * 100 if shape[1] == 1 else cluster_sizes(*shape)
    rng, codes = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    design, margin, shares = read_design(len(codes), codes), 0.05, []

    def draw(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
        return np.asarray((rng.random(size) < 0.5) * 0.9 * (rng.random(size) - rng.random(size)))

    for truth in (-margin, 0.0):
        found: list[NDArray[np.bool_]] = []
        for samples in chunks(replicates, len(codes)):
            values = copies(rng, draw, codes, icc, samples) + truth
            found.append(_verdicts(means_of(values, [SHARE_DIFFERENCE] * samples, design), margin))
        shares += [float(verdict.mean()) for verdict in np.concatenate(found, axis=1)]
    return {"n": len(codes)} | _row(shares, replicates)


def _verdicts(means: list[Mean] | list[IndependentMeans], margin: float) -> NDArray[np.bool_]:
    """``[2, R]``: "not lower", and "equivalent"."""
    ends = [(np.nan, np.nan) if mean.reason() else mean.bounds(1 - 2 * ALPHA) for mean in means]
    low, high = np.array(ends).T
    return np.stack([low > -margin, (low > -margin) & (high < margin)])


def _row(shares: list[float], samples: int) -> dict[str, Any]:
    false, false_both, power, power_both = shares
    return {"samples": samples, "false": false, "both": false_both, "power": power, "power, both": power_both}
