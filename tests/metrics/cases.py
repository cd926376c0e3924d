"""Comparisons written in plain NumPy, so that the metrics are tested without the ops."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pyscore.ops.types import Comparison


def compare_pairs(matching: Any, other: Any) -> Comparison:
    """The comparison of one matching answer with one other, from their log-probabilities; ties count half."""
    m, o = np.asarray(matching, float), np.asarray(other, float)
    with np.errstate(invalid="ignore", over="ignore"):
        margin = np.where(m == o, 0.0, m - o)
        probability = 1 / (1 + np.exp(-margin))
    return Comparison(
        probability=probability,
        probability_raw=np.exp(m),
        coverage=np.exp(m) + np.exp(o),
        log_odds=margin,
        margin=margin,
        prefers=np.where(m == o, 0.5, m > o),
        tie=m == o,
        predicted=np.where(m >= o, 0, 1),
        ties="half",
    )


def of_preferences(prefers: Any) -> Comparison:
    """A comparison with the given preferences (1, 0 or 0.5); log-probabilities are made up to fit."""
    p = np.asarray(prefers, float)
    return compare_pairs(np.where(p > 0.5, -1.0, -2.0), np.where(p < 0.5, -1.0, -2.0))


def columns_of(comparison: Comparison) -> dict[str, Any]:
    """The fields that every comparison has, one entry a question each."""
    return {each.name: getattr(comparison, each.name) for each in fields(Comparison) if each.default is MISSING}


def take(comparison: Comparison, rows: Any) -> Comparison:
    """The given rows, in the given order."""
    taken: dict[str, Any] = {name: np.asarray(column)[rows] for name, column in columns_of(comparison).items()}
    return replace(comparison, **taken)


def random_pairs(seed: int, n: int) -> Comparison:
    """Log-probabilities of any size, with some ties."""
    rng = np.random.default_rng(seed)
    m, o = -rng.gamma(2.0, 2.0, (2, n))
    o = np.where(rng.random(n) < 0.1, m, o)
    return compare_pairs(m, o)


def near_edges(dtype: Any) -> list[float]:
    """Every edge m/15 as a number of this dtype, and the next numbers below and above it, within [0, 1]."""
    edges = (np.arange(16) / 15).astype(dtype)
    near = np.concatenate([np.nextafter(edges[1:], dtype(0)), edges, np.nextafter(edges[:-1], dtype(1))])
    return [float(p) for p in near]


comparisons = st.builds(random_pairs, st.integers(0, 2**32 - 1), st.integers(2, 60))
