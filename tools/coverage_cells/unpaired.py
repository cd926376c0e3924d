"""Unpaired differences: rates and means over two independent sets of questions.

Rates are Newcombe's (method 10 of "Interval Estimation for the Difference between Independent Proportions", 1998), and
exact, a sum over all pairs of counts, up to 10,000 pairs; means in [0, 1] are joined in the same way from their own two
intervals; other means are Welch's. Beside them, for rates Agresti & Caffo 2000, "Simple and Effective Confidence
Intervals for Proportions and Differences of Proportions Result from Adding Two Successes and Two Failures", for means
Welch's. "disagree" is the share of samples whose two-sided p-value and interval contradict each other about 0.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.design import Design, read_design
from pyscore.metrics.core.independent import IndependentMeans
from pyscore.metrics.core.intervals import z_quantile
from pyscore.metrics.core.mean_intervals import Mean, means_of
from pyscore.metrics.core.scales import RATE, REAL, Scale
from tools.coverage_cells.means import DISTRIBUTIONS, Distribution
from tools.simulation import SIDES, Floats, chunks, cluster_sizes, copies, measured, scores_of

__all__ = ["SHARES", "SHORT", "agresti_caffo", "cells", "difference_ends"]

SEED = 20_261_105
EXACT = 10_300  # pairs of counts
TESTED = 400  # samples whose p-value is computed, by inverting the interval, which takes a millisecond each
SIZES = [(10, 10), (10, 100), (30, 30), (30, 300), (100, 100), (300, 300), (1000, 100), (3000, 3000)]
RATES = [(0.02, 0.02), (0.05, 0.2), (0.5, 0.5), (0.5, 0.7), (0.8, 0.98)]
SHARES = (*SIDES, "Agresti-Caffo", "Welch", "disagree")
SHORT = """
Means without bounds: the exponential values of a small side, whose mean rests on large values that aren't in it.
"""


def agresti_caffo(counts: NDArray[np.int64], sizes: tuple[int, int], confidence: float = 0.95) -> Floats:
    """``[2, R]``: Wald's interval of counts ``[2, R]`` with one success and one failure more on each side."""
    n, m = (size + 2 for size in sizes)
    p, q = (counts[0] + 1) / n, (counts[1] + 1) / m
    half = z_quantile(confidence) * np.sqrt(p * (1 - p) / n + q * (1 - q) / m)
    return np.stack([p - q - half, p - q + half])


def difference_ends(pairs: list[IndependentMeans], confidence: float = 0.95) -> Floats:
    """``[2, R]``: their intervals, NaN where there is none."""
    return np.array([(np.nan, np.nan) if each.reason() else each.bounds(confidence) for each in pairs]).T


def cells(replicates: int) -> list[dict[str, Any]]:
    """Rates, means, and clusters of both."""
    rows = [_rates(sizes, rates, replicates, (SEED, 0, i)) for i, (sizes, rates) in enumerate(product(SIZES, RATES))]
    named = {each.name: each for each in DISTRIBUTIONS}
    wider = Distribution("3 x normal", lambda rng, shape: rng.normal(0.0, 3.0, shape), 0.0, REAL)
    kinds = [
        (named["Beta(1, 1)"], named["Beta(5, 5)"]),
        (named["Beta(0.05, 0.5)"], named["Beta(0.05, 0.5)"]),
        (named["Brier, 3 % wrong"], named["Brier, 0.3 % wrong"]),
        (named["normal"], wider),
        (wider, named["normal"]),
        (named["exponential"], named["exponential"]),
    ]
    for i, ((a, b), sizes) in enumerate(product(kinds, SIZES[:5] + SIZES[6:7])):
        designs = read_design(sizes[0]), read_design(sizes[1])
        row = {"table": "means", "a": a.name, "b": b.name, "n_a": sizes[0], "n_b": sizes[1]}
        rows.append(row | _means((a, b), designs, 0.0, replicates, (SEED, 1, i)))
    rate_a, rate_b = _rate(0.2), _rate(0.4)
    kinds = [(rate_a, rate_b), (named["Beta(1, 1)"], named["Beta(5, 5)"]), (named["normal"], wider)]
    shapes = [("equal", 10), ("equal", 30), ("equal", 100), ("Zipf", 30), ("Zipf", 100)]
    for i, ((a, b), shape, icc) in enumerate(product(kinds, shapes, (0.0, 0.3, 1.0))):
        codes = np.repeat(np.arange(shape[1]), cluster_sizes(*shape))
        design = read_design(len(codes), codes)
        row = {"table": "clusters", "a": a.name, "b": b.name, "clusters": shape[0], "C": shape[1], "icc": icc}
        rows.append(row | _means((a, b), (design, design), icc, replicates, (SEED, 2, i)))
    return rows


