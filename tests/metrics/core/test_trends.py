"""Correlations: scipy's and statsmodels' numbers, and columns that have none; rows of trends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pyscore.metrics.core.trends import correlations, find_turns, fit_slopes, join_equal, name_trends, pearson


def columns(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.random.default_rng(seed).normal(size=(2, n))
    return x, x + y


@given(st.integers(0, 10**6), st.integers(9, 60), st.sampled_from([0.8, 0.95]))
def test_both_equal_their_formulas(seed: int, n: int, confidence: float) -> None:
    x, y = columns(seed, n)
    found, z = correlations(x, y, confidence), stats.norm.ppf(0.5 + confidence / 2)
    r, rho = np.corrcoef(x, y)[0, 1], np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]
    for name, value, stderr in (("pearson", r, 1.0), ("spearman", rho, math.sqrt(1 + rho**2 / 2))):
        estimate, half = found[name], z * stderr / math.sqrt(n - 3)
        assert estimate.value == pytest.approx(value)
        assert estimate.stderr == pytest.approx((1 - value**2) * half / z)
        assert math.atanh(estimate.low) == pytest.approx(math.atanh(value) - half)
        assert math.atanh(estimate.high) == pytest.approx(math.atanh(value) + half)


def test_fishers_interval_holds_the_true_correlation_as_often_as_it_says() -> None:
    rng, true, held = np.random.default_rng(0), 0.6, 0
    for _ in range(1000):
        x, e = rng.normal(size=(2, 30))
        estimate = pearson(x, true * x + math.sqrt(1 - true**2) * e, 0.9)
        held += estimate.low <= true <= estimate.high
    assert 0.87 < held / 1000 < 0.93


@pytest.mark.parametrize(
    ("x", "y", "value", "reason"),
    [
        ([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0], math.nan, "constant"),
        ([1.0, 1.0 + 2e-16, 1.0 + 4e-16, 1.0], [1.0, 2.0, 3.0, 4.0], math.nan, "constant"),
        ([], [], math.nan, "0 points"),
        ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], 0.5, "needs 4"),
        ([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0], 1.0, "on a line"),
    ],
)
def test_where_there_is_no_interval_a_reason_says_why(
    x: list[float], y: list[float], value: float, reason: str
) -> None:
    estimate = pearson(np.array(x), np.array(y), 0.95)
    assert estimate.value == pytest.approx(value, nan_ok=True)
    assert math.isnan(estimate.low)
    assert reason in estimate.reason
    assert math.isnan(correlations(np.array(x), np.array(y), 0.95)["spearman"].low)


def test_an_order_by_rounding_is_no_order() -> None:
    x = np.array([0.1 + 0.2, 0.3, 1.0, 2.0, 0.5])
    y = np.array([2.0, 1.0, 3.0, 4.0, 5.0])
    rho = correlations(x, y, 0.95)["spearman"].value
    assert rho == pytest.approx(stats.spearmanr([0.3, 0.3, 1.0, 2.0, 0.5], y).statistic)
    assert rho == correlations(np.array([0.3, 0.1 + 0.2, 1.0, 2.0, 0.5]), y, 0.95)["spearman"].value


@pytest.mark.parametrize("known", [True, False])
def test_many_rows_are_as_many_single_ones(known: bool) -> None:
    rng = np.random.default_rng(1)
    x, y, stderr = np.array([1.0, 2.0, 2.0, 5.0, 6.0]), rng.normal(size=(20, 5)), rng.uniform(0.1, 0.5, 5)
    errors = stderr if known else None
    together, turns = fit_slopes(x, y, errors), find_turns(x, y, stderr)
    assert turns is not None
    names = name_trends(together.value, together.p, turns, 0.2)
    for i, row in enumerate(y):
        alone, turn = fit_slopes(x, row, errors), find_turns(x, row, stderr)
        assert turn is not None
        assert (alone.value, alone.stderr, alone.p) == pytest.approx(tuple(each[i] for each in together[:3]))
        assert (turn.p, turn.at, turn.is_low) == (pytest.approx(turns.p[i]), turns.at[i], turns.is_low[i])
        assert name_trends(alone.value, alone.p, turn, 0.2) == names[i]


def test_values_that_differ_by_rounding_become_equal_and_others_stay() -> None:
    values = np.array([0.1 + 0.2, 1.0, 0.3, 1.0 + 1e-15, 1.0 + 1e-9])
    joined = join_equal(values)
    assert joined[0] == joined[2]
    assert joined[1] == joined[3] < joined[4]
    assert np.abs(joined - values).max() < 1e-12
