"""scaling_table, scaling_trend, sign_agreement: statsmodels, scipy, worked examples."""

from __future__ import annotations

import json
from itertools import permutations
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pyscore import summarize
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import estimate_mean, estimate_rate
from pyscore.metrics.core.report import Estimate
from pyscore.metrics.scaling import ScalingPoint, scaling_table, scaling_trend, sign_agreement
from tests.metrics.cases import of_preferences

SIZES = 10.0 ** np.arange(6, 12)


Points = tuple[np.ndarray, np.ndarray, np.ndarray]


def trend(seed: int, m: int) -> Points:
    """m points at sizes of which some repeat, their values and standard errors."""
    rng = np.random.default_rng(seed)
    return 10.0 ** np.r_[7, 9, rng.integers(6, 12, m - 2)], rng.normal(0.5, 0.2, m), rng.uniform(0.01, 0.2, m)


trends = st.builds(trend, st.integers(0, 2**32 - 1), st.integers(3, 15))


@settings(max_examples=40)
@given(trends, st.booleans())
def test_the_slope_is_that_of_statsmodels(points: Points, weighted: bool) -> None:
    sizes, values, stderr = points
    report = scaling_trend(sizes, values, stderr=stderr if weighted else None, interval=Interval(0.9))
    terms = sm.add_constant(np.log10(sizes))
    fit = sm.WLS(values, terms, weights=stderr**-2.0).fit() if weighted else sm.OLS(values, terms).fit()
    low, high = fit.conf_int(0.1)[1]
    slope = report["slope"]
    assert (slope.value, slope.stderr, slope.low, slope.high) == pytest.approx(
        (fit.params[1], fit.bse[1], low, high), rel=1e-7, abs=1e-10
    )
    assert report.numbers["slope_p"] == pytest.approx(fit.pvalues[1], abs=1e-9)


@settings(max_examples=40)
@given(trends, st.booleans())
def test_the_curvature_test_is_that_of_statsmodels(points: Points, weighted: bool) -> None:
    sizes, values, stderr = points
    x = np.log10(sizes)
    report = scaling_trend(sizes, values, stderr=stderr if weighted else None)
    if len(x) < 4 or len(np.unique(x)) < 3:
        assert isnan(report.numbers["quadratic_p"])
        return
    weights = stderr**-2.0 if weighted else np.ones(len(x))
    fit = sm.WLS(values, np.column_stack([np.ones_like(x), x, x**2]), weights=weights).fit()
    assert report.numbers["quadratic_p"] == pytest.approx(fit.pvalues[2], abs=1e-6)
    vertex = -fit.params[1] / (2 * fit.params[2])
    if x.min() + 1e-3 < vertex < x.max() - 1e-3:
        assert np.log10(report.numbers["vertex_size"]) == pytest.approx(vertex, abs=1e-5)


@settings(max_examples=40)
@given(trends)
def test_rho_is_scipys(points: Points) -> None:
    sizes, values, _ = points
    report, expected = scaling_trend(sizes, values), stats.spearmanr(sizes, values)
    assert report["spearman"].value == pytest.approx(expected.statistic)
    if len(sizes) > 8:
        assert report.numbers["spearman_p"] == pytest.approx(expected.pvalue)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_rhos_p_value_is_that_of_all_orders(seed: int, m: int) -> None:
    values = np.random.default_rng(seed).permutation(m).astype(float)
    rhos = np.array([stats.spearmanr(np.arange(m), order).statistic for order in permutations(values)])
    rho = stats.spearmanr(np.arange(m), values).statistic
    tails = (rhos >= rho - 1e-9).mean(), (rhos <= rho + 1e-9).mean()
    assert scaling_trend(SIZES[:m], values).numbers["spearman_p"] == pytest.approx(min(1, 2 * min(tails)))


def test_rhos_interval_equals_a_worked_example() -> None:
    # ranks 1..6 against 2 1 4 3 6 5: Σd² = 6, rho = 1 - 36/210 = 29/35; atanh rho = ½ ln(64/6), se² = (1 + rho²/2)/3
    estimate = scaling_trend(SIZES, [0.2, 0.1, 0.4, 0.3, 0.6, 0.5])["spearman"]
    assert estimate.value == pytest.approx(29 / 35)
    centre, half = np.log(64 / 6) / 2, 1.959964 * np.sqrt((1 + 841 / 2450) / 3)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(np.tanh([centre - half, centre + half])), abs=1e-6)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.50, 0.56, 0.59, 0.66, 0.69, 0.76], "positive"),
        ([0.76, 0.69, 0.66, 0.59, 0.56, 0.50], "inverse"),
        ([0.50, 0.60, 0.45, 0.55, 0.40, 0.60], "flat or unclear"),
        ([0.50] * 6, "flat or unclear"),
        ([0.80, 0.61, 0.50, 0.49, 0.62, 0.81], "U-shaped"),
        ([0.20, 0.39, 0.50, 0.51, 0.38, 0.19], "inverted-U"),
        # bent, but with its vertex beyond the last size
        ([0.00, 0.30, 0.55, 0.75, 0.90, 1.001], "positive"),
    ],
)
def test_verdicts(values: list[float], verdict: str) -> None:
    assert scaling_trend(SIZES, values).rows[0]["verdict"] == verdict
    turned = {"positive": "inverse", "inverse": "positive", "U-shaped": "inverted-U", "inverted-U": "U-shaped"}
    assert scaling_trend(SIZES, values, higher_is_better=False).rows[0]["verdict"] == turned.get(verdict, verdict)