def _rate(rate: float) -> Distribution:
    return Distribution(f"rate {rate:g}", lambda rng, shape: (rng.random(shape) < rate).astype(np.float64), rate, RATE)


def _rates(
    sizes: tuple[int, int], rates: tuple[float, float], replicates: int, seed: tuple[int, ...]
) -> dict[str, Any]:
    from scipy.stats import binom

    row: dict[str, Any] = {"table": "rates", "n_a": sizes[0], "n_b": sizes[1], "rate_a": rates[0], "rate_b": rates[1]}
    if (sizes[0] + 1) * (sizes[1] + 1) <= EXACT:
        counts = np.mgrid[: sizes[0] + 1, : sizes[1] + 1].reshape(2, -1)
        chances = np.asarray(binom.pmf(counts[0], sizes[0], rates[0]) * binom.pmf(counts[1], sizes[1], rates[1]))
        likely = chances > 1e-7  # Below 0.1 % of the probability is left out by that.
        counts, chances, row["samples"] = counts[:, likely], chances[likely] / chances[likely].sum(), 0
    else:
        rng = np.random.default_rng(seed)
        drawn = np.stack([rng.binomial(n, p, replicates) for n, p in zip(sizes, rates, strict=True)])
        counts, times = np.unique(drawn, axis=1, return_counts=True)
        chances = times / replicates
    pairs = [IndependentMeans(*each) for each in zip(*map(_of_counts, counts, sizes), strict=True)]
    found, truth = difference_ends(pairs), rates[0] - rates[1]
    row |= measured(found, truth, "", chances)
    row |= measured(agresti_caffo(counts, sizes), truth, "Agresti-Caffo", chances)
    return row | {"disagree": _disagreement(pairs, found, chances)}


def _of_counts(counts: NDArray[np.int64], n: int) -> list[Mean]:
    """The rate of each sample; samples with the same count share one."""
    different, where = np.unique(counts, return_inverse=True)
    design, means = read_design(n), []
    for part in np.array_split(different, len(different) * n // 2_500_000 + 1):
        means += means_of(scores_of([part], n), [RATE] * len(part), design)
    return [means[i] for i in where]


def _disagreement(pairs: list[IndependentMeans], found: Floats, chances: Floats) -> float:
    """The share of the likeliest samples where p-value and interval contradict each other about 0."""
    likeliest = np.argsort(-chances, kind="stable")[:TESTED]
    p = np.array([pairs[i].p_value() for i in likeliest])
    low, high = found[:, likeliest]
    contradict = ((low > 0) | (high < 0)) != (p < 0.05)
    return float(chances[likeliest] @ contradict / chances[likeliest].sum())


def _means(
    sides: tuple[Distribution, Distribution],
    designs: tuple[Design, Design],
    icc: float,
    replicates: int,
    seed: tuple[int, ...],
) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    found: dict[str, list[Floats]] = {name: [] for name in ("", *(() if sides[0].scale == REAL else ("Welch",)))}
    disagree = None
    for samples in chunks(replicates, max(len(design.codes) for design in designs)):
        values = [
            copies(rng, side.draw, design.codes, icc, samples) for side, design in zip(sides, designs, strict=True)
        ]
        pairs = _pairs(values, sides[0].scale, designs)
        found[""].append(difference_ends(pairs))
        if "Welch" in found:
            found["Welch"].append(difference_ends(_pairs(values, REAL, designs)))
        if disagree is None:
            disagree = _disagreement(pairs, found[""][0], np.full(samples, 1 / samples))
    row: dict[str, Any] = {}
    for name, parts in found.items():
        row |= measured(np.concatenate(parts, axis=1), sides[0].mean - sides[1].mean, name)
    return row | {"disagree": disagree}


def _pairs(values: list[Floats], scale: Scale, designs: tuple[Design, Design]) -> list[IndependentMeans]:
    each = [means_of(v, [scale] * v.shape[1], design) for v, design in zip(values, designs, strict=True)]
    return [IndependentMeans(*pair) for pair in zip(*each, strict=True)]
