"""Means: of values in [0, 1] and of values without bounds, independent questions.

"Brier, 3 % wrong" is (1 - p)² of a model that is confident and wrong about 3 % of questions: B² where it is right and
(1 - B)² where it is wrong, with B ~ Beta(1, 30). Beside the interval: Student's t, and for n up to 1000 the bound of
Gaffke 2005 ("Three Test Statistics for a Nonparametric One-Sided Hypothesis on the Mean of a Nonnegative Variable";
Learned-Miller & Thomas 2019, "A New Confidence Interval for the Mean of a Bounded Random Variable"), from 10,000 draws
of the simplex, above n = 100 on the first 200 samples: the narrowest published bound that no distribution in [0, 1] is
known to break.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from pyscore.metrics.core.design import read_design
from pyscore.metrics.core.scales import REAL, SHARE, Scale
from tools.simulation import SIDES, Draw, Floats, chunks, ends, measured, t_ends

__all__ = ["DISTRIBUTIONS", "SHARES", "SHORT", "SIZES", "Distribution", "cells", "gaffke_ends"]

SEED = 20_261_101
SIZES = (10, 30, 100, 300, 1000, 3000)
DRAWS = 10_000  # of the simplex
GAFFKE = {10: 10**9, 30: 10**9, 100: 10**9, 300: 200, 1000: 200}  # how many samples of n questions he is asked about
SHARES = (*SIDES, "t", "gaffke")
SHORT = """
Skewed values without bounds fall short where they are few, with the whole interval below the mean: it rests on large
values that a small sample hasn't seen, and no interval of finite width can know of them (Bahadur & Savage 1956, "The
Nonexistence of Certain Statistical Procedures in Nonparametric Problems"). In [0, 1] the interval must allow for what
is missing from the sample, and is wider than it need be for values that are never near the ends.
"""


@dataclass(frozen=True)
class Distribution:
    """Values of questions and their true mean."""

    name: str
    draw: Draw
    mean: float
    scale: Scale = SHARE


def _beta(a: float, b: float) -> Distribution:
    return Distribution(f"Beta({a:g}, {b:g})", lambda rng, shape: rng.beta(a, b, shape), a / (a + b))


def _brier(wrong: float) -> Distribution:
    """Squared errors of a model whose doubt about its answer is Beta(1, 30), whether it is right or wrong."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
        doubt = rng.beta(1, 30, shape)
        return np.where(rng.random(shape) < wrong, 1 - doubt, doubt) ** 2

    # E B² = 2/(31 · 32), and E (1 - B)² = 30/32.
    return Distribution(f"Brier, {100 * wrong:g} % wrong", draw, (1 - wrong) * 2 / 992 + wrong * 30 / 32)


DISTRIBUTIONS = [
    _beta(0.05, 0.5),
    _beta(0.5, 0.05),
    _beta(1, 1),
    _beta(5, 5),
    _beta(50, 50),
    _brier(0.03),
    _brier(0.003),
    Distribution("normal", lambda rng, shape: rng.normal(size=shape), 0.0, REAL),
    Distribution("exponential", lambda rng, shape: rng.exponential(size=shape), 1.0, REAL),
    Distribution("lognormal(0, 1)", lambda rng, shape: rng.lognormal(size=shape), float(np.exp(0.5)), REAL),
]


def gaffke_ends(values: Floats, confidence: float = 0.95) -> Floats:
    """``[2, R]``: Gaffke's bounds on both sides, each at half of 1 - confidence.

    The upper one is the quantile of Σ D_i z_(i), D uniform on the simplex, z the sorted values and 1; the lower one
    mirrors it.
    """
    n = len(values)
    weights = np.random.default_rng(SEED).dirichlet(np.ones(n + 1), DRAWS)
    tail = (1 - confidence) / 2

    def upper(z: Floats) -> Floats:
        parts = np.array_split(np.concatenate([z, np.ones((1, z.shape[1]))]), max(1, z.shape[1] // 250), axis=1)
        return np.concatenate([np.quantile(weights @ part, 1 - tail, axis=0) for part in parts])

    return np.stack([1 - upper(1 - values), upper(values)])


def cells(replicates: int) -> list[dict[str, Any]]:
    """Every distribution with every n."""
    return [
        _cell(distribution, n, replicates, (SEED, i))
        for i, (distribution, n) in enumerate(product(DISTRIBUTIONS, SIZES))
    ]


def _cell(distribution: Distribution, n: int, replicates: int, seed: tuple[int, ...]) -> dict[str, Any]:
    design, scale = read_design(n), distribution.scale
    found: dict[str, list[Floats]] = {"": [], "t": [], "gaffke": []}
    left = GAFFKE.get(n, 0) if scale == SHARE else 0
    for values in _samples(distribution, n, replicates, seed):
        found[""].append(ends(values, scale, design))
        found["t"].append(t_ends(values, design))
        if left > 0:
            found["gaffke"].append(gaffke_ends(values[:, :left]))
            left -= values.shape[1]
    shown = {name: np.concatenate(parts, axis=1) for name, parts in found.items() if parts}
    row: dict[str, Any] = {"table": "values in [0, 1]" if scale == SHARE else "values without bounds"}
    row |= {"values": distribution.name, "n": n}
    for name, each in shown.items():
        row |= measured(each, distribution.mean, name)
    return row


def _samples(distribution: Distribution, n: int, replicates: int, seed: tuple[int, ...]) -> Iterator[Floats]:
    rng = np.random.default_rng(seed)
    for size in chunks(replicates, n):
        yield distribution.draw(rng, (n, size))
