"""SummaryState.update on ten million comparisons, beside one read of their arrays; what clusters add to a summary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.ceilings import read_rate
from benchmarks.clock import side_by_side
from pyscore import Comparison, SummaryState, summarize

QUESTIONS = 10_000_000
FIELDS = ("probability", "prefers", "probability_raw", "log_odds", "coverage", "tie")


def _comparison(dtype: Any, n: int = QUESTIONS) -> Comparison:
    rng = np.random.default_rng(0)
    z = rng.normal(size=n)
    p, tie = 1 / (1 + np.exp(-z)), rng.random(n) < 0.02
    prefers, coverage = np.where(tie, 0.5, z > 0), rng.random(n)
    columns: tuple[Any, ...] = (p, p * coverage, coverage, z, z, prefers)
    probability, raw, coverage, log_odds, margin, prefers = (column.astype(dtype) for column in columns)
    return Comparison(probability, raw, coverage, log_odds, margin, prefers, tie, np.zeros(n, np.int64))


def _update(comparison: Comparison) -> SummaryState:
    return SummaryState().update(comparison)


def _numpy(comparison: Comparison) -> list[tuple[float, float]]:
    """Mean and variance of each field, the least that a summary needs."""
    columns = [np.asarray(getattr(comparison, name)) for name in FIELDS]
    return [(float(column.mean()), float(column.var())) for column in columns]


def _torch_sums(comparison: Comparison) -> list[Any]:
    return [torch.from_numpy(getattr(comparison, name)).sum() for name in FIELDS]


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_update(benchmark: Any, dtype: Any) -> None:
    comparison = _comparison(dtype)
    summary = _update(comparison).summarize()
    assert summary == summarize(comparison)
    for name, column in (("mean_probability", "probability"), ("mean_log_odds", "log_odds")):
        values = np.asarray(getattr(comparison, column), np.float64)
        estimate = getattr(summary, name)
        np.testing.assert_allclose(estimate.value, values.mean(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(estimate.stderr, values.std(ddof=1) / QUESTIONS**0.5, rtol=1e-9)
    side_by_side(
        benchmark, _update, {"torch, six sums": _torch_sums, "NumPy, means and variances": _numpy},
        {"read": lambda: read_rate(torch.from_numpy(np.asarray(comparison.log_odds)))}, [(comparison,)],
        rounds=15, kind="SummaryState.update", case=f"{QUESTIONS:,} questions", dtype=np.dtype(dtype).name,
        bytes=sum(np.asarray(getattr(comparison, name)).nbytes for name in FIELDS),
    )  # fmt: skip


def test_clusters(benchmark: Any) -> None:
    n, clusters = 1_000_000, 100_000
    comparison, keys = _comparison(np.float64, n), np.random.default_rng(1).integers(0, clusters, n)
    found = summarize(comparison, clusters=keys).mean_log_odds
    counts, sums = np.bincount(keys), np.bincount(keys, comparison.log_odds)
    left_out = (sums.sum() - sums) / (n - counts) - sums.sum() / n
    np.testing.assert_allclose(found.stderr, np.sqrt((left_out**2).sum() * (1 - 1 / len(counts))), rtol=1e-9)
    side_by_side(
        benchmark, lambda given: summarize(given, clusters=keys), {"without clusters": summarize}, {}, [(comparison,)],
        rounds=15, kind="summarize in 100,000 clusters", case=f"{n:,} questions", dtype="float64",
    )  # fmt: skip
