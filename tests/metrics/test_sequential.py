"""Sequences that may be looked at while they come in: exact games, brute force over means, and what ever goes wrong."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from pyscore.metrics import (
    SequentialTest,
    asymptotic_sequence,
    confidence_sequence,
    estimate_mean,
    sequential_difference,
)
from tools.coverage_cells import sequential as coverage

Floats = NDArray[np.float64]
STAKES = [1 / (j + 2) for j in range(14)]


def capital(x: Floats, m: float) -> Floats:
    """E(m) after each of the values x in [0, 1], multiplied out."""
    total = np.zeros(len(x))
    for j, stake in enumerate(STAKES):
        bet = 0.9 * 2.0**-j
        up = np.cumprod(1 - bet + bet * x / m)
        down = np.cumprod(1 - bet + bet * (1 - x) / (1 - m))
        total += stake / sum(STAKES) * (up + down) / 2
    return total


def means_left(x: Floats, grid: Floats, looks: list[int]) -> Floats:
    """The means of a grid that no look rules out."""
    with np.errstate(over="ignore"):  # far from the values' mean
        largest = np.array([capital(x, m)[[look - 1 for look in looks]].max() for m in grid])
    return grid[largest < 20]


@pytest.mark.parametrize("rate", [0.02, 0.5, 0.9])
def test_the_sequence_of_rates_is_what_brute_force_over_means_leaves(rate: float) -> None:
    x = (np.random.default_rng(1).random(200) < rate).astype(np.float64)
    looks, grid = [10, 50, 120, 200], np.arange(1, 2000) / 2000
    row = confidence_sequence(x, at=looks).rows[-1]
    left = means_left(x, grid, looks)
    assert row["low"] == pytest.approx(left.min(), abs=0.0006)
    assert row["high"] == pytest.approx(left.max(), abs=0.0006)


@pytest.mark.parametrize("draw", ["uniform", "skewed", "concentrated"])
def test_counts_at_levels_lose_next_to_nothing_and_never_gain(draw: str) -> None:
    rng = np.random.default_rng(2)
    x = {"uniform": rng.random(400), "skewed": rng.beta(0.05, 0.5, 400), "concentrated": rng.beta(70, 30, 400)}[draw]
    for null in x.mean() + np.array([-0.05, 0.0, 0.03, 0.1]):
        test = SequentialTest(low=0, high=1, null=null).update(x)
        exact = capital(x, null)[-1]
        assert test.e_value <= exact * (1 + 1e-9)
        assert math.log(test.e_value) == pytest.approx(math.log(exact), abs=0.002 * (1 + abs(math.log(exact))))


def test_the_game_is_fair_for_clusters_whose_size_goes_with_their_value() -> None:
    # A cluster of 1 question scores 1, one of 4 scores 0, 0, 0, 1 or 0, 0, 0, 0 with equal chance. The mean over
    # questions is (½ · 1 + ½ · ½) / (½ · 1 + ½ · 4) = 0.3; that over clusters is 9/16.
    kinds = [([1.0], 0.5), ([0.0, 0.0, 0.0, 1.0], 0.25), ([0.0] * 4, 0.25)]
    expected = {0.3: 0.0, 9 / 16: 0.0}
    for null in expected:
        for drawn in itertools.product(kinds, repeat=4):
            values = [value for kind, _ in drawn for value in kind]
            keys = [c for c, (kind, _) in enumerate(drawn) for _ in kind]
            test = SequentialTest(low=0, high=1, null=null, largest=4).update(values, clusters=keys)
            expected[null] += math.prod(chance for _, chance in drawn) * test.e_value
    assert expected[0.3] == pytest.approx(1, abs=1e-9)
    assert expected[9 / 16] > 1.01


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_a_rate_is_ever_missed_less_often_than_promised(rate: float) -> None:
    # Exact, over every step to 400: the chance of each count among sequences that haven't been ruled out yet.
    alive, missed = np.array([1.0]), 0.0
    for n in range(1, 401):
        alive = np.append(alive * (1 - rate), 0) + np.append(0, alive * rate)
        wins = np.arange(n + 1)
        bets = 0.9 * 0.5 ** np.arange(14)[:, None]
        up = wins * np.log1p(bets * (1 / rate - 1)) + (n - wins) * np.log1p(-bets)
        down = (n - wins) * np.log1p(bets * (1 / (1 - rate) - 1)) + wins * np.log1p(-bets)
        out = np.array(STAKES) / sum(STAKES) @ np.exp(np.minimum(np.logaddexp(up, down), 99)) / 2 >= 20
        missed += alive[out].sum()
        alive[out] = 0
    assert 0.01 < missed <= 0.05


def test_twenty_looks_at_the_usual_interval_miss_four_times_as_often_as_once() -> None:
    x = np.random.default_rng(3).random((500, 1000))
    at = np.unique(np.geomspace(30, 1000, 20).round().astype(int))
    sums, squares = np.cumsum(x, axis=1)[:, at - 1], np.cumsum(x * x, axis=1)[:, at - 1]
    stderr = np.sqrt((squares / at - (sums / at) ** 2) / (at - 1))
    out = np.abs(sums / at - 0.5) > 1.96 * stderr
    assert out[:, -1].mean() < 0.08 and out.any(axis=1).mean() > 0.15
    missed = [SequentialTest(low=0, high=1, null=0.5).update(row[:300]).update(row[300:]).p_value for row in x[:200]]
    assert np.mean(np.array(missed) <= 0.05) < 0.05


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from([-1.0, -0.25, 0.0, 0.5, 1.0]), min_size=1, max_size=40), min_size=1, max_size=6),
    st.sampled_from([-0.3, 0.0, 0.001]),
    st.sampled_from([0.6, 0.8, 0.95]),
)
def test_the_p_value_agrees_with_the_interval(updates: list[list[float]], null: float, confidence: float) -> None:
    test, before = SequentialTest(null=null, confidence=confidence), (-1.0, 1.0)
    for values in updates:
        e = test.update(values).estimate
        if e.reason:  # no mean is left, so none of them is the null
            assert test.p_value <= 1 - confidence
            break
        assert (test.p_value <= 1 - confidence) == (not e.low <= null <= e.high)
        assert before[0] <= e.low <= e.high <= before[1]
        before = e.low, e.high


def test_the_p_value_is_the_inverse_of_the_largest_e_value() -> None:
    test = SequentialTest()
    seen = [test.update(values).e_value for values in ([1.0] * 12, [-1.0] * 12, [0.0] * 5)]
    assert seen[0] > 20 > seen[2] and test.p_value == pytest.approx(1 / seen[0])
    assert SequentialTest().p_value == 1


def test_rounding_is_no_evidence() -> None:
    d = np.tile([0.1, 0.2, -0.3], 3000)
    test = SequentialTest().update(d)
    assert test.p_value > 0.9 and test.estimate.low < 0 < test.estimate.high


def test_rates_of_0_and_1_have_an_interval_within_the_range() -> None:
    none, every = confidence_sequence(np.zeros(50))["mean"], confidence_sequence(np.ones(50))["mean"]
    assert (none.low, every.high) == (0, 1) and 0.05 < none.high < 0.15
    assert every.low == pytest.approx(1 - none.high)


def test_another_range_is_the_same_sequence_scaled() -> None:
    x = np.random.default_rng(4).random(300)
    plain, scaled = confidence_sequence(x), confidence_sequence(8 * x - 3, low=-3, high=5)
    for one, other in zip(plain.rows, scaled.rows, strict=True):
        assert other["low"] == pytest.approx(8 * one["low"] - 3) and other["high"] == pytest.approx(8 * one["high"] - 3)
    assert scaled["mean"].stderr == pytest.approx(8 * plain["mean"].stderr)


def test_the_usual_standard_error_stands_beside() -> None:
    rng = np.random.default_rng(5)
    x = rng.random(200)
    assert confidence_sequence(x)["mean"].stderr == pytest.approx(np.std(x, ddof=1) / np.sqrt(200))
    keys = np.repeat(np.arange(50), 4)
    e = confidence_sequence(x, clusters=keys)["mean"]
    assert e.stderr == pytest.approx(estimate_mean(x, clusters=keys).stderr) and e.n == 200


def test_equal_clusters_count_as_their_means() -> None:
    x = np.random.default_rng(6).random((60, 5))
    clustered = confidence_sequence(x.ravel(), clusters=np.repeat(np.arange(60), 5), at=[100, 300])
    means = confidence_sequence(x.mean(axis=1), at=[20, 60])
    for one, other in zip(clustered.rows, means.rows, strict=True):
        assert [one[end] for end in ("mean", "low", "high")] == pytest.approx(
            [other[e] for e in ("mean", "low", "high")]
        )


def test_a_cluster_counts_from_its_last_question_on() -> None:
    report = confidence_sequence([1, 0, 1, 1, 0], clusters=["a", "b", "a", "c", "b"], at=[2, 3, 4, 5])
    assert [(row["n"], row["mean"]) for row in report.rows] == [(2, 1), (3, 1), (5, 0.6)]


def test_a_test_continues_after_pickling_as_if_nothing_had_happened() -> None:
    a, b = np.random.default_rng(7).random((2, 90))
    keys = np.repeat(np.arange(30), 3)
    test = SequentialTest(largest=4).update(a[:45] - b[:45], clusters=keys[:45])
    copied = pickle.loads(pickle.dumps(test))
    for each in (test, copied):
        each.update(a[45:] - b[45:], clusters=keys[45:])
    assert copied.estimate == test.estimate and copied.p_value == test.p_value
    report = sequential_difference(a, b, clusters=keys, largest=4, at=[45, 90])
    assert report["difference"] == test.estimate and report.numbers["p"] == test.p_value


def test_a_difference_is_decided_once() -> None:
    a, b = np.ones(100), np.zeros(100)
    report = sequential_difference(a, b, at=range(1, 101))
    first = report.numbers["decided_at"]
    assert 3 < first < 15 and report.rows[int(first) - 2]["p"] > 0.05 >= report.rows[int(first) - 1]["p"]
    assert math.isnan(sequential_difference(a, a).numbers["decided_at"])
    assert sequential_difference(a, b, null=0.5, at=[100])["difference"].low > 0.5


def test_values_that_drift_leave_no_interval() -> None:
    test = SequentialTest().update(np.ones(200)).update(-np.ones(2000))
    assert math.isnan(test.estimate.low) and "drifted" in test.estimate.reason and test.p_value < 0.05


def test_the_asymptotic_sequence_is_narrowest_where_it_is_asked_to_be() -> None:
    # Waudby-Smith et al. 2024: s √(2 (t r² + 1) / (t² r²) · log(√(t r² + 1) / alpha)), here minimised over r² by scipy
    x = np.random.default_rng(8).normal(size=500)

    def width(log_r2: float) -> float:
        r2 = math.exp(log_r2)
        return math.sqrt(2 * (500 * r2 + 1) / (500**2 * r2) * math.log(math.sqrt(500 * r2 + 1) / 0.05))

    narrowest = minimize_scalar(width, bounds=(-12, 0), method="bounded", options={"xatol": 1e-10}).fun
    e = asymptotic_sequence(x, best_at=500, at=[500])["mean"]
    assert e.high - e.low == pytest.approx(2 * narrowest * np.std(x, ddof=1), rel=1e-6)
    assert asymptotic_sequence(x, best_at=100, at=[500])["mean"].high > e.high


def test_the_asymptotic_sequence_waits_and_knows_clusters() -> None:
    x = np.repeat(np.random.default_rng(9).normal(size=200), 3)
    keys = np.repeat(np.arange(200), 3)
    report = asymptotic_sequence(x, best_at=200, clusters=keys, at=[150, 300, 600])
    assert [row["n"] for row in report.rows] == [300, 600]
    alone = asymptotic_sequence(x[::3], best_at=200, at=[100, 200])["mean"]
    assert (report["mean"].low, report["mean"].high) == pytest.approx((alone.low, alone.high))
    assert "no spread" in asymptotic_sequence(np.ones(200), best_at=100)["mean"].reason


def test_errors_name_the_row_and_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"values\[1\] = 1.5 is outside \[0, 1\]"):
        confidence_sequence([0, 1.5])
    with pytest.raises(ValueError, match="low < high"):
        confidence_sequence([0.5], low=1, high=1)
    with pytest.raises(ValueError, match=r"null must lie .* got 1"):
        SequentialTest(null=1)
    with pytest.raises(ValueError, match="at must ascend"):
        confidence_sequence([0, 1], at=[2, 1])
    with pytest.raises(ValueError, match=r"a\[0\] = inf"):
        sequential_difference([math.inf], [0])
    with pytest.raises(ValueError, match="fewer than first = 100"):
        asymptotic_sequence(np.zeros(50), best_at=100)
    test = SequentialTest(largest=2).update([0, 1, 1], clusters=["a", "a", "b"])
    with pytest.raises(ValueError, match="'c' has 3 questions"):
        test.update([0, 1, 1], clusters=["c", "c", "c"])
    with pytest.raises(ValueError, match="'b' was in an earlier update"):
        test.update([0, 1, 1], clusters=["b", "c", "c"])
    with pytest.raises(ValueError, match="always or never"):
        test.update([0, 1, 1])
    assert test.n == 3


def test_the_simulated_capital_is_that_of_the_test() -> None:
    x = (np.random.default_rng(10).random(120) < 0.4).astype(np.float64)
    simulated = coverage.capital(x[None], 0.3)[0]
    assert simulated == pytest.approx(capital(x, 0.3), rel=1e-9)
    assert SequentialTest(low=0, high=1, null=0.3).update(x).e_value == pytest.approx(simulated[-1], rel=1e-9)
    sizes = np.random.default_rng(11).integers(1, 5, 120)
    clustered = SequentialTest(low=0, high=1, null=0.3, largest=4)
    clustered.update(np.repeat(x, sizes), clusters=np.repeat(np.arange(120), sizes))
    assert clustered.e_value == pytest.approx(coverage.capital(x[None], 0.3, sizes / 4)[0, -1], rel=1e-9)


def test_a_small_simulation_keeps_its_promises() -> None:
    rows = coverage.cells(40)
    # Samples of 40, and a lognormal that is known to fall short of 95 %: only what is far off shows here.
    printed = [row for row in rows if "covered" in row and row.get("samples", 40) > 20]
    assert min(row["covered"] for row in printed) > 0.75 and np.mean([row["covered"] for row in printed]) > 0.93
    assert [row["wrong"] <= 0.1 < row["t"] for row in rows if "wrong" in row] == [True]
    narrow = [row["width"] < 1.15 * row["hedged"] and row["width"] < row["plug-in"] for row in rows if "hedged" in row]
    assert np.mean(narrow) > 0.9
