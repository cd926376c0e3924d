"""Rates over clusters: Wilson's interval on an effective number of trials."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from pyscore import Comparison, summarize
from tests.metrics.cases import comparisons, of_preferences, take


def wilson_size(rate: float, end: float) -> float:
    """The size whose 95 % Wilson interval has this end, which is where |p - end| is z standard errors of the end."""
    return float(stats.norm.ppf(0.975) ** 2 * end * (1 - end) / (rate - end) ** 2)


def test_a_clustered_rate_is_wilson_on_korn_and_graubards_effective_sample() -> None:
    # 20 clusters of 4 that hold 4, 3, 1 or 0 wins: p = 1/2, residual sums 2, 1, -1, -2, Σ of squares 5 · 10 = 50
    prefers = [1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0] * 5
    estimate = summarize(of_preferences(prefers), clusters=[i // 4 for i in range(80)]).preference_rate
    size = 0.25 / (50 / 80**2) * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 19)) ** 2
    assert 20 < size < 80
    for end in (estimate.low, estimate.high):
        assert wilson_size(0.5, end) == pytest.approx(size)


def test_a_rare_event_leaves_a_clustered_rate_fewer_degrees_of_freedom() -> None:
    # 10 clusters of 3, one win: residual sums 0.9 and nine times -0.1, Σ of squares 0.9; dof = 9 · 20/30
    estimate = summarize(of_preferences([1] + [0] * 29), clusters=[i // 3 for i in range(30)]).preference_rate
    size = 29 / 900 / (0.9 / 900) * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 6)) ** 2
    assert 10 < size < 30
    assert wilson_size(1 / 30, estimate.high) == pytest.approx(size)


def test_clusters_that_agree_leave_as_many_trials_as_clusters() -> None:
    estimate = summarize(of_preferences([1] * 12 + [0] * 18), clusters=[i // 3 for i in range(30)]).preference_rate
    assert (wilson_size(0.4, estimate.low), wilson_size(0.4, estimate.high)) == pytest.approx((10, 10))


@pytest.mark.parametrize(("rate", "end"), [(0.0, "high"), (1.0, "low")])
def test_a_clustered_rate_of_0_or_1_rests_on_as_many_trials_as_effective_clusters(rate: float, end: str) -> None:
    even = summarize(of_preferences([rate] * 12), clusters=[i // 4 for i in range(12)]).preference_rate
    assert wilson_size(rate, getattr(even, end)) == pytest.approx(3)
    uneven = summarize(of_preferences([rate] * 12), clusters=["a"] * 8 + ["b", "b", "c", "c"]).preference_rate
    assert wilson_size(rate, getattr(uneven, end)) == pytest.approx(12**2 / (8**2 + 4 + 4))
    assert rate in (even.low, even.high, uneven.low, uneven.high)


@given(comparisons)
def test_clusters_of_copies_give_a_rate_the_interval_of_the_originals(comparison: Comparison) -> None:
    n = len(comparison)
    copies = summarize(take(comparison, np.tile(np.arange(n), 3)), clusters=np.tile(np.arange(n), 3)).tie_rate
    once = summarize(comparison).tie_rate
    alone = summarize(comparison, clusters=np.arange(n)).tie_rate
    assert (copies.low, copies.high) == pytest.approx((once.low, once.high), abs=1e-12)
    assert (alone.low, alone.high) == pytest.approx((once.low, once.high), abs=1e-12)
