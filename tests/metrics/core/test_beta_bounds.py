"""Bounds of the mean of skewed shares: Clopper-Pearson for outcomes, and their coverage where Student's t fails."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pyscore.metrics.core.intervals import beta_bounds, missed_weight, t_interval


@given(st.integers(2, 20), st.data(), st.sampled_from([0.8, 0.95, 0.999]))
def test_for_few_outcomes_they_are_clopper_and_pearsons(n: int, data: st.DataObject, confidence: float) -> None:
    k = data.draw(st.integers(0, n))
    p = k / n
    exact = stats.binomtest(k, n).proportion_ci(confidence, method="exact")
    assert beta_bounds(p, p * (1 - p) / (n - 1), n, confidence) == pytest.approx((exact.low, exact.high), abs=1e-9)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1.5, 1e4))
def test_they_hold_the_mean_and_widen_with_the_confidence(value: float, part: float, units: float) -> None:
    variance = part * value * (1 - value) / max(units - 1, 1)
    ends = [beta_bounds(value, variance, units, confidence) for confidence in (0.5, 0.8, 0.95, 0.99)]
    for low, high in ends:
        assert 0 <= low <= high <= 1
    for (inner_low, inner_high), (low, high) in pairwise(ends):
        assert low <= inner_low + 1e-12
        assert inner_high - 1e-12 <= high
    low, high = ends[-1]
    assert low - 1e-9 <= value <= high + 1e-9


def test_a_mean_whose_square_underflows_has_bounds() -> None:
    assert beta_bounds(7e-159, 0.0, 2, 0.95) == pytest.approx((0, 1 - 0.025 ** (1 / 2)), abs=0.1)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(2, 100))
def test_they_are_mirrored_with_the_values(value: float, part: float, units: int) -> None:
    variance = part * value * (1 - value) / units
    low, high = beta_bounds(value, variance, units, 0.95)
    assert beta_bounds(1 - value, variance, units, 0.95) == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_they_hold_the_mean_of_beta_values_where_students_t_does_not() -> None:
    samples, true = np.random.default_rng(0).beta(0.05, 0.5, (2000, 10)), 1 / 11
    means, variances = samples.mean(axis=1), samples.var(axis=1, ddof=1) / 10
    half = stats.t.ppf(0.975, 9) * np.sqrt(variances)
    assert (np.abs(means - true) <= half).mean() < 0.8
    ends = [beta_bounds(mean, variance, 10, 0.95) for mean, variance in zip(means, variances, strict=True)]
    assert np.mean([low <= true <= high for low, high in ends]) > 0.97


def test_many_values_without_skewness_leave_no_room_for_a_missed_one() -> None:
    rng = np.random.default_rng(1)
    for values, n, wider in ((rng.beta(5, 5, 1000), 1000, 1.001), (rng.beta(0.3, 3, 100), 100, 1.6)):
        variance = values.var(ddof=1) / n
        low, high = beta_bounds(values.mean(), variance, n, 0.95)
        left, right = t_interval(values.mean(), float(np.sqrt(variance)), n - 1, 0.95)
        assert high - low <= wider * (right - left)
    assert missed_weight(0.5, 0.05, 1000) == pytest.approx(20 / 1000)
    assert missed_weight(0.001, 0.001**2, 80) == 1  # an exponential tail: skewness 2, and 25 · 2² units are 100
