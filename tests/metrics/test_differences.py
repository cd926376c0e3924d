"""paired_difference: the same questions scored twice."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, isnan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pyscore import Difference, paired_difference, summarize
from tests.metrics.cases import compare_pairs, of_preferences, random_pairs


@given(st.integers(0, 10**6), st.integers(2, 50))
def test_log_odds_have_scipys_t_and_probabilities_no_less(seed: int, n: int) -> None:
    a, b = random_pairs(seed, n), random_pairs(seed + 1, n)
    difference = paired_difference(a, b, confidence=0.9)
    estimate = difference.mean_log_odds
    test = stats.ttest_rel(a.log_odds, b.log_odds)
    expected = test.confidence_interval(0.9)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), rel=1e-9)
    assert difference.p_values["mean_log_odds"] == pytest.approx(test.pvalue)
    d = np.asarray(a.probability) - np.asarray(b.probability)
    expected = stats.ttest_rel(a.probability, b.probability).confidence_interval(0.9)
    estimate = difference.mean_probability
    assert (estimate.value, estimate.stderr) == pytest.approx((d.mean(), stats.sem(d)), abs=1e-12)
    assert -1 <= estimate.low <= max(expected.low, -1) + 1e-9 and min(expected.high, 1) - 1e-9 <= estimate.high <= 1
    moved = d[d != 0]
    assert difference.sign_test == pytest.approx(stats.binomtest(int((moved > 0).sum()), len(moved)).pvalue)
    assert difference.wilcoxon == pytest.approx(stats.wilcoxon(moved).pvalue)


@given(st.integers(0, 10**6))
def test_swapping_the_two_negates_the_difference(seed: int) -> None:
    a, b = random_pairs(seed, 20), random_pairs(seed + 1, 20)
    keys = [i // 4 for i in range(20)]
    there, back = paired_difference(a, b, clusters=keys), paired_difference(b, a, clusters=keys)
    assert there.mean_log_odds.low == pytest.approx(-back.mean_log_odds.high)
    assert (there.sign_test, there.wilcoxon) == pytest.approx((back.sign_test, back.wilcoxon))


@given(st.integers(0, 10**6))
def test_the_difference_is_that_of_the_summaries(seed: int) -> None:
    a, b = random_pairs(seed, 20), random_pairs(seed + 1, 20)
    for name in ("mean_probability", "preference_rate", "mean_log_odds"):
        value = getattr(summarize(a), name).value - getattr(summarize(b), name).value
        assert getattr(paired_difference(a, b), name).value == pytest.approx(value, abs=1e-12)


def test_clustered_difference_equals_a_worked_example() -> None:
    # d = 1 1 | 0 -1 with mean 0.25: cluster sums of residuals 1.5 and -1.5, squares 4.5, equal clusters: C/(C-1) = 2
    difference = paired_difference(of_preferences([1, 1, 1, 0]), of_preferences([0, 0, 1, 1]), clusters=list("aabb"))
    assert difference.preference_rate.stderr == pytest.approx(sqrt(2 * 4.5) / 4)
    assert difference.n_clusters == 2


def test_clusters_are_the_pairs_of_the_sign_test() -> None:
    a, b = of_preferences([1] * 8), of_preferences([0] * 8)
    assert paired_difference(a, b).sign_test == pytest.approx(2 / 2**8)
    assert paired_difference(a, b, clusters=[i // 4 for i in range(8)]).sign_test == pytest.approx(2 / 2**2)


def test_equal_scorings_do_not_differ() -> None:
    a = random_pairs(0, 10)
    difference = paired_difference(a, a)
    # Ten questions leave room for a few that would differ by 1; Gaffke's own bound is 1 - 0.025^(1/10) = 0.308.
    probability = difference.mean_probability
    assert probability.value == 0 and 0.2 < probability.high < 0.309
    assert probability.low == pytest.approx(-probability.high)
    # Ten questions without a discordant one leave room for a share z²/(n + z²) of them.
    edge = 1.959964**2 / (10 + 1.959964**2)
    assert (difference.preference_rate.low, difference.preference_rate.high) == pytest.approx((-edge, edge), abs=1e-6)
    assert (difference.sign_test, difference.wilcoxon) == (1, 1)
    assert set(difference.p_values.values()) == {1}


def test_one_question_has_no_interval() -> None:
    estimate = paired_difference(of_preferences([1]), of_preferences([0])).preference_rate
    assert estimate.value == 1
    assert isnan(estimate.low)
    assert estimate.reason.startswith("one question")


def test_infinite_log_odds_are_reported_and_spare_the_rest() -> None:
    a, b = compare_pairs([-1.0, -1.0, -1.0], [-inf, -2.0, -3.0]), compare_pairs([-1.0, -2.0, -1.0], [-inf, -1.0, -1.0])
    difference = paired_difference(a, b)
    assert isnan(difference.mean_log_odds.value)
    assert difference.mean_log_odds.reason == "1 infinite pairs"
    assert not isnan(difference.mean_probability.stderr)


def test_it_prints_and_is_json_ready() -> None:
    difference = paired_difference(random_pairs(0, 10), random_pairs(1, 10))
    assert str(difference).startswith("10 paired questions, a - b\n")
    assert set(json.loads(json.dumps(difference.to_dict(), allow_nan=False))) == set(Difference.__dataclass_fields__)


def test_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="a has 3, b has 4"):
        paired_difference(random_pairs(0, 3), random_pairs(0, 4))


def test_rounding_is_no_evidence() -> None:
    # 0.1 + 0.2 is 6e-17 above 0.3: seven questions of ten "rise", and none falls.
    a = replace(random_pairs(0, 200), probability=np.full(200, 0.1 + 0.2))
    b = replace(a, probability=np.where(np.arange(200) % 10 < 7, 0.3, 0.1 + 0.2))
    difference = paired_difference(a, b)
    assert difference.mean_probability.value == 0
    assert difference.mean_probability.low == pytest.approx(-difference.mean_probability.high)
    assert (difference.p_values["mean_probability"], difference.sign_test, difference.wilcoxon) == (1, 1, 1)
    # In clusters, 0.1, 0.2 and -0.3 add up to a rounding error, eight times on the same side.
    values = np.tile([0.1, 0.2, -0.3], 8)
    a = replace(random_pairs(0, 24), probability=np.maximum(values, 0))
    b = replace(a, probability=np.maximum(-values, 0))
    difference = paired_difference(a, b, clusters=np.repeat(np.arange(8), 3))
    assert difference.mean_probability.value == 0
    assert (difference.p_values["mean_probability"], difference.sign_test) == (1, 1)


def test_p_values_of_opposite_differences_are_the_same() -> None:
    a, b = of_preferences([1] * 300 + [0] * 20), of_preferences([0] * 300 + [1] * 20)
    there, back = paired_difference(a, b), paired_difference(b, a)
    assert 0 < there.p_values["preference_rate"] < 1e-30
    assert there.p_values == pytest.approx(back.p_values, rel=1e-9)


@pytest.mark.parametrize("values", [[0] * 5 + [0.5] * 3, [0] * 8 + [0.5] * 3 + [1], [0] * 6 + [0.5] * 5 + [1]])
def test_half_ties_leave_test_and_interval_in_agreement(values: list[float]) -> None:
    none = of_preferences([0] * len(values))
    for confidence in (0.8, 0.9, 0.95, 0.99):
        difference = paired_difference(of_preferences(values), none, confidence=confidence)
        rate, p = difference.preference_rate, difference.p_values["preference_rate"]
        assert (p <= 1 - confidence) == (not rate.low <= 0 <= rate.high)
