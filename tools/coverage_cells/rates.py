"""Rates: the default interval of a share of questions, independent and clustered.

The coverage at one rate jumps with the rate, because counts are whole numbers (Brown, Cai & DasGupta 2001, "Interval
Estimation for a Binomial Proportion"), so it is averaged over rates near 0.02, 0.5 and 0.98 (uniform on [0.01, 0.03],
[0.4, 0.6] and [0.97, 0.99]); the coverage at exactly these rates stands beside it. Independent questions: exact, a sum
over all counts. Clusters: simulated, with `estimate_columns`, which is what `estimate_rate` and `summarize` call.
"beta" draws each cluster's rate from a beta distribution with the given intra-cluster correlation (icc); "copies" lets
each question repeat its cluster's answer with probability √icc, so that at icc 1 a cluster is one repeated question.
Unequal clusters have 1, 1, 1, 1, 2, 2, 3, 4, 5 and 10 questions, over and over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.design import Design, read_design
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import estimate_columns
from pyscore.metrics.core.scales import RATE
from tools.coverage import markdown

__all__ = [
    "DESIGNS",
    "NEAR",
    "SEED",
    "SHARES",
    "SHORT",
    "Bounds",
    "Cell",
    "Clustering",
    "cells",
    "exact_cell",
    "interval_bounds",
    "normal_bounds",
    "simulated_cell",
    "without_clusters",
]

Floats = NDArray[np.float64]
Bounds = Callable[[Floats, Design], Floats]  # values [n, R] of R samples -> [2, R], the ends of their intervals

NEAR = {0.02: (0.01, 0.03), 0.5: (0.4, 0.6), 0.98: (0.97, 0.99)}
SEED = 20_260_101
AT_ONCE = 1_000  # samples held in memory
SHARES = ("at_rate", "below", "above", "t", "normal", "no clusters", "auto", "bootstrap", "bca")
SHORT = """
A rare event in few large clusters can't be covered by any interval of this kind: of 30 clusters of 100 whose questions
copy a shared answer at times, 0.6 are expected to share an event near 0.02. Where none does, what is left looks
independent, and the interval is that of 3,000 independent questions. With 5 clusters that each repeat one question, one
sample of ten has a cluster that shows the event, and then a rate of 0.2 at least. With 300 very unequal clusters the
rate rests on the few largest. The percentile bootstrap is too narrow for few units and empty at a rate of 0 or 1.
"""
_DEFAULT, _METHODS = "Default intervals", "All methods, 1,000 samples"
_UNEQUAL = (1, 1, 1, 1, 2, 2, 3, 4, 5, 10)

DESIGNS = {
    "30 = 10 x 3": [3] * 10,
    "30 = unequal": [*_UNEQUAL],
    "300 = 100 x 3": [3] * 100,
    "300 = unequal": [*_UNEQUAL] * 10,
    "3000 = 1000 x 3": [3] * 1000,
    "3000 = 300 x 10": [10] * 300,
    "3000 = unequal": [*_UNEQUAL] * 100,
}
LIMITS = {
    "30 = 5 x 6": [6] * 5,
    "300 = 10 x 30": [30] * 10,
    "3000 = 30 x 100": [100] * 30,
    "2598 = 300 of 3 to 166": [round(166 / k**0.7) for k in range(1, 301)],
}
"""Few large clusters, or very unequal ones, where a rare event is seen in one or two of them: beyond the claim."""


@dataclass(frozen=True)
class Clustering:
    """How answers of one cluster resemble each other."""

    kind: str
    icc: float

    def draw(self, rng: np.random.Generator, rates: Floats, codes: NDArray[np.int64]) -> Floats:
        """0/1 answers ``[n, R]`` of R samples with these true rates."""
        units, n = int(codes.max()) + 1, len(codes)
        if self.kind == "beta" and self.icc > 0:
            strength = (1 - self.icc) / self.icc
            cluster_rates = rng.beta(rates * strength, (1 - rates) * strength, (units, len(rates)))
            return (rng.random((n, len(rates))) < cluster_rates[codes]).astype(np.float64)
        own = rng.random((n, len(rates))) < rates
        if self.kind == "copies":
            shared = rng.random((units, len(rates))) < rates
            own = np.where(rng.random(own.shape) < np.sqrt(self.icc), shared[codes], own)
        return own.astype(np.float64)

    def __str__(self) -> str:
        return f"{self.kind}, icc {self.icc:g}"


CLUSTERINGS = [Clustering("beta", icc) for icc in (0.0, 0.1, 0.3, 0.6)] + [
    Clustering("copies", icc) for icc in (0.3, 1.0)
]


@dataclass(frozen=True)
class Cell:
    """One row of the table; shares of samples, 0 to 1.

    Attributes:
        covered: with rates drawn near ``rate``; at_rate: with exactly this rate.
        below, above: the whole interval lies below, or above, the true rate.
        width: of the interval, on average.
        methods: coverage by method on the same samples, that of ``covered`` first.
    """

    questions: str
    clustering: str
    rate: float
    covered: float
    at_rate: float
    below: float
    above: float
    width: float
    methods: dict[str, float]


def interval_bounds(method: str = "auto") -> Bounds:
    """The ends of the project's own intervals; where there are none (BCa of equal answers) they are NaN and miss."""
    interval = Interval(method=method)

    def bounds(values: Floats, design: Design) -> Floats:
        estimates = estimate_columns(values, [RATE] * values.shape[1], design, interval)
        return np.array([[e.low, e.high] for e in estimates]).T

    return bounds


