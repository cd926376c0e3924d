"""The compiled bootstrap: what is drawn, that bits never move, and scipy's intervals of the same resamples."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import isnan

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pyscore._extension import _C
from pyscore.metrics import Interval, estimate_mean, estimate_ratio
from pyscore.metrics.core.bootstrap import bootstrap_means
from pyscore.metrics.core.readers import read_clusters

ISAS = [name for name, available in _C.cpu_isas() if available]


def test_every_unit_is_drawn_equally_often() -> None:
    units, n_resamples = 37, 4000
    counts = bootstrap_means(np.eye(units), np.ones(units), n_resamples, seed=3).sum(axis=0) * units
    # each count is a binomial of units · n_resamples draws, and their statistic a chi-square
    expected = n_resamples
    statistic = float(((counts - expected) ** 2).sum() / expected)
    assert stats.chi2.sf(statistic, units - 1) > 1e-4


def test_draws_are_independent_and_with_replacement() -> None:
    # the counts of units in a resample are multinomial: variance (1 - 1/C), covariance -1/C
    units, n_resamples = 6, 40_000
    counts = bootstrap_means(np.eye(units), np.ones(units), n_resamples, seed=1) * units
    covariance = np.cov(counts.T)
    assert covariance == pytest.approx(np.eye(units) - 1 / units, abs=0.03)


def test_three_units_have_the_distribution_of_all_twenty_seven_resamples() -> None:
    values = np.array([0.0, 1.0, 5.0])
    means = bootstrap_means(values[:, None], np.ones(3), 50_000, seed=5)[:, 0]
    every = [np.mean(drawn) for drawn in product(values, repeat=3)]
    for mean in set(every):
        share = np.mean(np.isclose(means, mean))
        assert share == pytest.approx(np.mean(np.isclose(every, mean)), abs=0.01)


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 6, 8, 11])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("units", [1, 5, 1023, 3000])
def test_bits_depend_on_neither_threads_nor_instruction_set(
    columns: int, weighted: bool, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(columns)
    sums, weights = rng.normal(size=(units, columns)), rng.integers(1, 9, units).astype(float) if weighted else None
    expected = _C.bootstrap_means(sums, weights, 50, 9, 1)
    for isa, threads in product(ISAS, (1, 2, 3)):
        monkeypatch.setenv("PYSCORE_CPU_ISA", isa)
        assert np.array_equal(_C.bootstrap_means(sums, weights, 50, 9, threads), expected)


@given(st.integers(1, 2000), st.integers(0, 2**64 - 1))
def test_a_resample_does_not_depend_on_how_many_follow(units: int, seed: int) -> None:
    sums = np.arange(units, dtype=float)[:, None]
    many, few = (bootstrap_means(sums, np.ones(units), n, seed) for n in (7, 3))
    assert np.array_equal(many[:3], few)


def test_another_column_changes_no_bits() -> None:
    # the same draws serve every metric, so that differences between metrics keep their correlation
    rng = np.random.default_rng(0)
    sums = rng.normal(size=(500, 6))
    whole = bootstrap_means(sums, np.ones(500), 20, seed=0)
    for column in range(6):
        assert np.array_equal(bootstrap_means(sums[:, [column]], np.ones(500), 20, seed=0)[:, 0], whole[:, column])


def test_ratios_are_of_drawn_sums_and_drawn_weights() -> None:
    rng = np.random.default_rng(2)
    sums, weights = rng.normal(size=(40, 2)), rng.integers(1, 20, 40).astype(float)
    counts = bootstrap_means(np.eye(40), np.ones(40), 200, seed=6) * 40
    expected = (counts @ sums) / (counts @ weights)[:, None]
    assert bootstrap_means(sums, weights, 200, seed=6) == pytest.approx(expected, rel=1e-12)


def scipys_interval(values: np.ndarray, resampled: np.ndarray, method: str, confidence: float) -> tuple[float, float]:
    """scipy's interval of resamples that it didn't draw itself."""
    own = stats.bootstrap((values,), np.mean, n_resamples=20, method="percentile")
    given = replace(own, bootstrap_distribution=resampled)
    found = stats.bootstrap(
        (values,), np.mean, n_resamples=0, bootstrap_result=given, method=method, confidence_level=confidence
    ).confidence_interval
    return float(found.low), float(found.high)


@pytest.mark.parametrize(("method", "scipys"), [("bootstrap", "percentile"), ("bca", "BCa")])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_intervals_equal_scipys_on_the_same_resamples(method: str, scipys: str, confidence: float, seed: int) -> None:
    values = np.random.default_rng(seed).gamma(0.7, 1.0, 60)  # skewed, so that BCa has something to correct
    estimate = estimate_mean(values, interval=Interval(confidence, method, n_resamples=999, seed=seed))
    centred = (values - values.mean())[:, None]
    resampled = values.mean() + bootstrap_means(centred, np.ones(60), 999, seed)[:, 0]
    assert (estimate.low, estimate.high) == pytest.approx(
        scipys_interval(values, resampled, scipys, confidence), rel=1e-9
    )
    assert estimate.stderr == pytest.approx(resampled.std(ddof=1), rel=1e-9)


def test_bca_of_clusters_equals_bca_of_their_ratio() -> None:
    rng = np.random.default_rng(4)
    clusters = rng.integers(0, 25, 200)
    values = rng.gamma(1.0, 1.0, 200)
    sizes = np.bincount(clusters).astype(float)
    settings = Interval(method="bca", n_resamples=2000)
    by_question = estimate_mean(values, clusters=clusters, interval=settings)
    # clusters in the order of their first question, as they are drawn
    order = clusters[np.sort(np.unique(clusters, return_index=True)[1])]
    by_cluster = estimate_ratio(np.bincount(clusters, values)[order], sizes[order], interval=settings)
    assert (by_question.low, by_question.high) == pytest.approx((by_cluster.low, by_cluster.high), rel=1e-9)


def test_bca_of_equal_values_has_a_reason_and_no_interval() -> None:
    estimate = estimate_mean(np.ones(9), interval=Interval(method="bca", n_resamples=99))
    assert estimate.value == 1 and isnan(estimate.low)
    assert "every resample is the same" in estimate.reason


@pytest.mark.parametrize("seed", [-1, 2**64 + 5])
def test_any_integer_is_a_seed(seed: int) -> None:
    means = bootstrap_means(np.arange(9.0)[:, None], np.ones(9), 5, seed)
    assert np.array_equal(means, bootstrap_means(np.arange(9.0)[:, None], np.ones(9), 5, seed % 2**64))


def test_the_number_of_torchs_threads_does_not_matter() -> None:
    sums, threads = np.arange(2000.0)[:, None], torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = bootstrap_means(sums, np.ones(2000), 64, 0)
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(one, bootstrap_means(sums, np.ones(2000), 64, 0))


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.sampled_from([1, 10**9]))
def test_integer_clusters_are_coded_as_any_keys_are(keys: list[int], spread: int) -> None:
    array = np.array(keys) * spread
    codes, distinct = read_clusters(array, len(array))
    expected_codes, expected = read_clusters(array.tolist(), len(array))
    assert codes.tolist() == expected_codes.tolist() and distinct == expected
