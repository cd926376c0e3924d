"""The debiased calibration error against published formulas, enumeration and simulation."""

from __future__ import annotations

from itertools import product
from math import isnan, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscore.metrics import Estimate
from pyscore.metrics.core.arrays import Keys
from pyscore.metrics.core.binning import assign_bins, width_bins
from pyscore.metrics.core.calibration_error import BinSums, estimate_calibration_error, estimate_ece
from pyscore.metrics.core.design import read_design


def of(p: Any, y: Any, n_bins: int = 15, clusters: Keys = None, weights: Any = None) -> Estimate:
    design = read_design(len(p), clusters, weights)
    probability, outcome = np.asarray(p, float), np.asarray(y, float)
    sums = BinSums.of_design(probability, outcome, width_bins(probability, n_bins), n_bins, design)
    return estimate_calibration_error(sums, design.sample, 0.95)


def forecasts(seed: int, n: int, power: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Confidences from 0.5 to 1 and outcomes, of a calibrated model where power is 1."""
    rng = np.random.default_rng(seed)
    p = 0.5 + 0.5 * rng.random(n)
    return p, (rng.random(n) < p**power).astype(float)


def by_the_published_loop(p: np.ndarray, y: np.ndarray, n_bins: int) -> float:
    """Kumar, Liang & Ma 2019, as the package uncertainty-calibration computes it (unbiased_square_ce)."""
    total = 0.0
    for b in range(n_bins):
        inside = [i for i in range(len(p)) if b / n_bins < p[i] <= (b + 1) / n_bins]
        if len(inside) < 2:
            continue
        mean_p = sum(p[i] for i in inside) / len(inside)
        mean_y = sum(y[i] for i in inside) / len(inside)
        total += len(inside) / len(p) * ((mean_p - mean_y) ** 2 - mean_y * (1 - mean_y) / (len(inside) - 1))
    return sqrt(max(total, 0.0))


@given(st.integers(0, 10**6), st.integers(2, 80))
def test_it_is_the_published_one_where_a_bin_holds_one_probability(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.choice([0.05, 0.3, 0.55, 0.9], n)
    y = (rng.random(n) < p**2).astype(float)
    found, published = of(p, y, 10).value, by_the_published_loop(p, y, 10)
    assert (published == 0 and isnan(found)) or found == pytest.approx(published, abs=1e-7)


def test_its_square_is_unbiased_also_where_probabilities_in_a_bin_differ() -> None:
    # All 32 outcomes of five questions in one bin, each with its probability; p is off by 0.1 on average.
    p, truth = np.array([0.35, 0.5, 0.6, 0.7, 0.85]), np.array([0.5, 0.5, 0.6, 0.95, 0.95])
    mean = 0.0
    for outcome in product([0.0, 1.0], repeat=5):
        y = np.array(outcome)
        d = y - p
        squared = (d.sum() ** 2 - (d**2).sum()) / 20  # the mean of d_i d_j over pairs
        assert of(p, y, 1).value == pytest.approx(sqrt(max(squared, 0.0)), abs=1e-7)
        mean += np.prod(np.where(y == 1, truth, 1 - truth)) * squared
    off = truth - p
    assert mean == pytest.approx((off.sum() ** 2 - (off**2).sum()) / 20)


@given(st.integers(0, 10**6), st.integers(60, 200))
def test_a_cluster_of_copies_is_one_observation(seed: int, n: int) -> None:
    p, y = forecasts(seed, n, 1.5)
    copies = np.repeat(p, 3), np.repeat(y, 3)
    once, copied, taken_for_new = of(p, y), of(*copies, clusters=np.repeat(np.arange(n), 3)), of(*copies)
    assert copied.value == pytest.approx(once.value, abs=1e-6)
    assert copied.high - copied.low > taken_for_new.high - taken_for_new.low


@given(st.integers(0, 10**6), st.integers(60, 200))
def test_questions_as_clusters_and_weights_that_are_equal_change_nothing(seed: int, n: int) -> None:
    p, y = forecasts(seed, n, 1.5)
    plain = of(p, y)
    for other in (of(p, y, clusters=range(n)), of(p, y, weights=np.full(n, 0.25))):
        for name in ("value", "stderr", "low", "high"):
            assert getattr(other, name) == pytest.approx(getattr(plain, name), abs=1e-6)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 400), st.floats(0.2, 5), st.booleans())
def test_an_interval_has_width_and_stays_within_0_and_1_or_a_reason_is_given(
    seed: int, n: int, power: float, clustered: bool
) -> None:
    p, y = forecasts(seed, n, power)
    found = of(p, y, clusters=np.arange(n) // 3 if clustered else None)
    if found.reason:
        assert isnan(found.low) and isnan(found.high) and isnan(found.stderr)
    else:
        assert 0 <= found.low <= found.value <= found.high <= 1 and found.low < found.high and found.stderr > 0


def test_far_from_calibrated_both_ways_to_find_an_end_agree() -> None:
    # The interval changes from noncentral F to a normal distribution where the error is 5,000 scales large.
    rng = np.random.default_rng(0)
    p = np.full(20_000, 0.9)
    for rate in (0.65, 0.68, 0.72):
        y = (rng.random(len(p)) < rate).astype(float)
        found, gap = of(p, y), abs(y.mean() - 0.9)
        half = 1.96 * sqrt(y.mean() * (1 - y.mean()) / len(p))  # one bin: its gap is a difference from a constant
        assert (found.low, found.high) == pytest.approx((gap - half, gap + half), abs=1e-3)


def test_what_too_few_questions_say_has_its_reason() -> None:
    assert of([0.999] * 500, [1.0] * 500).reason == "probabilities too near 0 and 1 for so few questions"
    assert of([0.1, 0.9], [0, 1]).reason == "no bin has two questions"
    assert of([0.9, 0.9], [0, 1], clusters=["a", "a"]).reason.startswith("one cluster")
    assert of([0.7], [1]).reason.startswith("one question")
    assert of([0.9] * 4, [0, 1, 1, 1], weights=[1e9, 1, 1, 1]).reason.startswith("1.00 effective questions of 4")
    # Two questions of nearly all the weight, in a bin each: no bin has a spread.
    found = of([0.9] * 4 + [0.6] * 4, [0, 1, 1, 1] * 2, weights=[1e9, 1, 1, 1] * 2)
    assert found.reason == "one question a bin holds nearly all of its weight: no spread to estimate from"


def test_a_model_that_was_always_right_is_not_called_miscalibrated() -> None:
    # 20 of 20 at 0.9 have a chance of 12 %, but no spread of their own.
    found = of([0.9] * 20, [1.0] * 20)
    assert found.value == pytest.approx(0.1) and found.low == 0 and found.high > 0.1


def test_the_reason_of_ece_is_what_calibrated_models_show() -> None:
    shown, said = [], []
    for seed in range(300):
        p, y = forecasts(seed, 50)
        design = read_design(50)
        found = estimate_ece(BinSums.of_design(p, y, width_bins(p, 15), 15, design), design.sample)
        shown.append(found.value)
        said.append(float(found.reason.rpartition(" ")[2]))
        assert found.reason.startswith("biased up: a calibrated model would show 0.") and isnan(found.low)
    assert np.mean(shown) == pytest.approx(0.122, abs=0.005)
    assert np.mean(said) == pytest.approx(np.mean(shown), rel=0.05)


@pytest.mark.parametrize("power", [1.0, 1.3, 3.0])
@pytest.mark.parametrize("bins", ["width", "mass"])
def test_intervals_hold_the_error_of_the_model(power: float, bins: str) -> None:
    # 200 questions, 150 samples: 95 % with a standard deviation of 1.8 %. The error over bins of all questions is read
    # from two million without the noise of outcomes.
    p = 0.5 + 0.5 * np.random.default_rng(9).random(2_000_000)
    codes = width_bins(p, 15) if bins == "width" else np.argsort(np.argsort(p)) * 15 // len(p)
    counts, off = np.bincount(codes), np.bincount(codes, p**power - p)
    true = sqrt((off[counts > 0] ** 2 / counts[counts > 0]).sum() / len(p))
    hits = 0
    for seed in range(150):
        p, y = forecasts(seed, 200, power)
        codes = assign_bins(p, 15, bins)
        design = read_design(200)
        sums = BinSums.of_design(p, y, codes, int(codes.max()) + 1, design)
        found = estimate_calibration_error(sums, design.sample, 0.95)
        hits += found.low <= true <= found.high
    assert hits / 150 > 0.9
