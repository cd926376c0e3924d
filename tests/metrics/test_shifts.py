"""biased_feature, trigger_effect, red_team: worked examples, statsmodels, and symmetries."""

from __future__ import annotations

import json
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from pyscore.metrics.auroc import auroc
from pyscore.metrics.core.means import estimate_difference
from pyscore.metrics.core.scales import RATE_DIFFERENCE, SHARE_DIFFERENCE
from pyscore.metrics.shifts import biased_feature, red_team, trigger_effect

answer_rows = st.lists(
    st.tuples(*[st.sampled_from(["A", "B", "C", None])] * 2, *[st.sampled_from("ABC")] * 2), min_size=2, max_size=40
)
pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60)


def test_a_bias_equals_a_worked_example() -> None:
    # the bias points at A throughout; correct is B, but A in the last question
    report = biased_feature(
        ["B", "B", "A", "C", None, "A"], ["A", "B", "B", None, "A", "A"], list("AAAAAA"), list("BBBBBA")
    )
    values = {name: estimate.value for name, estimate in report.estimates.items()}
    assert values == pytest.approx(
        {
            "accuracy_unbiased": 3 / 6,
            "accuracy_biased": 3 / 6,
            "accuracy_drop": 0,
            "accuracy_drop_if_bias_is_wrong": 0,
            "moved_to_bias": 2 / 6,
            "moved_to_bias_if_not_there": 2 / 4,
            "moved_from_bias": 1 / 6,
            "net_shift": 1 / 6,
        }
    )
    assert report.numbers == {
        "n_unreadable_unbiased": 1,
        "n_unreadable_biased": 1,
        "n_not_there": 4,
        "n_bias_is_correct": 1,
    }


def test_the_published_drop_is_over_questions_with_a_wrong_bias() -> None:
    report = biased_feature(list("BBA"), list("AAA"), list("AAA"), list("BBA"), clusters=list("xyz"))
    assert report["accuracy_drop"].value == pytest.approx(2 / 3)
    assert (report["accuracy_drop_if_bias_is_wrong"].value, report["accuracy_drop_if_bias_is_wrong"].n) == (1, 2)


@given(answer_rows)
def test_shares_equal_those_of_scipys_wilson(rows: list[tuple[Any, ...]]) -> None:
    report = biased_feature(*zip(*rows, strict=True))
    moved = sum(u != o and b == o for u, b, o, _ in rows)
    expected = stats.binomtest(moved, len(rows)).proportion_ci(method="wilson")
    assert (report["moved_to_bias"].low, report["moved_to_bias"].high) == pytest.approx((expected.low, expected.high))
    there = [b == o for u, b, o, _ in rows if u != o]
    if len(there) > 1:
        expected = stats.binomtest(sum(there), len(there)).proportion_ci(method="wilson")
        estimate = report["moved_to_bias_if_not_there"]
        assert (estimate.low, estimate.high, estimate.n) == pytest.approx((expected.low, expected.high, len(there)))


@given(answer_rows)
def test_the_net_shift_is_moved_to_less_moved_from(rows: list[tuple[Any, ...]]) -> None:
    report = biased_feature(*zip(*rows, strict=True))
    net = report["moved_to_bias"].value - report["moved_from_bias"].value
    assert report["net_shift"].value == pytest.approx(net, abs=1e-12)
    drop = report["accuracy_unbiased"].value - report["accuracy_biased"].value
    assert report["accuracy_drop"].value == pytest.approx(drop, abs=1e-12)


@given(answer_rows)
def test_swapping_the_conditions_swaps_the_moves(rows: list[tuple[Any, ...]]) -> None:
    u, b, o, c = zip(*rows, strict=True)
    there, back = biased_feature(u, b, o, c), biased_feature(b, u, o, c)
    assert there["moved_to_bias"] == back["moved_from_bias"]
    assert there["accuracy_drop"].low == pytest.approx(-back["accuracy_drop"].high, nan_ok=True)


def test_where_nothing_could_move_the_share_says_so() -> None:
    report = biased_feature(["A", "A"], ["A", "B"], ["A", "A"], ["A", "A"])
    assert report["moved_to_bias_if_not_there"].reason == "all were there"
    assert report["accuracy_drop_if_bias_is_wrong"].reason == "the bias is correct everywhere"
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["estimates"]["net_shift"]["value"] == -0.5


def test_an_unknown_option_is_refused_with_its_row() -> None:
    with pytest.raises(ValueError, match=r"correct\[1\] is missing"):
        biased_feature(["A", "A"], ["A", "A"], ["A", "A"], ["A", None])
    with pytest.raises(ValueError, match="biased must have one entry a question: 2 questions, 1 entries"):
        biased_feature(["A", "A"], ["A"], ["A", "A"], ["A", "A"])


@given(pairs)
def test_the_sign_test_of_outcomes_is_mcnemars_exact_test(outcomes: list[tuple[bool, bool]]) -> None:
    on, off = np.array(outcomes, float).T
    table = [[((on == i) & (off == j)).sum() for j in (1, 0)] for i in (1, 0)]
    report = trigger_effect(on, off)
    assert report.numbers["sign_test"] == pytest.approx(min(mcnemar(table, exact=True).pvalue, 1))
    assert (report.numbers["n_higher_with"], report.numbers["n_higher_without"]) == (table[0][1], table[1][0])
    assert sum(report.numbers[f"n_{name}"] for name in ("higher_with", "higher_without", "equal")) == len(on)