def without_clusters(values: Floats, design: Design) -> Floats:
    """What happens if clusters are ignored."""
    return interval_bounds()(values, read_design(len(design.codes)))


def normal_bounds(values: Floats, design: Design) -> Floats:
    """The plain normal interval p ± 1.96 √(p(1-p)/n), which is too narrow near 0 and 1."""
    p = values.mean(axis=0)
    half = 1.959964 * np.sqrt(p * (1 - p) / len(values))
    return np.stack([p - half, p + half])


def exact_cell(n: int, rate: float, methods: dict[str, Bounds]) -> Cell:
    """Independent questions: the coverage summed over every count that n questions can give.

    The first of the methods is the one that the cell is about.
    """
    from scipy.stats import binom

    design, counts = read_design(n), np.arange(n + 1)
    rates = np.array([rate, *np.linspace(*NEAR[rate], 201)])
    chances = binom.pmf(counts[:, None], n, rates)

    def ends(bounds: Bounds) -> Floats:
        answers = ((np.arange(n)[:, None] < some) for some in np.array_split(counts, n // AT_ONCE + 1))
        return np.concatenate([bounds(values.astype(np.float64), design) for values in answers], axis=1)[..., None]

    found = {name: ends(bounds) for name, bounds in methods.items()}
    covered = {name: (chances * _hits(end, rates)).sum(axis=0) for name, end in found.items()}
    low, high = next(iter(found.values()))
    below, above = ((chances * side).sum(axis=0)[1:].mean() for side in (high < rates, low > rates))
    width = (chances * (high - low)).sum(axis=0)[1:].mean()
    shares = {name: float(share[1:].mean()) for name, share in covered.items()}
    first = next(iter(methods))
    at_rate = float(covered[first][0])
    return Cell(str(n), "independent", rate, shares[first], at_rate, float(below), float(above), float(width), shares)


def simulated_cell(
    questions: str,
    sizes: list[int],
    clustering: Clustering,
    rate: float,
    methods: dict[str, Bounds],
    *,
    replicates: int,
    seed: tuple[int, ...] = (SEED,),
) -> Cell:
    """Clustered questions: the coverage over simulated samples, each with a rate of its own near ``rate``.

    The first of the methods is the one that the cell is about.
    """
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    design = read_design(len(codes), codes)
    first = next(iter(methods.values()))
    found: list[Floats] = []
    for size in _chunks(replicates):
        rates = rng.uniform(*NEAR[rate], size)
        values = clustering.draw(rng, rates, codes)
        ends = [bounds(values, design) for bounds in methods.values()]
        low, high = ends[0]
        exactly = first(clustering.draw(rng, np.full(size, rate), codes), design)
        rows = [_hits(exactly, rate), high < rates, low > rates, high - low, *(_hits(end, rates) for end in ends)]
        found.append(np.array(rows, np.float64))
    at_rate, below, above, width, *covered = np.concatenate(found, axis=1).mean(axis=1).tolist()
    shares = dict(zip(methods, covered, strict=True))
    return Cell(questions, str(clustering), rate, covered[0], at_rate, below, above, width, shares)


def _hits(ends: Floats, rates: float | Floats) -> NDArray[np.bool_]:
    hits: NDArray[np.bool_] = (ends[0] <= rates) & (rates <= ends[1])
    return hits


def _chunks(replicates: int) -> Iterator[int]:
    for start in range(0, replicates, AT_ONCE):
        yield min(AT_ONCE, replicates - start)


def main_cells(replicates: int) -> Iterator[Cell]:
    """The claim: independent and clustered questions, beside what other intervals and ignoring clusters would give."""
    methods = {"auto": interval_bounds(), "t": interval_bounds("t"), "normal": normal_bounds}
    yield from (exact_cell(n, rate, methods) for n in (30, 300, 3000) for rate in NEAR)
    yield from clustered_cells(DESIGNS, 1, replicates)


def clustered_cells(designs: dict[str, list[int]], group: int, replicates: int) -> Iterator[Cell]:
    """Every design with every rate and every likeness, each with a random stream of its own."""
    methods = {"auto": interval_bounds(), "t": interval_bounds("t"), "no clusters": without_clusters}
    for i, (name, rate, clustering) in enumerate(product(designs, NEAR, CLUSTERINGS)):
        yield simulated_cell(
            name, designs[name], clustering, rate, methods, replicates=replicates, seed=(SEED, group, i)
        )


def method_cells() -> Iterator[Cell]:
    """Every method on the same 1,000 samples, without clusters (one question each) and with."""
    methods = {method: interval_bounds(method) for method in ("auto", "t", "bootstrap", "bca")}
    shapes = [([1] * 30, 0.0), ([1] * 300, 0.0), ([3] * 10, 0.3), ([3] * 100, 0.3)]
    for i, ((sizes, icc), rate) in enumerate(product(shapes, (0.02, 0.5))):
        name = f"{sum(sizes)} = {len(sizes)} x {sizes[0]}"
        likeness = Clustering("beta", icc)
        yield simulated_cell(name, sizes, likeness, rate, methods, replicates=1000, seed=(SEED, 3, i))


def cells(replicates: int) -> list[dict[str, Any]]:
    """A row a cell: the defaults, what lies beyond the claim, and all methods."""
    tables = {
        _DEFAULT: main_cells(replicates),
        "Beyond the claim: few large clusters, very unequal clusters": clustered_cells(LIMITS, 2, replicates),
        _METHODS: method_cells(),
    }
    return [_row(name, cell) for name, found in tables.items() for cell in found]


def overview(rows: list[dict[str, Any]]) -> str:
    """A row a design: the lowest and the highest averaged coverage over the ways in which its clusters are alike."""
    shown = [["questions", *(f"near {rate:g}" for rate in NEAR)]]
    rows = [row for row in rows if row["table"] == _DEFAULT]
    for name in dict.fromkeys(row["questions"] for row in rows):
        line = [name]
        for rate in NEAR:
            covered = [100 * row["covered"] for row in rows if (row["questions"], row["rate"]) == (name, rate)]
            low, high = f"{min(covered):.1f}", f"{max(covered):.1f}"
            line.append(low if low == high else f"{low} to {high}")
        shown.append(line)
    return markdown(shown)


def _row(table: str, cell: Cell) -> dict[str, Any]:
    row = {"table": table, **asdict(cell)}
    others = list(row.pop("methods").items())[1:]
    if cell.clustering == "independent":
        row["samples"] = 0  # exact
    elif table == _METHODS:
        row["samples"] = 1000
    return row | dict(others)
