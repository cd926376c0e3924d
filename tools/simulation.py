"""Samples of questions with a known truth, and how often intervals hold it: what families of coverage cells share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import cluster_sums
from pyscore.metrics.core.design import Design
from pyscore.metrics.core.intervals import Interval, t_quantile
from pyscore.metrics.core.means import estimate_columns
from pyscore.metrics.core.report import Estimate
from pyscore.metrics.core.scales import Scale

__all__ = [
    "SIDES",
    "Draw",
    "Floats",
    "bell_mccaffrey_ends",
    "chunks",
    "cluster_sizes",
    "copies",
    "ends",
    "ends_of",
    "measured",
    "scores_of",
    "t_ends",
]

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
"""Independent questions: values of the given shape [n, R], with any axes before it."""

SIDES = ("below", "above", "none")  # the columns of `measured` that are shares


def cluster_sizes(design: str, clusters: int) -> list[int]:
    """How many questions each cluster has.

    "equal": 10. "Zipf": 2C/k, k = 1 … C, rounded up. "Pareto": the quantiles of a Pareto distribution of shape 1.5 from
    2 on, rounded up. "one dominant": 10C in the first cluster and 5 in every other.
    """
    k = np.arange(1, clusters + 1)
    if design == "equal":
        return [10] * clusters
    if design == "Zipf":
        return [int(size) for size in np.ceil(2 * clusters / k)]
    if design == "Pareto":
        return [int(size) for size in np.ceil(2 * ((k - 0.5) / clusters) ** (-1 / 1.5))]
    if design == "one dominant":
        return [10 * clusters] + [5] * (clusters - 1)
    raise ValueError(f"design must be 'equal', 'Zipf', 'Pareto' or 'one dominant', got {design!r}")


def copies(rng: np.random.Generator, draw: Draw, codes: NDArray[np.int64], icc: float, samples: int) -> Floats:
    """Clustered questions: each repeats its cluster's draw with probability √icc, so that two correlate by icc.

    A question's own distribution is that of ``draw`` whatever the icc; at 1 a cluster is one repeated question.
    """
    own = draw(rng, (len(codes), samples))
    if icc == 0:
        return own
    shared = draw(rng, (int(codes.max()) + 1, samples))
    repeats = rng.random((len(codes), samples)) < np.sqrt(icc)
    return np.asarray(np.where(repeats, shared[..., codes, :], own))


def chunks(replicates: int, n: int) -> Iterator[int]:
    """How many samples of n questions to draw at once, so that a column of them all stays below 20 MB."""
    at_once = max(1, min(replicates, 2_500_000 // n))
    for start in range(0, replicates, at_once):
        yield min(at_once, replicates - start)


def ends(values: Floats, scale: Scale, design: Design, method: str = "auto") -> Floats:
    """``[2, R]``: the project's own intervals of the means of ``values [n, R]``, NaN where none is printed.

    `estimate_columns` is what every public mean, rate and paired difference calls; R samples are R of its columns.
    """
    return ends_of(estimate_columns(values, [scale] * values.shape[1], design, Interval(method=method)))


def ends_of(estimates: list[Estimate]) -> Floats:
    """``[2, R]``: the ends of intervals."""
    return np.array([[each.low, each.high] for each in estimates]).T


def scores_of(counts: Any, n: int) -> Floats:
    """``[n, R]``: the questions of samples of which counts ``[kinds, R]`` score 1, then -1, and the others 0."""
    row, wins, losses = np.arange(n)[:, None], counts[0], counts[1] if len(counts) == 2 else 0
    return np.asarray((row < wins) * 1.0 - ((row >= wins) & (row < wins + losses)))


def t_ends(values: Floats, design: Design) -> Floats:
    """``[2, R]``: Miller 2024, App. A, with C/(C - 1) and t(C - 1): right for clusters of equal weight."""
    w, units = design.weights, design.sample.units
    means = w @ values / w.sum()
    sums = cluster_sums(w[:, None] * (values - means), design.codes, units)
    half = t_quantile(0.95, units - 1) * np.sqrt(units / (units - 1) * (sums**2).sum(axis=0)) / w.sum()
    return np.stack([means - half, means + half])


def bell_mccaffrey_ends(values: Floats, design: Design) -> Floats:
    """``[2, R]``: the weighted mean ± t(dof) · CR2, the other published answer to unequal clusters.

    With p_c the share of the weight that cluster c holds, its residuals count 1/(1 - p_c) in the variance, instead of
    1/(1 - p_c)² as in the leave-one-out one (CR3), and dof = 1/(Σ p_c² + Σ_{c≠d} r_c r_d), r = p²/(1 - p), is
    Satterthwaite's under independent questions. Bell & McCaffrey 2002; Pustejovsky & Tipton 2018, "Small-Sample Methods
    for Cluster-Robust Variance Estimation and Hypothesis Testing in Fixed Effects Models".
    """
    w, units = design.weights, design.sample.units
    means = w @ values / w.sum()
    sums = cluster_sums(w[:, None] * (values - means), design.codes, units)
    shares = cluster_sums(w, design.codes, units) / w.sum()
    r = shares**2 / (1 - shares)
    dof = 1 / (shares @ shares + r.sum() ** 2 - r @ r)
    stderr = np.sqrt((sums**2 / (1 - shares)[:, None]).sum(axis=0)) / w.sum()
    half = t_quantile(0.95, float(dof)) * stderr
    return np.stack([means - half, means + half])


def measured(found: Floats, truth: float | Floats, prefix: str = "", chances: Floats | None = None) -> dict[str, Any]:
    """What intervals ``[2, R]`` did: ``covered``, ``width``, ``below`` and ``above`` the truth, and ``none``.

    All but ``none``, the share of samples for which no interval is printed, are over the others. With a prefix only the
    first two, under its name. ``chances [R]`` are those of the samples where each possible sample is there once.
    """
    chances = np.full(found.shape[1], 1 / found.shape[1]) if chances is None else chances
    low, high = found
    truth = np.broadcast_to(truth, low.shape)
    printed = ~np.isnan(low)
    none = float(chances[~printed].sum())
    low, high, truth, chances = low[printed], high[printed], truth[printed], chances[printed]
    each = (low <= truth) & (truth <= high), high - low, high < truth, low > truth
    covered, width, below, above = (float(chances @ values / chances.sum()) if len(low) else np.nan for values in each)
    if prefix:
        return {prefix: covered, f"{prefix} width": width}
    return {"covered": covered, "width": width, "below": below, "above": above, "none": none}