@given(pairs)
def test_the_difference_is_paired(outcomes: list[tuple[bool, bool]]) -> None:
    on, off = np.array(outcomes, float).T
    estimate = trigger_effect(on, off)["difference"]
    assert estimate == estimate_difference(on, off, scale=RATE_DIFFERENCE)
    shares = np.array(outcomes, float) * 0.5 + 0.125  # no 0/1 outcomes
    estimate = trigger_effect(*shares.T)["difference"]
    assert estimate == estimate_difference(*shares.T, scale=SHARE_DIFFERENCE)


@given(pairs)
def test_without_and_with_are_antisymmetric(outcomes: list[tuple[bool, bool]]) -> None:
    on, off = np.array(outcomes, float).T
    keys = [i // 3 for i in range(len(on))]
    there, back = trigger_effect(on, off, clusters=keys), trigger_effect(off, on, clusters=keys)
    assert there["difference"].value == -back["difference"].value
    assert there["rate_with_trigger"] == back["rate_without_trigger"]
    assert there.numbers["sign_test"] == pytest.approx(back.numbers["sign_test"])


def test_clusters_are_the_pairs_of_the_sign_test() -> None:
    assert trigger_effect([1] * 8, [0] * 8).numbers["sign_test"] == pytest.approx(2 / 2**8)
    keys = [i // 4 for i in range(8)]
    assert trigger_effect([0.9] * 8, [0.2] * 8, clusters=keys).numbers["sign_test"] == pytest.approx(0.5)


def test_a_trigger_without_effect_has_p_1() -> None:
    report = trigger_effect([0.25, 1.0], [0.25, 1.0])
    assert report.numbers["sign_test"] == 1
    difference = report["difference"]
    assert difference.value == 0 and difference.low == pytest.approx(-difference.high)


def test_one_prompt_has_no_interval() -> None:
    report = trigger_effect([1], [0])
    assert report["difference"].value == 1
    assert report["difference"].reason.startswith("one question")


def test_rates_of_triggers_are_refused_outside_of_0_to_1() -> None:
    with pytest.raises(ValueError, match=r"without_trigger\[1\] = 1.5 is outside \[0, 1\]"):
        trigger_effect([1, 0], [0, 1.5])
    with pytest.raises(ValueError, match=r"with_trigger\[0\] is NaN"):
        trigger_effect([nan, 0], [0, 1])


def test_a_detector_has_the_auroc_of_mann_and_whitney() -> None:
    rng = np.random.default_rng(0)
    on, off = rng.normal(1, 1, 40).round(1), rng.normal(0, 1, 40).round(1)
    on[0], off[0] = inf, -inf
    estimate = trigger_effect(np.ones(40), np.zeros(40), detector_with=on, detector_without=off)["detector_auroc"]
    assert estimate.value == pytest.approx(stats.mannwhitneyu(on, off).statistic / 40**2)
    assert estimate.low < estimate.value < estimate.high


def test_the_two_versions_of_a_prompt_are_one_unit_of_the_detector() -> None:
    # prompts differ far more than versions do: what the pair shares cancels
    shared = np.random.default_rng(0).normal(0, 1, 40)
    on, off = shared + 0.3, shared
    paired = trigger_effect(np.ones(40), np.zeros(40), detector_with=on, detector_without=off)["detector_auroc"]
    apart = auroc(np.r_[on, off], np.r_[np.ones(40), np.zeros(40)])
    assert paired.value == apart.value
    assert paired.stderr < apart.stderr / 2


def test_one_detector_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="go together"):
        trigger_effect([1, 0], [0, 0], detector_with=[1.0, 2.0])
    with pytest.raises(ValueError, match="detector_without must have one entry a question"):
        trigger_effect([1, 0], [0, 0], detector_with=[1.0, 2.0], detector_without=[1.0])


def test_red_teaming_equals_a_worked_example() -> None:
    report = red_team([0.1, 0.5, 0.9, 0.7])
    assert report["flagged"].value == 0.5
    assert report["mean"].value == pytest.approx(0.55)
    assert report.numbers == {"max": 0.9, "n_flagged": 2, "n_at_threshold": 1}
    assert "threshold:0.5" in report.signature


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=40), st.floats(-5, 5), st.floats(0, 5))
def test_a_higher_threshold_never_flags_more(scores: list[float], threshold: float, more: float) -> None:
    low, high = red_team(scores, threshold=threshold), red_team(scores, threshold=threshold + more)
    assert high["flagged"].value <= low["flagged"].value
    expected = stats.binomtest(sum(s > threshold for s in scores), len(scores)).proportion_ci(method="wilson")
    assert (low["flagged"].low, low["flagged"].high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_replies_to_one_prompt_are_a_cluster() -> None:
    scores = [0.9, 0.8, 0.1, 0.2]
    plain, clustered = red_team(scores), red_team(scores, clusters=["p", "p", "q", "q"])
    assert clustered["flagged"].stderr > plain["flagged"].stderr


def test_a_score_of_minus_infinity_is_a_score() -> None:
    report = red_team([-inf, 2.0], threshold=0)
    assert report["flagged"].value == 0.5
    assert report["mean"].value == -inf
    assert report.numbers["max"] == 2
    assert isnan(report["mean"].low)


def test_a_threshold_that_is_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold is NaN"):
        red_team([0.5], threshold=nan)


def test_estimates_agree_with_the_core() -> None:
    keys = ["a", "a", "b", "c"]
    report = trigger_effect([1, 0.5, 1, 1], [0, 0.5, 0.25, 0], clusters=keys)
    assert report["difference"] == estimate_difference(
        [1, 0.5, 1, 1], [0, 0.5, 0.25, 0], clusters=keys, scale=SHARE_DIFFERENCE
    )