@settings(max_examples=40)
@given(trends)
def test_negating_the_values_mirrors_the_trend(points: Points) -> None:
    sizes, values, stderr = points
    there, back = scaling_trend(sizes, values, stderr=stderr), scaling_trend(sizes, -values, stderr=stderr)
    assert there["slope"].low == pytest.approx(-back["slope"].high)
    assert there["spearman"].value == pytest.approx(-back["spearman"].value)
    assert there.numbers["spearman_p"] == pytest.approx(back.numbers["spearman_p"])


@settings(max_examples=40)
@given(trends, st.integers(0, 2**32 - 1))
def test_the_order_of_points_does_not_matter(points: Points, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(points[0]))
    there, back = (scaling_trend(s, v, stderr=e) for s, v, e in (points, [column[order] for column in points]))
    assert there["slope"].low == pytest.approx(back["slope"].low)
    assert there.numbers["quadratic_p"] == pytest.approx(back.numbers["quadratic_p"], abs=1e-6, nan_ok=True)
    assert there.rows == back.rows


@given(st.floats(-10, 10), st.integers(3, 8))
def test_equal_values_have_a_slope_of_exactly_0(value: float, m: int) -> None:
    report = scaling_trend(10.0 ** np.arange(6, 6 + m), [value] * m)
    assert (report["slope"].low, report["slope"].value, report["slope"].high) == (0, 0, 0)
    assert report.numbers["slope_p"] == 1
    assert report.rows[0]["verdict"] == "flat or unclear"


def test_one_size_has_no_trend_and_says_so() -> None:
    report = scaling_trend([1e9, 1e9, 1e9], [0.1, 0.2, 0.3])
    assert isnan(report["slope"].value)
    assert report["slope"].reason == "one size: no slope"
    assert report["spearman"].reason == "all sizes are equal: no order"
    assert report.rows[0]["verdict"] == "flat or unclear"


def test_two_sizes_have_a_slope_without_an_interval() -> None:
    report = scaling_trend([1e8, 1e10], [0.2, 0.6])
    assert report["slope"].value == pytest.approx(0.2)
    assert isnan(report["slope"].low)
    assert report["slope"].reason.startswith("two points")
    assert (report["spearman"].value, report.numbers["spearman_p"]) == (pytest.approx(1), 1)
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_perfect_order_has_a_p_value_but_no_interval() -> None:
    report = scaling_trend(SIZES[:5], [1, 2, 4, 8, 16])
    assert report.numbers["spearman_p"] == pytest.approx(2 / 120)
    assert report["spearman"].reason.startswith("a perfect order")


@pytest.mark.parametrize(
    ("sizes", "values", "stderr", "message"),
    [
        ([1e6, 0], [0, 1], None, r"sizes\[1\] = 0.0 must be finite and above 0"),
        ([1e6, 1e7], [0, 1], [0.1, 0], r"stderr\[1\] = 0.0 must be finite and above 0"),
        ([1e6, 1e7], [0, 1], [0.1, nan], r"stderr\[1\] is NaN"),
        ([1e6, 1e7], [0, inf], None, r"values\[1\] = inf"),
        ([1e6, 1e7], [0], None, "values must have one entry a question: 2 questions, 1 entries"),
        ([], [], None, "sizes is empty"),
    ],
)
def test_bad_trends_are_refused(sizes: Any, values: Any, stderr: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scaling_trend(sizes, values, stderr=stderr)


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
    with pytest.raises(TypeError, match="metric 'brier' is no estimate"):
        scaling_table([("m", 1, 0, "d", summarize(of_preferences([1, 0])))], metric="brier")
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


def test_bad_agreement_is_refused() -> None:
    with pytest.raises(ValueError, match="a has 1, b has 2"):
        sign_agreement([0.1], [0.1, 0.2])
    with pytest.raises(ValueError, match="baseline must be finite"):
        sign_agreement([0.1], [0.1], baseline=nan)
