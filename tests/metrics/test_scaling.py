"""scaling_table, sign_agreement: scipy and worked examples."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from pyscore import summarize
from pyscore.metrics.core.means import estimate_mean, estimate_rate
from pyscore.metrics.core.report import Estimate
from pyscore.metrics.core.scales import SHARE
from pyscore.metrics.scaling import ScalingPoint, scaling_table, scaling_trend, sign_agreement
from tests.metrics.cases import of_preferences

SIZES = 10.0 ** np.arange(6, 12)


def test_rows_of_a_table_are_grouped_and_in_order() -> None:
    report = scaling_table(
        [
            ("big", 1e10, 20, "survival", 1.0),
            ("big", 1e10, 3, "survival", [1, 0]),
            ("big", 1e10, 20, "survival", 0.0),
            ScalingPoint("small", 1e8, None, "power", [1, 1, 0], clusters=["a", "a", "b"]),
        ]
    )
    assert [(row["dataset"], row["step"], row["n"]) for row in report.rows] == [
        ("power", None, 3),
        ("survival", 3, 2),
        ("survival", 20, 2),
    ]
    expected = estimate_rate([1, 1, 0], clusters=["a", "a", "b"])
    assert (report.rows[0]["value"], report.rows[0]["low"]) == (expected.value, expected.low)
    assert (report.numbers["n_rows"], report.numbers["n_steps"], report.numbers["n_models"]) == (3, 3, 2)


def test_a_table_reads_summaries_reports_and_estimates() -> None:
    summary = summarize(of_preferences([1, 1, 0, 0.5]))
    estimate = Estimate(0.25, 0.1, 0.1, 0.4, 9)
    report = scaling_trend(SIZES, [1, 2, 3, 5, 4, 6])
    assert scaling_table([("m", 1, 0, "d", summary)]).rows[0]["high"] == summary.preference_rate.high
    assert scaling_table([("m", 1, 0, "d", estimate)]).rows[0]["n"] == 9
    assert scaling_table([("m", 1, 0, "d", report)], metric="slope").rows[0]["low"] == report["slope"].low


def test_numbers_that_are_no_rates_have_a_t_interval() -> None:
    row = scaling_table([("m", 1, 0, "d", [-1.0, 3.0, 2.5])], metric="mean_log_odds").rows[0]
    assert row["low"] == estimate_mean([-1.0, 3.0, 2.5]).low


def test_mean_probabilities_have_the_interval_of_shares() -> None:
    values = [0.99, 0.98, 1.0, 0.2]
    row = scaling_table([("m", 1, 0, "d", values)], metric="mean_probability").rows[0]
    expected = estimate_mean(values, scale=SHARE)
    assert (row["low"], row["high"]) == (expected.low, expected.high)
    assert row["high"] <= 1 < estimate_mean(values).high


def test_a_lone_number_has_no_interval() -> None:
    report = scaling_table([("m", 1, 0, "d", 0.7)])
    assert report.rows[0]["value"] == 0.7
    assert isnan(report.rows[0]["low"])
    assert report.rows[0]["reason"].startswith("one question")
    assert report.numbers["n_without_interval"] == 1


def test_bad_tables_are_refused() -> None:
    estimate = Estimate(0.25, 0.1, 0.1, 0.4, 9)
    with pytest.raises(ValueError, match="2 results for m, size 1, step 0, d"):
        scaling_table([("m", 1, 0, "d", estimate), ("m", 1, 0, "d", estimate)])
    with pytest.raises(ValueError, match=r"points\[1\] has size 0"):
        scaling_table([("m", 1, 0, "d", 1), ("m", 0, 0, "d", 1)])
    with pytest.raises(ValueError, match=r"m, size 1, step 0, d\[1\] is NaN"):
        scaling_table([("m", 1, 0, "d", [1, nan])])
    with pytest.raises(TypeError, match="metric 'chance' is no estimate"):
        scaling_table([("m", 1, 0, "d", summarize(of_preferences([1, 0])))], metric="chance")
    with pytest.raises(ValueError, match="clusters are given for some points"):
        scaling_table([("m", 1, 0, "d", [1, 0], ["a", "b"]), ("m", 1, 0, "d", [1])])
    with pytest.raises(ValueError, match=r"points\[0\] has step NaN"):
        scaling_table([("m", 1, nan, "d", 1)])
    with pytest.raises(ValueError, match="points is empty"):
        scaling_table([])


def test_agreement_equals_a_worked_example() -> None:
    report = sign_agreement([0.9, 0.8, 0.2, 0.3, 0.6, 0.5], [0.7, 0.4, 0.1, 0.6, 0.9, 0.9])
    assert (report["agreement"].value, report["agreement"].n) == (pytest.approx(3 / 5), 5)
    expected = stats.binomtest(3, 5).proportion_ci(method="wilson")
    assert (report["agreement"].low, report["agreement"].high) == pytest.approx((expected.low, expected.high))
    assert report.numbers == {
        "n_both_above": 2,
        "n_both_below": 1,
        "n_only_a_above": 1,
        "n_only_b_above": 1,
        "n_ties": 1,
    }


sides = st.lists(st.tuples(*[st.sampled_from([-2.0, -0.5, 0.0, 0.25, 3.0])] * 2), min_size=1, max_size=30)


@given(sides)
def test_agreement_is_symmetric_and_turns_with_one_sign(rows: list[tuple[float, float]]) -> None:
    a, b = np.array(rows).T
    there, back, turned = (sign_agreement(*pair, baseline=0) for pair in ((a, b), (b, a), (a, -b)))
    if there["agreement"].n:
        assert there["agreement"].value == back["agreement"].value
        assert there["agreement"].value + turned["agreement"].value == pytest.approx(1)
    assert there.numbers["n_ties"] == turned.numbers["n_ties"] == sum(x == 0 or y == 0 for x, y in rows)


def test_only_ties_have_no_agreement() -> None:
    assert sign_agreement([0.5, 0.5], [0.1, 0.5])["agreement"].reason == "every dataset is at the baseline"


def test_sides_are_known_by_holms_method_over_the_larger_of_two_p_values() -> None:
    # z of a and b: both far above; b alone weak; opposite and far; opposite and weak; a tie
    a, b = np.array([0.9, 0.9, 0.9, 0.6, 0.5]), np.array([0.8, 0.55, 0.2, 0.45, 0.9])
    report = sign_agreement(a, b, stderr_a=[0.05] * 5, stderr_b=[0.06] * 5)
    p = [stats.norm.sf(0.3 / 0.06), stats.norm.sf(0.05 / 0.06), stats.norm.sf(0.3 / 0.06), stats.norm.sf(0.05 / 0.06)]
    agree = multipletests([p[0], p[1], 1, 1], 0.025, "holm")[0].sum()
    disagree = multipletests([1, 1, p[2], p[3]], 0.025, "holm")[0].sum()
    found = report["agreement_on_new_questions"]
    assert (
        (found.low, found.value, found.high, found.n) == (agree / 4, 0.5, 1 - disagree / 4, 4) == (0.25, 0.5, 0.75, 4)
    )
    assert (report.numbers["n_known_to_agree"], report.numbers["n_unknown"]) == (1, 2)
    assert report["agreement"] == sign_agreement(a, b)["agreement"]


def test_sides_that_are_all_known_leave_no_other_agreement() -> None:
    report = sign_agreement([0.9, 0.1], [0.8, 0.9], stderr_a=[0.01] * 2, stderr_b=[0.01] * 2)
    found = report["agreement_on_new_questions"]
    assert (found.value, found.reason) == (0.5, "every side is known: no other agreement is possible")


@pytest.mark.parametrize("spread", [0.2, 1.0, 3.0, 6.0])
def test_the_true_agreement_is_held_however_weak_the_sides(spread: float) -> None:
    rng, held = np.random.default_rng(3), 0
    for _ in range(100):
        shared, own = rng.normal(0, spread, (2, 20))
        true = np.stack([shared, 0.8 * shared + 0.6 * own])
        seen = true + rng.normal(size=true.shape)
        report = sign_agreement(*seen, baseline=0, stderr_a=[1.0] * 20, stderr_b=[1.0] * 20)
        estimate = report["agreement_on_new_questions"]
        held += estimate.low <= np.mean((true[0] > 0) == (true[1] > 0)) <= estimate.high
    assert held >= 93


def test_bad_agreement_is_refused() -> None:
    with pytest.raises(ValueError, match="a has 1, b has 2"):
        sign_agreement([0.1], [0.1, 0.2])
    with pytest.raises(ValueError, match="baseline must be finite"):
        sign_agreement([0.1], [0.1], baseline=nan)
    with pytest.raises(ValueError, match="stderr_a and stderr_b go together"):
        sign_agreement([0.1], [0.1], stderr_a=[0.1])
    with pytest.raises(ValueError, match="stderr_b must have one entry a dataset: 1 datasets, 2 entries"):
        sign_agreement([0.1], [0.1], stderr_a=[0.1], stderr_b=[0.1, 0.1])
