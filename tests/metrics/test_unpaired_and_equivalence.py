"""Unpaired differences, equivalence, and p-values that say what their intervals say."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.weightstats import ttost_paired

from pyscore import Difference, paired_difference
from pyscore.metrics import Interval, contrast, equivalence, unpaired_difference
from tests.metrics.calls import columns
from tests.metrics.cases import compare_pairs, of_preferences, random_pairs
from tests.metrics.extremes import Inputs, inputs

HEADLINES = ("mean_probability", "preference_rate", "mean_log_odds")

counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
bits = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60).map(
    lambda rows: np.array(rows, float)
)


def outcomes(count: int, n: int) -> Any:
    return of_preferences(np.arange(n) < count)


def leaves_out(low: float, high: float, value: float = 0.0) -> bool:
    return not low <= value <= high


# Oracles


@given(counts, counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_unpaired_rates_have_newcombes_interval(a: tuple[int, int], b: tuple[int, int], confidence: float) -> None:
    if min(a[1], b[1]) > 1:
        found = unpaired_difference(outcomes(*a), outcomes(*b), confidence=confidence).preference_rate
        expected = confint_proportions_2indep(*a, *b, method="newcomb", compare="diff", alpha=1 - confidence)
        assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(2, 30))
def test_unpaired_log_odds_have_welchs_interval_and_test(seed: int, m: int, n: int) -> None:
    a, b = random_pairs(seed, m), random_pairs(seed + 1, n)
    found, expected = unpaired_difference(a, b), stats.ttest_ind(a.log_odds, b.log_odds, equal_var=False)
    ends = expected.confidence_interval(0.95)
    assert (found.mean_log_odds.low, found.mean_log_odds.high) == pytest.approx((ends.low, ends.high))
    assert found.p_values["mean_log_odds"] == pytest.approx(expected.pvalue)


@given(bits)
def test_paired_preference_rates_are_tested_by_mcnemar(rows: Any) -> None:
    a, b = rows.T
    table = [[np.sum((a == i) & (b == j)) for j in (0, 1)] for i in (0, 1)]
    p = paired_difference(of_preferences(a), of_preferences(b)).p_values["preference_rate"]
    if (a != b).any():
        assert p == pytest.approx(mcnemar(np.array(table), exact=False, correction=False).pvalue, rel=1e-9)
    else:
        assert p == 1


@given(st.integers(0, 10**6), st.integers(3, 40), st.floats(0.01, 2))
def test_equivalence_of_numbers_is_statsmodels_two_one_sided_t_tests(seed: int, n: int, margin: float) -> None:
    a, b = np.random.default_rng(seed).normal(5, size=(2, n))  # near 0, few numbers may all look like shares
    p, (_, lower, _), (_, higher, _) = ttost_paired(a, b, -margin, margin)
    numbers = equivalence(a, b, margin=margin).numbers
    found = [numbers[name] for name in ("p", "p_not_lower", "p_not_higher")]
    assert found == pytest.approx([p, lower, higher], abs=1e-12)


@pytest.mark.parametrize("outcome", [0, 1])
@pytest.mark.parametrize("n", [2, 10, 300])
def test_equal_outcomes_leave_room_for_z_squared_over_n_plus_z_squared(outcome: int, n: int) -> None:
    same = of_preferences(np.full(n, outcome))
    edge = 1.959963984540054**2 / (n + 1.959963984540054**2)
    found = paired_difference(same, same).preference_rate
    assert (found.value, found.low, found.high) == pytest.approx((0, -edge, edge))


# Properties


@pytest.mark.parametrize("compare", [paired_difference, unpaired_difference])
@given(x=inputs)
@settings(max_examples=60)
def test_swapping_the_two_negates_the_difference(compare: Any, x: Inputs) -> None:
    a, b = x.comparison(), x.comparison()
    there, back = compare(a, b), compare(b, a)
    for name in HEADLINES:
        one, other = getattr(there, name), getattr(back, name)
        assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low), nan_ok=True)
        assert there.p_values[name] == pytest.approx(back.p_values[name], nan_ok=True)


@given(inputs, st.sampled_from([0.2, 0.1, 0.05, 0.01, 0.001]))
def test_a_p_value_is_at_most_alpha_exactly_where_the_interval_leaves_out_0(x: Inputs, alpha: float) -> None:
    a, b, confidence = x.comparison(), x.comparison(), 1 - alpha
    found: list[Difference] = [
        paired_difference(a, b, clusters=x.clusters, confidence=confidence),
        unpaired_difference(a, b, clusters_a=x.clusters, clusters_b=x.clusters, confidence=confidence),
    ]
    for difference in found:
        for name in HEADLINES:
            estimate, p = getattr(difference, name), difference.p_values[name]
            if estimate.reason:
                assert isnan(p) or (p == 1 and estimate.value == 0)
            else:
                assert (p <= alpha) == leaves_out(estimate.low, estimate.high)


@given(inputs, st.sampled_from([0.2, 0.05, 0.001]), st.sampled_from([(-1, 1, 0), (-1, 0, 1), (-3, 1, 2)]))
def test_so_is_that_of_a_contrast(x: Inputs, alpha: float, coefficients: tuple[float, ...]) -> None:
    report = contrast(columns(x, 3), coefficients, clusters=x.clusters, weights=x.weights, interval=Interval(1 - alpha))
    estimate, p = report["contrast"], report.numbers["p"]
    assert isnan(p) or estimate.reason or (p <= alpha) == leaves_out(estimate.low, estimate.high)


@given(inputs, st.booleans(), st.sampled_from([0.02, 0.1, 0.5]), st.sampled_from([0.2, 0.05, 0.01]))
def test_equivalent_is_what_lies_within_the_margin_at_1_minus_2_alpha(
    x: Inputs, paired: bool, margin: float, alpha: float
) -> None:
    a, b, metric = x.comparison(), x.comparison(), str(x.rng.choice(["mean_probability", "preference_rate"]))
    reports = {
        side: equivalence(
            a, b, margin=margin, metric=metric, side=side, paired=paired, clusters=x.clusters, alpha=alpha
        )
        for side in ("both", "not_lower", "not_higher")
    }
    found, numbers = reports["both"]["difference"], reports["both"].numbers
    verdicts = {side: report.rows[0]["verdict"] for side, report in reports.items()}
    if found.reason:
        assert set(verdicts.values()) == {f"no verdict: {found.reason}"}
        assert isnan(numbers["p"])
        return
    not_lower, not_higher = found.low > -margin, found.high < margin
    assert verdicts == {
        "both": "equivalent" if not_lower and not_higher else "not shown",
        "not_lower": "not lower" if not_lower else "not shown",
        "not_higher": "not higher" if not_higher else "not shown",
    }
    assert numbers["p"] == max(numbers["p_not_lower"], numbers["p_not_higher"])
    for side in ("not_lower", "not_higher"):
        assert reports[side].numbers["p"] == numbers[f"p_{side}"]
        assert 0 <= numbers[f"p_{side}"] <= 1


@given(inputs, st.booleans(), st.sampled_from([0.2, 0.05, 0.01]))
def test_a_wider_margin_never_takes_an_equivalence_back(x: Inputs, paired: bool, alpha: float) -> None:
    a, b = x.comparison(), x.comparison()
    reports = [equivalence(a, b, margin=m, paired=paired, alpha=alpha) for m in (0.01, 0.1, 0.3, 0.9)]
    shown = [report.rows[0]["verdict"] == "equivalent" for report in reports]
    assert shown == sorted(shown)


@given(st.integers(0, 10**6))
def test_clusters_of_one_side_are_no_clusters_of_the_other(seed: int) -> None:
    a, b, keys = random_pairs(seed, 20), random_pairs(seed + 1, 20), [i // 4 for i in range(20)]
    shared = unpaired_difference(a, b, clusters_a=keys, clusters_b=keys)
    other = unpaired_difference(a, b, clusters_a=keys, clusters_b=[f"b{key}" for key in keys])
    assert shared == other
    assert shared.n_clusters == 10


# Edges


def test_unpaired_sets_may_differ_in_size_and_print_no_paired_tests() -> None:
    difference = unpaired_difference(random_pairs(0, 10), random_pairs(1, 25))
    assert str(difference).startswith("35 unpaired questions, a - b\n")
    assert "wilcoxon" not in str(difference)
    assert isnan(difference.sign_test)


def test_one_question_on_a_side_has_a_reason_that_names_the_side() -> None:
    difference = unpaired_difference(random_pairs(0, 10), random_pairs(1, 1))
    assert {getattr(difference, name).reason for name in HEADLINES} == {"b: one question: no spread to estimate from"}


def test_infinite_log_odds_of_a_side_leave_the_other_means_alone() -> None:
    a, b = compare_pairs([-1.0, -1.0, -1.0], [-inf, -2.0, -3.0]), random_pairs(0, 5)
    difference = unpaired_difference(a, b)
    assert (difference.mean_log_odds.value, difference.mean_log_odds.reason) == (inf, "1 infinite values")
    assert difference.mean_probability.low < difference.mean_probability.high


def test_equal_values_without_spread_have_no_verdict() -> None:
    report = equivalence([3.0, 3.0, 3.0], [2.0, 2.0, 2.0], margin=5.0)
    assert report.rows[0]["verdict"] == "no verdict: every question has the same mean: no spread to estimate from"
    assert report["difference"].value == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": 0.0}, "margin must be finite and above 0, got 0.0"),
        ({"margin": -0.1}, "margin must be finite and above 0"),
        ({"margin": inf}, "margin must be finite and above 0"),
        ({"margin": nan}, "margin must be finite and above 0"),
        ({"margin": 0.1, "side": "lower"}, "side='lower' is not one of"),
        ({"margin": 0.1, "alpha": 0.5}, "alpha must lie between 0 and 0.5"),
        ({"margin": 0.1, "clusters_b": [1, 2, 3]}, "clusters_b goes with paired=False"),
        ({"margin": 0.1, "b": [1.0, 0.0]}, "a has 3, b has 2"),
        ({"margin": 0.1, "b": [1.0, nan, 0.0]}, r"b\[1\] is NaN"),
        ({"margin": 0.1, "b": [1.0, inf, 0.0]}, r"b\[1\] = inf"),
        ({"margin": 0.1, "clusters": ["a", "b"]}, "clusters"),
    ],
)
def test_a_users_mistake_is_named(arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"a": [1.0, 0.0, 1.0], "b": [0.0, 1.0, 1.0]} | arguments
    with pytest.raises(ValueError, match=message):
        equivalence(**given)


def test_an_unknown_metric_is_refused_with_comparisons() -> None:
    with pytest.raises(ValueError, match="metric"):
        equivalence(random_pairs(0, 5), random_pairs(1, 5), margin=0.1, metric="accuracy")


@pytest.mark.parametrize("side", ["clusters_a", "clusters_b"])
def test_clusters_of_the_wrong_length_are_refused(side: str) -> None:
    keys: Any = {side: ["x"] * 7}
    with pytest.raises(ValueError, match="clusters must have one entry a question: 5 questions"):
        unpaired_difference(random_pairs(0, 5), random_pairs(1, 5), **keys)
