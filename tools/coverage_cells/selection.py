"""How often intervals hold that allow for selection: the best of k, those selected of many, ranks, Pareto fronts.

k candidates answer n questions, right or wrong, or with a share or a normal score, by a threshold model: a question's
difficulty is shared by all candidates, which makes their means correlated ("rho"), and in part by the questions of its
cluster. Every cell has beside its own coverage and width that of the usual way on the same samples.

- Best of k: "too high" is how often the estimate of the best one's mean is above it, which is to be one half; the
  width of Bonferroni is that of the usual interval at confidence 1 - 0.05/k.
- Selected: the 5 largest of k; covered is 1 - the false coverage rate.
- Ranks: covered if all true ranks are held at once; the width is of ranks. The usual way is a paired test of each two.
- Pareto: of two objectives the second has the means in reverse order; covered if no run is excluded but those that
  another one beats in both; the width is how many are left. The usual way excludes runs on under 5 % of bootstrapped
  fronts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, ndtri

from pyscore.metrics.core.candidates import scale_of
from pyscore.metrics.core.intervals import Interval, t_quantile
from pyscore.metrics.core.joint import pair_statistics, read_joint
from pyscore.metrics.core.means import estimate_mean, estimate_rate
from pyscore.metrics.pareto import pareto_candidates
from pyscore.metrics.selection import best_of, rank_intervals, selected_intervals

__all__ = ["DESIGNS", "SHARES", "SHORT", "Design", "cells"]

Floats = NDArray[np.float64]

SHORT = """
Above 97 %: rates near 0.95 with 50 questions, of which two or three tie for the best, which puts the lower end near
that of the 99.5 % interval of all k (Bonferroni is narrower there); other rates of many candidates, because of the half
step that is added to leads; the 5 largest of correlated candidates, since the level is that of independent ones; ranks
of candidates that aren't equal, as the test is for all pairs at once; and fronts, as both objectives have to be shown.
"""
SHARES = ("plain_covered", "too_high", "plain_too_high")
SEED = 20_260_102
INTERVAL = Interval(n_resamples=2_000)
ONE_LARGE = (50, *[3] * 50)


@dataclass(frozen=True)
class Design:
    """How k candidates answer.

    Attributes:
        truth: "flat", all equal; "clear", one 6 standard errors above the rest; "spread", evenly over 4 of them;
            "apart", over 16.
        rho: correlation of two candidates' answers to a question, on the scale of the threshold.
        base: the mean at the centre.
        sizes: of clusters; None for independent questions.
        icc: how much of a question's difficulty its cluster shares.
        kind: "0/1", right or wrong; "share", Beta(μ, 1 - μ); "normal", of standard deviation 0.49.
    """

    k: int
    n: int
    truth: str = "flat"
    rho: float = 0.5
    base: float = 0.6
    sizes: Sequence[int] | None = None
    icc: float = 0.3
    kind: str = "0/1"

    @property
    def means(self) -> Floats:
        unit = np.sqrt(self.base * (1 - self.base) / self.n)
        steps = {
            "flat": np.zeros(self.k),
            "clear": 6.0 * (np.arange(self.k) == self.k // 2),
            "spread": np.linspace(-2, 2, self.k),
            "apart": np.linspace(-8, 8, self.k),
        }
        means: Floats = np.clip(self.base + unit * steps[self.truth], 0.01, 0.99)
        return means

    @property
    def clusters(self) -> NDArray[np.int64] | None:
        return None if self.sizes is None else np.repeat(np.arange(len(self.sizes)), self.sizes)

    def draw(self, rng: np.random.Generator) -> Floats:
        """One sample, ``[n, k]``."""
        difficulty = rng.standard_normal(self.n)
        if self.clusters is not None:
            shared = rng.standard_normal(len(self.sizes or ()))[self.clusters]
            difficulty = np.sqrt(self.icc) * shared + np.sqrt(1 - self.icc) * difficulty
        own = rng.standard_normal((self.n, self.k))
        z = np.sqrt(self.rho) * difficulty[:, None] + np.sqrt(1 - self.rho) * own
        if self.kind == "normal":
            return np.asarray(self.means + 0.49 * z)
        if self.kind == "share":
            return np.asarray(betaincinv(self.means, 1 - self.means, ndtr(z)))
        return np.asarray(z < ndtri(self.means), np.float64)

    def __str__(self) -> str:
        clusters = (
            "" if self.sizes is None else f", {len(self.sizes)} clusters of {min(self.sizes)} to {max(self.sizes)}"
        )
        return f"{self.truth}, {self.kind} near {self.base:g}, rho {self.rho:g}{clusters}"


DESIGNS = (
    Design(2, 50),
    Design(2, 200, rho=0.0),
    Design(5, 200, "spread"),
    Design(20, 50, kind="normal"),
    Design(20, 50, kind="share"),
    Design(20, 50, base=0.95),
    Design(20, 50, base=0.05),
    Design(20, 200, rho=0.0),
    Design(20, 200, "clear"),
    Design(20, 1000, "spread", rho=0.8),
    Design(20, 200, sizes=[4] * 50),
    Design(5, 200, sizes=ONE_LARGE, kind="normal"),
)


def cells(replicates: int) -> list[dict[str, Any]]:
    """A row a design and function: table, design, k, n, covered, width, plain_covered, plain_width, too_high."""
    rows = [_cell("Best of k", design, _best, replicates) for design in DESIGNS]
    many = Design(20, 200, "spread"), Design(20, 200, rho=0.0)
    rows += [_cell("Selected", design, _selected, replicates) for design in many]
    few = (
        Design(5, 200, "spread"),
        Design(10, 200, "apart"),
        Design(10, 50, kind="normal"),
        Design(5, 200, sizes=ONE_LARGE),
    )
    rows += [_cell("Ranks", design, _ranks, replicates) for design in few]
    runs = Design(5, 200, "apart"), Design(8, 200), Design(5, 200, "clear"), Design(5, 200, sizes=[4] * 50)
    return rows + [_cell("Pareto", design, _pareto, replicates) for design in runs]


def _cell(what: str, design: Design, measure: Callable[..., Sequence[float]], replicates: int) -> dict[str, Any]:
    rng = np.random.default_rng([SEED, design.k, design.n])
    names = ("covered", "width", "plain_covered", "plain_width", "bonferroni_width", "too_high", "plain_too_high")
    shares = np.mean([measure(design, rng) for _ in range(replicates)], axis=0).tolist()
    return {"table": what, "design": str(design), "k": design.k, "n": design.n} | dict(zip(names, shares, strict=False))


def _best(design: Design, rng: np.random.Generator) -> list[float]:
    values = design.draw(rng)
    report = best_of(values, clusters=design.clusters, interval=INTERVAL)
    best = int(report.numbers["best"])
    truth, own, plain = design.means[best], report["best"], report["best_not_corrected"]
    every = Interval(1 - 0.05 / design.k)
    wide = estimate_mean(values[:, best], clusters=design.clusters, interval=every, scale=scale_of(values))
    held = [number for e in (own, plain) for number in (e.low <= truth <= e.high, e.high - e.low)]
    return [*held, wide.high - wide.low, own.value > truth, plain.value > truth]


def _selected(design: Design, rng: np.random.Generator) -> list[float]:
    values = dict(enumerate(design.draw(rng).T))
    chosen = sorted(values, key=lambda name: -values[name].mean())[:5]
    report = selected_intervals({str(name): column for name, column in values.items()}, map(str, chosen))
    plain = [estimate_rate(values[name]) for name in chosen]
    own = [report[str(name)] for name in chosen]
    truths = design.means[chosen]
    return [
        float(np.mean(each))
        for some in (own, plain)
        for each in (
            [e.low <= truth <= e.high for e, truth in zip(some, truths, strict=True)],
            [e.high - e.low for e in some],
        )
    ]


def _ranks(design: Design, rng: np.random.Generator) -> list[float]:
    values, means = design.draw(rng), design.means
    rows = {row["name"]: row for row in rank_intervals(values, clusters=design.clusters, interval=INTERVAL).rows}
    own = np.array([[rows[str(i)]["rank_low"], rows[str(i)]["rank_high"]] for i in range(design.k)]).T
    # The usual way: a paired test of each two at 5 %, as if it were the only one.
    joint = read_joint(values, design.clusters)
    larger = pair_statistics(joint)[0] > t_quantile(0.95, joint.design.sample.dof)
    found = []
    for low, high in (own, _rank_bounds(larger)):
        best, worst = _rank_bounds(means[:, None] > means)
        found += [bool((low <= best).all() and (high >= worst).all()), float((high - low).mean())]
    return found


def _rank_bounds(larger: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return 1 + larger.sum(axis=0), len(larger) - larger.sum(axis=1)


def _pareto(design: Design, rng: np.random.Generator) -> list[float]:
    # Where the first objective tells all apart, none differ in the second: the hardest case for a test of both.
    other = replace(design, truth="flat") if design.truth == "apart" else design
    tables = {"first": design.draw(rng), "second": other.draw(rng)[:, ::-1]}
    better = [means[:, None] > means for means in (design.means, other.means[::-1])]
    front = ~(better[0] & better[1]).any(axis=0)
    report = pareto_candidates(range(design.k), tables, clusters=design.clusters, interval=INTERVAL)
    rows = sorted(report.rows, key=lambda row: row["name"])
    kept = np.array([not row["excluded"] for row in rows])
    often = np.array([row["front_share"] >= 0.05 for row in rows])
    return [bool(kept[front].all()), float(kept.sum()), bool(often[front].all()), float(often.sum())]
