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


def jackknifed(values: np.ndarray, clusters: np.ndarray, weights: np.ndarray) -> float:
    """The leave-one-cluster-out error of statsmodels' weighted intercept, fitted anew without each cluster."""
    units = np.unique(clusters)
    whole = sm.WLS(values, np.ones(len(values)), weights=weights).fit().params[0]
    left = [clusters != unit for unit in units]
    fits = [sm.WLS(values[rows], np.ones(rows.sum()), weights=weights[rows]).fit().params[0] for rows in left]
    return float(sqrt((len(units) - 1) / len(units) * ((np.array(fits) - whole) ** 2).sum()))


@settings(max_examples=40)
@given(seeds, st.booleans())
def test_a_mean_is_statsmodels_intercept_with_the_jackknifes_error(seed: int, weighted: bool) -> None:
    values, clusters = clustered_values(seed)
    weights = np.random.default_rng(seed + 1).gamma(2.0, 1.0, len(values)) if weighted else np.ones(len(values))
    estimate = estimate_mean(values, clusters=clusters, weights=weights)
    assert estimate.value == pytest.approx(np.average(values, weights=weights), rel=1e-9)
    totals = np.bincount(clusters, weights)
    effective = totals.sum() ** 2 / (totals @ totals)
    if effective < 1.5:
        assert estimate.reason.startswith(f"{effective:.2f} effective clusters")
        return
    assert estimate.stderr == pytest.approx(jackknifed(values, clusters, weights), rel=1e-9)
    half = stats.t.ppf(0.975, effective - 1) * estimate.stderr
    assert (estimate.low, estimate.high) == pytest.approx((estimate.value - half, estimate.value + half), rel=1e-9)


@settings(max_examples=40)
@given(seeds)
def test_without_clusters_a_weighted_mean_has_statsmodels_hc3(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=20), rng.gamma(2.0, 1.0, 20)
    fit = sm.WLS(values, np.ones(20), weights=weights).fit(cov_type="HC3")
    assert estimate_mean(values, weights=weights).stderr == pytest.approx(fit.bse[0] * sqrt(19 / 20), rel=1e-9)


@settings(max_examples=40)
@given(seeds, st.integers(2, 9), st.integers(1, 5))
def test_equal_clusters_have_statsmodels_cluster_robust_error(seed: int, units: int, size: int) -> None:
    values, clusters = np.random.default_rng(seed).normal(size=units * size), np.repeat(np.arange(units), size)
    # Without the correction for regressors, (n - 1)/(n - k), only C/(C - 1) is left.
    fit = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    estimate = estimate_mean(values, clusters=clusters)
    assert estimate.stderr == pytest.approx(fit.bse[0] * sqrt(units / (units - 1)), rel=1e-9)
    half = stats.t.ppf(0.975, units - 1) * estimate.stderr
    assert (estimate.low, estimate.high) == pytest.approx((estimate.value - half, estimate.value + half), rel=1e-9)


def inspects(metric: Any, values: np.ndarray, clusters: np.ndarray | None) -> float:
    keys = range(len(values)) if clusters is None else clusters
    scores = [
        SampleScore(score=Score(value=float(value)), sample_metadata={"claim": f"c{key}"})
        for value, key in zip(values, keys, strict=True)
    ]
    return float(metric(scores))


@settings(max_examples=25)
@given(seeds)
def test_errors_of_equal_clusters_equal_inspects(seed: int) -> None:
    values, clusters = np.random.default_rng(seed).normal(size=24), np.repeat(np.arange(8), 3)
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
def test_a_ratio_has_the_error_of_the_jackknife(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bytes_, nats = rng.integers(1, 99, 30).astype(float), rng.gamma(2.0, 9.0, 30)
    estimate = estimate_ratio(nats, bytes_)
    left = (nats.sum() - nats) / (bytes_.sum() - bytes_)
    assert estimate.value == pytest.approx(nats.sum() / bytes_.sum(), rel=1e-12)
    assert estimate.stderr == pytest.approx(sqrt(29 / 30 * ((left - estimate.value) ** 2).sum()), rel=1e-9)
