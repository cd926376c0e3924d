"""Clusters of unlike sizes, and weights: means, rates, paired differences and ratios.

Sizes (`cluster_sizes` of tools/simulation.py): "equal" 10 each; "Zipf" 2C/k; "Pareto" of shape 1.5 from 2 on; "one
dominant" 10C in one cluster and 5 in each other; "one weight": 20 questions of the weights 1e9 and 19 times 1. Each
question repeats its cluster's draw with probability √icc. Effective is Kish's number of clusters. Beside the interval:
"t(C - 1)", that of Miller 2024 with C/(C - 1), right for clusters of equal weight; "CR2", that of Bell & McCaffrey 2002
with Satterthwaite's degrees of freedom. Where no interval is printed, it is not counted in ``covered``: ``none`` is the
share of such samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from pyscore.metrics.core.design import Design, read_design
from pyscore.metrics.core.means import estimate_ratio
from pyscore.metrics.core.scales import NONNEGATIVE, RATE, RATE_DIFFERENCE, REAL, SHARE, SHARE_DIFFERENCE, Scale
from tools.simulation import (
    SIDES,
    Floats,
    bell_mccaffrey_ends,
    chunks,
    cluster_sizes,
    copies,
    ends,
    ends_of,
    measured,
    t_ends,
)

__all__ = ["QUANTITIES", "SHARES", "SHORT", "Quantity", "cells", "designs"]

SEED = 20_261_102
ICCS = (0.0, 0.3, 1.0)
SHARES = (*SIDES, "t(C - 1)", "CR2")
PEERS = {"t(C - 1)": t_ends, "CR2": bell_mccaffrey_ends}
SHORT = """
Exponential values, and skewed differences: as for means of as few values without clusters, no interval can know of
large values that the sample hasn't seen. A rate: where the large clusters happen to show few events, the rate and its
estimated variance are both too small; ten clusters, or 10 to 26 effective ones, say little about a variance. One
dominant cluster: leaving it out changes the mean most, and the variance counts that in full, divided by the small share
of the weight that is left, so that the interval is several times as wide as with CR2, and covers nearly always. One
weight: a single question holds all of the weight, and no interval is printed.
"""


@dataclass(frozen=True)
class Quantity:
    """What is estimated: draws of single questions, and the truth."""

    name: str
    draw: Callable[[np.random.Generator, tuple[int, int]], Floats]
    truth: float
    scale: Scale

    @property
    def is_ratio(self) -> bool:
        return self.name.startswith("ratio")


def _difference_of_means(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """a ~ Beta(2, 1), and b is a in half of the questions, else uniform: E(a - b) = (2/3 - 1/2)/2."""
    a = rng.beta(2, 1, shape)
    return a - np.where(rng.random(shape) < 0.5, a, rng.random(shape))


def _difference_of_rates(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """15 % of questions only the first gets, 5 % only the second."""
    u = rng.random(shape)
    return np.asarray((u < 0.15) * 1.0 - (u > 0.95))


def _ratio(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Lengths from a gamma distribution, and nats: a gamma of mean 1/2 for each unit of length. [2, n, R]"""
    length = rng.gamma(2, 50, shape)
    return np.stack([length * rng.gamma(4, 1 / 8, shape), length])


QUANTITIES = [
    Quantity("mean in [0, 1], Beta(0.5, 1)", lambda rng, shape: rng.beta(0.5, 1, shape), 1 / 3, SHARE),
    Quantity("mean, normal", lambda rng, shape: rng.normal(size=shape), 0.0, REAL),
    Quantity("mean, exponential", lambda rng, shape: rng.exponential(size=shape), 1.0, REAL),
    Quantity("rate 0.2", lambda rng, shape: (rng.random(shape) < 0.2).astype(np.float64), 0.2, RATE),
    Quantity("paired difference of means", _difference_of_means, 1 / 12, SHARE_DIFFERENCE),
    Quantity("paired difference of rates, 0.15 - 0.05", _difference_of_rates, 0.1, RATE_DIFFERENCE),
    Quantity("ratio, nats a unit of length", _ratio, 0.5, NONNEGATIVE),
]


def designs() -> list[tuple[str, list[int], Floats | None]]:
    """Name, sizes of the clusters, and the weights of the questions or None."""
    shapes = [*product(("equal", "Zipf", "Pareto"), (10, 30, 100, 300)), *product(["one dominant"], (10, 50, 300))]
    sizes = [(name, cluster_sizes(name, clusters)) for name, clusters in shapes]
    return [*((name, each, None) for name, each in sizes), ("one weight", [1] * 20, np.array([1e9] + [1.0] * 19))]


def cells(replicates: int) -> list[dict[str, Any]]:
    """Every quantity on every design with every icc; weights only where clusters are single questions."""
    every = enumerate(product(QUANTITIES, designs(), ICCS))
    return [
        _cell(quantity, design, icc, replicates, (SEED, i))
        for i, (quantity, design, icc) in every
        if design[2] is None or not (icc or quantity.is_ratio)
    ]


def _cell(
    quantity: Quantity,
    shape: tuple[str, list[int], Floats | None],
    icc: float,
    replicates: int,
    seed: tuple[int, ...],
) -> dict[str, Any]:
    name, sizes, weights = shape
    rng, codes = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    design = read_design(len(codes), codes, weights)
    found: dict[str, list[Floats]] = {name: [] for name in ("", *(() if quantity.is_ratio else PEERS))}
    for size in chunks(replicates, len(codes)):
        values = copies(rng, quantity.draw, codes, icc, size)
        if quantity.is_ratio:
            found[""].append(_ratio_ends(values, design))
            continue
        found[""].append(ends(values, quantity.scale, design))
        for peer, interval in PEERS.items():
            found[peer].append(interval(values, design))
    row: dict[str, Any] = {"table": quantity.name, "clusters": name, "C": len(sizes), "n": len(codes)}
    row |= {"effective": design.sample.effective, "icc": icc}
    for each, parts in found.items():
        row |= measured(np.concatenate(parts, axis=1), quantity.truth, each)
    return row


def _ratio_ends(values: Floats, design: Design) -> Floats:
    """Each sample has weights, and so a design, of its own: `estimate_ratio` is called for each."""
    top, bottom = values
    each = zip(top.T, bottom.T, strict=True)
    return ends_of([estimate_ratio(a, b, clusters=design.codes, scale=NONNEGATIVE) for a, b in each])
