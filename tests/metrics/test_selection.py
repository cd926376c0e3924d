"""What was selected by its own result: intervals that hold nevertheless, against truncated normals and simulations."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import truncnorm

from pyscore.metrics import Estimate, Interval, best_of, estimate_rate, rank_intervals, selected_intervals
from pyscore.metrics.core.design import read_design
from pyscore.metrics.core.joint import pair_statistics, read_joint, stepdown_pairs
from pyscore.metrics.core.scales import SHARE
from pyscore.metrics.core.winners import deviation, max_quantile, room
from tools.coverage_cells.selection import cells

Floats = NDArray[np.float64]
FEW = Interval(n_resamples=500)


def answers(n: int, k: int, seed: int = 0, rate: float = 0.6) -> Floats:
    return (np.random.default_rng(seed).random((n, k)) < rate).astype(np.float64)


# The best of k


def test_conditional_quantiles_are_those_published_with_conditional_inference() -> None:
    # The documentation of the package conditional-inference 1.0.0 (D. Bowen) has these: five independent estimates 0 to
    # 4 with variance 1, and one of 1 that is known to lie within [0, 3].
    a, b = room(np.arange(5.0), np.eye(5), 4)
    ends = 4 - deviation(np.array([0.975, 0.5, 0.025]), a, b, inf)
    assert ends == pytest.approx([0.06742731, 3.68627552, 5.93267239], abs=1e-8)
    assert 1 - float(deviation(0.5, 1.0, 2.0, inf)) == pytest.approx(0.7108033900602351, abs=1e-12)


def test_a_report_of_estimates_with_a_covariance_equals_them() -> None:
    report = best_of({f"x{i}": float(i) for i in range(5)}, covariance=np.eye(5), method="conditional")
    best = report["best"]
    assert (best.value, best.low, best.high) == pytest.approx((3.68627552, 0.06742731, 5.93267239), abs=1e-8)
    plain = report["best_not_corrected"]
    assert (plain.value, plain.low, plain.high) == pytest.approx((4, 2.040036, 5.959964), abs=1e-6)
    hybrid = best_of(np.arange(5.0), covariance=np.eye(5), interval=Interval(n_resamples=200_000))["best"]
    # Published: 0.848 and 5.977, by a simulated projection quantile of its own.
    assert (hybrid.low, hybrid.high) == pytest.approx((0.848, 5.977), abs=0.03)


@pytest.mark.parametrize(("a", "b", "c"), [(1.0, inf, inf), (0.3, 2.0, inf), (0.2, inf, 3.0), (2.5, 0.1, 2.8)])
@pytest.mark.parametrize("probability", [0.025, 0.5, 0.975])
def test_at_the_deviation_a_truncated_normal_has_the_probability(
    a: float, b: float, c: float, probability: float
) -> None:
    u = float(deviation(probability, a, b, c))
    assert truncnorm.cdf(u, max(u - a, -c), min(u + b, c)) == pytest.approx(probability, abs=1e-9)


def test_the_best_stays_best_within_its_room_and_not_beyond() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        k = int(rng.integers(2, 6))
        half = rng.normal(size=(k, k)) * rng.uniform(0.2, 3, (k, 1))
        covariance, values = half @ half.T, rng.normal(size=k)
        best = int(values.argmax())
        down, up = room(values, covariance, best)
        # What is independent of the best value stays as it is, all else moves with it.
        moves = covariance[:, best] / np.sqrt(covariance[best, best])
        for end, sign in ((down, -1), (up, 1)):
            if end < inf:
                assert (values + sign * (end - 1e-6) * moves).argmax() == best
                assert (values + sign * (end + 1e-6) * moves).argmax() != best


def test_the_simulated_quantile_is_that_of_independent_maxima() -> None:
    expected = 3.0157  # Φ⁻¹((1 + 0.95^(1/20)) / 2)
    assert max_quantile(0.95, np.eye(20), 100_000, 0) == pytest.approx(expected, abs=0.02)
    # Copies are one, and what never varies is none.
    assert max_quantile(0.95, np.ones((20, 20)), 100_000, 0) == pytest.approx(1.96, abs=0.02)
    assert max_quantile(0.95, np.diag([1.0, 0.0]), 100_000, 0) == pytest.approx(1.96, abs=0.02)


@pytest.mark.parametrize("method", ["hybrid", "conditional", "projection"])
def test_the_best_of_one_has_the_usual_interval(method: str) -> None:
    report = best_of(answers(60, 1), method=method, interval=Interval(n_resamples=100_000))
    best, plain = report["best"], report["best_not_corrected"]
    assert (best.value, best.stderr) == pytest.approx((plain.value, plain.stderr))
    assert (best.low, best.high) == pytest.approx((plain.low, plain.high), abs=2e-3)
    assert plain == estimate_rate(answers(60, 1)[:, 0])


def test_a_clear_winner_has_about_the_usual_interval() -> None:
    scores = np.column_stack([answers(400, 4, rate=0.3), answers(400, 1, seed=1, rate=0.8)])
    best, plain = (best_of(scores)[name] for name in ("best", "best_not_corrected"))
    assert best.value == pytest.approx(plain.value, abs=1e-6)
    # A tenth of alpha went to the projection interval.
    assert plain.high - plain.low < best.high - best.low < 1.04 * (plain.high - plain.low)


def test_a_narrow_winner_is_put_lower() -> None:
    report = best_of(answers(200, 20))
    assert report["best"].value < report["best_not_corrected"].value
    assert report["best"].low < report["best_not_corrected"].low
    assert [row["best"] for row in report.rows].index(True) == report.numbers["best"]


def test_the_smallest_is_the_best_of_mirrored_scores() -> None:
    scores = answers(100, 5)
    high, low = best_of(scores)["best"], best_of(1 - scores, higher_is_better=False)["best"]
    assert (low.value, low.low, low.high) == pytest.approx((1 - high.value, 1 - high.high, 1 - high.low), abs=1e-9)


def test_a_copy_of_the_best_changes_nothing() -> None:
    scores = answers(150, 4)
    copied = np.column_stack([scores, scores[:, scores.mean(axis=0).argmax()]])
    one, two = best_of(scores)["best"], best_of(copied)["best"]
    assert two.value == pytest.approx(one.value, abs=1e-3)
    assert (two.low, two.high) == pytest.approx((one.low, one.high), abs=3e-3)


def test_a_mapping_names_its_winner() -> None:
    report = best_of({"step 1": [0, 0, 1, 0, 1], "step 2": [1, 1, 1, 0, 1]})
    assert report.title == "best of 2: step 2"
    assert "best:step 2" in report.signature


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 6), st.floats(0, 1))
def test_shares_keep_their_range_and_their_uncertainty(seed: int, n: int, k: int, rate: float) -> None:
    best = best_of(answers(n, k, seed, rate), interval=FEW)["best"]
    assert 0 <= best.low <= best.value <= best.high <= 1
    assert best.high > best.low


def test_ties_are_no_certainty() -> None:
    report = best_of(np.ones((30, 4)))
    assert report["best"].low < estimate_rate(np.ones(30)).low
    assert report["best"].high == 1


def test_one_question_has_a_reason() -> None:
    assert best_of([[1.0, 0.0]])["best"].reason == "one question: no spread to estimate from"


def test_a_conditional_interval_of_a_tie_has_a_reason() -> None:
    best = best_of([1.0, 1.0], covariance=np.eye(2), method="conditional")["best"]
    assert "two are best" in best.reason


@pytest.mark.parametrize("lead", [0.0, 1e-12, 1e-7])
def test_a_tie_has_the_whole_projection_interval(lead: float) -> None:
    means, certain = [lead, 0.0, -1.0], replace(FEW, confidence=0.995)
    tied = best_of(means, covariance=np.eye(3), interval=FEW)["best"]
    wide = best_of(means, covariance=np.eye(3), method="projection", interval=certain)["best"]
    assert (tied.low, tied.high) == pytest.approx((wide.low, wide.high))


def test_a_winner_by_a_hair_has_the_whole_projection_interval() -> None:
    scores = np.column_stack([np.tile([0.1, 0.3], 15), np.tile([0.3, 0.1], 15)])
    scores[-1, 1] += 0.1
    weights = [1e3, 1e3, *[1.0] * 28]
    best = best_of(scores, weights=weights, interval=FEW)["best"]
    wide = best_of(scores, weights=weights, interval=FEW, method="projection")["best"]
    assert (best.low, best.high) == pytest.approx((wide.low, wide.high))


def test_clusters_of_copies_count_once() -> None:
    scores, keys = answers(80, 5), np.repeat(np.arange(80), 3)
    one = best_of(scores, method="projection")["best"]
    three = best_of(scores.repeat(3, axis=0), clusters=keys, method="projection")["best"]
    assert (three.low, three.high) == pytest.approx((one.low, one.high), abs=0.01)


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        ([[0.0, np.nan]], {}, r"scores\[0, 1\] = nan must be finite"),
        ({}, {}, "scores is empty"),
        ({"a": [1.0], "b": [1.0, 2.0]}, {}, "a has 1, b has 2"),
        ([[0.0, 1.0]], {"method": "best"}, "method"),
        ([[0.0, 1.0]], {"interval": Interval(method="bootstrap")}, "'auto' or 't'"),
        ([0.0, 1.0], {"covariance": np.eye(3)}, r"covariance must be \[2, 2\]"),
        ([0.0, 1.0], {"covariance": [[1.0, 2.0], [2.0, 1.0]]}, "no negative variance"),
        ([0.0, 1.0], {"covariance": np.diag([1.0, 0.0])}, r"covariance\[1\] on the diagonal = 0.0"),
        ([0.0, inf], {"covariance": np.eye(2)}, r"scores\[1\] = inf must be finite"),
        ([0.0, 1.0], {"covariance": np.eye(2), "clusters": [0, 1]}, "covariance is of estimates"),
        ([[0.0, 2.0]], {"scale": SHARE}, r"within \[0, 1\]"),
    ],
)
def test_bad_scores_are_refused(scores: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        best_of(scores, **options)


def test_the_conditional_interval_holds_for_each_that_may_win_and_the_hybrid_one_over_all() -> None:
    means, covariance = np.array([0.0, 0.5, 1.0]), np.array([[1.0, 0.5, 0.0], [0.5, 2.0, 0.3], [0.0, 0.3, 0.5]])
    samples = np.random.default_rng(0).multivariate_normal(means, covariance, 6000)
    best, stderr = samples.argmax(axis=1), np.sqrt(np.diag(covariance))
    a, b = np.array([room(values, covariance, i) for values, i in zip(samples, best, strict=True)]).T
    off = (samples - means)[np.arange(6000), best] / stderr[best]
    held = (deviation(0.025, a, b, inf) <= off) & (off <= deviation(0.975, a, b, inf))
    too_high = deviation(0.5, a, b, inf) < off
    for i in range(3):
        chosen = best == i
        assert chosen.sum() > 700
        assert held[chosen].mean() == pytest.approx(0.95, abs=0.02)
        assert too_high[chosen].mean() == pytest.approx(0.5, abs=0.06)
    c, level = max_quantile(0.995, covariance, 50_000, 0), 0.045 / 0.995
    hybrid = (deviation(level / 2, a, b, c) <= off) & (off <= deviation(1 - level / 2, a, b, c))
    assert 0.94 < hybrid.mean() < 0.965
    assert (np.abs(off) <= 1.96).mean() < 0.945


def test_questions_of_weight_0_are_left_out() -> None:
    scores, weights = answers(60, 3), np.repeat([1.0, 0.0], 30)
    assert best_of(scores, weights=weights).estimates == best_of(scores[:30]).estimates
    assert rank_intervals(scores, weights=weights).rows == rank_intervals(scores[:30]).rows


# Those selected


def test_selected_intervals_are_the_usual_ones_at_a_higher_confidence() -> None:
    table = answers(100, 20)
    values = {str(i): table[:, i] for i in range(20)}
    report = selected_intervals(values, ["3", "5"])
    assert report.confidence == pytest.approx(1 - 2 * 0.05 / 20)
    assert report["3"] == estimate_rate(values["3"], interval=Interval(report.confidence))
    every = selected_intervals(values, list(values))
    assert every["3"] == estimate_rate(values["3"])
    cautious = selected_intervals(values, ["3", "5"], dependence="any")
    assert cautious.confidence == pytest.approx(1 - 2 * 0.05 / 20 / sum(1 / j for j in range(1, 21)))


def test_selected_intervals_come_from_functions_of_the_confidence_too() -> None:
    def made(confidence: float) -> Estimate:
        return Estimate(0.0, 1.0, -confidence, confidence, 9)

    report = selected_intervals({"a": made, "b": [0.0, 1.0, 1.0]}, ["a"])
    assert report["a"].high == pytest.approx(0.975)
    with pytest.raises(TypeError, match=r"estimates\['b'\] must return an Estimate"):
        selected_intervals({"a": made, "b": lambda confidence: confidence}, ["b"])


def test_bad_selections_are_refused() -> None:
    values = {"a": [0.0, 1.0], "b": [1.0, 1.0]}
    with pytest.raises(ValueError, match="'c', which is not among"):
        selected_intervals(values, ["c"])
    with pytest.raises(ValueError, match="each once"):
        selected_intervals(values, ["a", "a"])
    with pytest.raises(ValueError, match="at least one"):
        selected_intervals(values, [])
    with pytest.raises(TypeError, match="single string"):
        selected_intervals(values, "a")


# Ranks


def bounds(report: Any) -> dict[str, tuple[int, int, int]]:
    return {row["name"]: (row["rank_low"], row["rank"], row["rank_high"]) for row in report.rows}


def test_ranks_far_apart_are_certain_and_equal_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(size=(100, 3))
    scores = {"low": own[:, 0], "high": own[:, 1] + 9, "copy": own[:, 1] + 9, "middle": own[:, 2] + 4}
    report = rank_intervals(scores)
    assert bounds(report) == {"high": (1, 1, 2), "copy": (1, 1, 2), "middle": (3, 3, 3), "low": (4, 4, 4)}
    assert [row["name"] for row in report.rows] == ["high", "copy", "middle", "low"]
    assert list(bounds(rank_intervals(scores, higher_is_better=False)).values()) == [
        (1, 1, 1), (2, 2, 2), (3, 3, 4), (3, 3, 4),
    ]  # fmt: skip


def test_two_are_told_apart_by_the_paired_t_test() -> None:
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(0)
    interval = Interval(n_resamples=20_000)
    checked = 0
    for shift in np.linspace(0, 0.8, 60):
        scores = rng.normal([shift, 0], 1, (30, 2))
        p = ttest_rel(*scores.T).pvalue
        if abs(p - 0.05) > 0.005:  # The quantile is simulated.
            checked += 1
            assert rank_intervals(scores, interval=interval).numbers["certain_pairs"] == (p < 0.05)
    assert checked > 40


def test_the_step_down_finds_what_one_step_does_and_more() -> None:
    rng = np.random.default_rng(1)
    joint = read_joint(rng.normal(size=(60, 8)) + np.linspace(0, 1.2, 8))
    t, stderr = pair_statistics(joint)
    found = stepdown_pairs(t, stderr, joint.covariance, joint.design.sample.dof, 0.95, 4000, 0)
    draws = rng.multivariate_normal(np.zeros(8), joint.covariance, 4000)
    draws /= np.sqrt(rng.chisquare(59, (4000, 1)) / 59)
    leads = np.abs(draws[:, :, None] - draws[:, None])
    largest = np.divide(leads, stderr, out=np.zeros_like(leads), where=stderr > 0).max(axis=(1, 2))
    at_once = t > np.quantile(largest, 0.95) + 0.05
    assert at_once.any()
    assert (found | ~at_once).all()


def test_five_of_five_is_no_certainty_but_twenty_of_twenty_is() -> None:
    for n, certain in ((5, 0), (20, 1)):
        scores = np.column_stack([np.ones(n), np.zeros(n)])
        assert rank_intervals(scores).numbers["certain_pairs"] == certain


def test_the_statistic_of_rates_is_mcnemars() -> None:
    from statsmodels.stats.contingency_tables import mcnemar

    first, second = answers(50, 2, seed=3).T
    table = [[np.sum((first == i) & (second == j)) for j in (0, 1)] for i in (0, 1)]
    t, _ = pair_statistics(read_joint(np.column_stack([first, second])))
    expected = mcnemar(np.array(table), exact=False, correction=False).statistic
    assert t[0, 1] ** 2 == pytest.approx(expected, rel=1e-9)


def test_rounding_is_no_difference() -> None:
    scores = np.column_stack([np.tile([0.1, 0.2, -0.3], 50), np.zeros(150)])
    assert rank_intervals(scores).numbers["certain_pairs"] == 0
    assert bounds(rank_intervals(scores))["1"] == (1, 1, 2)


def test_differences_whose_squares_underflow_are_no_certainty() -> None:
    assert rank_intervals([[2e-300, 1e-300], [3e-300, 1e-300]]).numbers["certain_pairs"] == 0


def test_the_joint_covariance_is_that_of_the_jackknife() -> None:
    scores, keys = answers(40, 3), np.arange(40) // 3
    joint = read_joint(scores, keys)
    left_out = np.array([scores[keys != c].mean(axis=0) for c in range(14)]) - scores.mean(axis=0)
    assert joint.covariance == pytest.approx(13 / 14 * left_out.T @ left_out, rel=1e-9)
    assert joint.design.sample.units == read_design(40, keys).sample.units == 14


def test_one_cluster_has_no_ranks() -> None:
    with pytest.raises(ValueError, match="one cluster"):
        rank_intervals([[0.0, 1.0], [1.0, 0.0]], clusters=["a", "a"])


# By simulation


def test_intervals_hold_after_a_selection_where_the_usual_ones_fail() -> None:
    rows = cells(40)
    slack = 3 * np.sqrt(0.95 * 0.05 / 40)  # three standard errors of a simulated coverage
    for row in rows:
        assert row["covered"] >= 0.95 - slack, row
    flat = [row for row in rows if row["k"] == 20 and row["design"] == "flat, 0/1 near 0.6, rho 0"]
    best, selected = flat
    assert best["plain_covered"] < 0.8
    assert 0.25 < best["too_high"] < 0.75 and best["plain_too_high"] > 0.95
    assert selected["plain_covered"] < selected["covered"]
    assert min(row["plain_covered"] for row in rows if row["table"] in ("Ranks", "Pareto")) < 0.7
