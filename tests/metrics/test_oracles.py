"""Errors of means as other packages compute them: statsmodels' cluster-robust regression and inspect_ai's stderr."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_ai.scorer import SampleScore, Score, stderr
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from pyscore.metrics import Interval, estimate_difference, estimate_mean, estimate_rate, estimate_ratio

seeds = st.integers(0, 2**32 - 1)


def clustered_values(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 60))
    clusters = np.r_[0, 1, rng.integers(0, max(2, n // 3), n - 2)]
    return rng.normal(size=n) + clusters % 3, clusters


@settings(max_examples=40)
@given(seeds)
def test_a_clustered_mean_equals_statsmodels_cluster_robust_intercept(seed: int) -> None:
    values, clusters = clustered_values(seed)
    # without the correction for regressors, (n - 1)/(n - k), only C/(C - 1) is left
    fit = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    units = len(np.unique(clusters))
    estimate = estimate_mean(values, clusters=clusters)
    assert estimate.value == pytest.approx(fit.params[0], rel=1e-9)
    assert estimate.stderr == pytest.approx(fit.bse[0] * sqrt(units / (units - 1)), rel=1e-9)
    half = stats.t.ppf(0.975, units - 1) * estimate.stderr
    assert (estimate.low, estimate.high) == pytest.approx((estimate.value - half, estimate.value + half), rel=1e-9)


@settings(max_examples=40)
@given(seeds)
def test_a_weighted_mean_equals_statsmodels_weighted_intercept(seed: int) -> None:
    values, clusters = clustered_values(seed)
    weights = np.random.default_rng(seed + 1).gamma(2.0, 1.0, len(values))
    fit = sm.WLS(values, np.ones(len(values)), weights=weights).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    units = len(np.unique(clusters))
    estimate = estimate_mean(values, clusters=clusters, weights=weights)
    assert estimate.value == pytest.approx(fit.params[0], rel=1e-9)
    assert estimate.stderr == pytest.approx(fit.bse[0] * sqrt(units / (units - 1)), rel=1e-9)


def inspects(metric: Any, values: np.ndarray, clusters: np.ndarray | None) -> float:
    keys = range(len(values)) if clusters is None else clusters
    scores = [
        SampleScore(score=Score(value=float(value)), sample_metadata={"claim": f"c{key}"})
        for value, key in zip(values, keys, strict=True)
    ]
    return float(metric(scores))


@settings(max_examples=25)
@given(seeds)
def test_errors_equal_inspects(seed: int) -> None:
    values, clusters = clustered_values(seed)
    assert estimate_mean(values).stderr == pytest.approx(inspects(stderr(), values, None), rel=1e-9)
    assert estimate_mean(values, clusters=clusters).stderr == pytest.approx(
        inspects(stderr(cluster="claim"), values, clusters), rel=1e-9
    )


@given(st.integers(2, 300), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_a_rate_has_the_wilson_interval_of_statsmodels(n: int, share: float, confidence: float) -> None:
    wins = round(share * n)
    estimate = estimate_rate([1] * wins + [0] * (n - wins), interval=Interval(confidence))
    low, high = proportion_confint(wins, n, alpha=1 - confidence, method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx((max(low, 0), min(high, 1)), abs=1e-9)


@given(seeds)
def test_a_difference_is_scipys_paired_t(seed: int) -> None:
    a, b = np.random.default_rng(seed).normal(size=(2, 25))
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    estimate = estimate_difference(a, b)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


@given(seeds)
def test_a_ratio_has_the_error_of_its_linearisation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bytes_, nats = rng.integers(1, 99, 30).astype(float), rng.gamma(2.0, 9.0, 30)
    estimate = estimate_ratio(nats, bytes_)
    residuals = (nats - estimate.value * bytes_) / bytes_.sum()
    assert estimate.value == pytest.approx(nats.sum() / bytes_.sum(), rel=1e-12)
    assert estimate.stderr == pytest.approx(sqrt(30 / 29 * (residuals @ residuals)), rel=1e-9)
