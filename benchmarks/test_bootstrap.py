"""The bootstrap of 100,000 questions, in clusters and alone, beside scipy and vectorised NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from benchmarks.clock import side_by_side
from pyscore.metrics import Estimate, Interval, estimate_mean

QUESTIONS, RESAMPLES = 100_000, 10_000
AT_ONCE = 2_000_000  # draws: peers are fastest where a batch stays in the cache

Floats = NDArray[np.float64]
Pair = tuple[float, float]


def _totals(values: Floats, clusters: NDArray[np.int64]) -> tuple[NDArray[Any], Floats]:
    return np.bincount(clusters, values), np.bincount(clusters).astype(float)


def _pyscore(values: Floats, clusters: NDArray[np.int64]) -> Estimate:
    return estimate_mean(values, clusters=clusters, interval=Interval(method="bootstrap", n_resamples=RESAMPLES))


def _numpy(values: Floats, clusters: NDArray[np.int64]) -> Pair:
    """Counts of drawn units times their totals; drawing and gathering the totals took as long."""
    totals, rng = np.column_stack(_totals(values, clusters)), np.random.default_rng(0)
    units = len(totals)
    step = max(1, AT_ONCE // units)
    means = []
    for start in range(0, RESAMPLES, step):
        rows = min(step, RESAMPLES - start)
        drawn = rng.integers(0, units, (rows, units)) + units * np.arange(rows)[:, None]
        resampled = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units) @ totals
        means.append(resampled[:, 0] / resampled[:, 1])
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


def _scipy(values: Floats, clusters: NDArray[np.int64]) -> Pair:
    sums, sizes = _totals(values, clusters)

    def mean(units: NDArray[np.int64], axis: int) -> Floats:
        ratio: Floats = sums[units].sum(axis) / sizes[units].sum(axis)
        return ratio

    batch = max(1, AT_ONCE // len(sums))
    found = stats.bootstrap(
        (np.arange(len(sums)),), mean, n_resamples=RESAMPLES, batch=batch, vectorized=True, method="percentile", rng=0
    ).confidence_interval
    return float(found.low), float(found.high)


@pytest.mark.parametrize("units", [10_000, 100_000])
def test_bootstrap(benchmark: Any, units: int) -> None:
    rng = np.random.default_rng(0)
    clusters = rng.permutation(np.arange(QUESTIONS) % units)
    inputs = [(rng.random(QUESTIONS), clusters) for _ in range(3)]
    ours = _pyscore(*inputs[0])
    for peer in (_numpy, _scipy):
        low, high = peer(*inputs[0])
        # both ends are quantiles of 10,000 resamples: 0.1 standard errors are about four of their own errors
        assert abs(low - ours.low) < 0.1 * ours.stderr and abs(high - ours.high) < 0.1 * ours.stderr
    side_by_side(
        benchmark, _pyscore, {"NumPy": _numpy, "scipy": _scipy}, {}, inputs,
        rounds=7 if units < QUESTIONS else 3, warm_up=False,
        kind="bootstrap", case=f"{QUESTIONS:,} questions, {units:,} units, {RESAMPLES:,} resamples",
    )  # fmt: skip
