"""scaling_trend: statsmodels, scipy, worked examples, and how often its verdicts are false."""

from __future__ import annotations

import json
import math
from itertools import permutations
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.trends import spearman
from pyscore.metrics.scaling import scaling_trend
from tools.coverage_cells.trends import slope_cells, verdict_cells

SIZES = 10.0 ** np.arange(6, 12)


Points = tuple[np.ndarray, np.ndarray, np.ndarray]


def trend(seed: int, m: int) -> Points:
    """m points at sizes of which some repeat, their values and standard errors."""
    rng = np.random.default_rng(seed)
    return 10.0 ** np.r_[7, 9, rng.integers(6, 12, m - 2)], rng.normal(0.5, 0.2, m), rng.uniform(0.01, 0.2, m)


trends = st.builds(trend, st.integers(0, 2**32 - 1), st.integers(3, 15))


@settings(max_examples=40)
@given(trends)
def test_the_slope_is_that_of_statsmodels(points: Points) -> None:
    sizes, values, _ = points
    report = scaling_trend(sizes, values, interval=Interval(0.9))
    fit = sm.OLS(values, sm.add_constant(np.log10(sizes))).fit()
    low, high = fit.conf_int(0.1)[1]
    slope = report["slope"]
    assert (slope.value, slope.stderr, slope.low, slope.high) == pytest.approx(
        (fit.params[1], fit.bse[1], low, high), rel=1e-9, abs=1e-10
    )
    assert report.numbers["slope_p"] == pytest.approx(fit.pvalues[1], abs=1e-9)
    assert report.numbers["scatter"] == pytest.approx(math.sqrt(fit.scale))


@settings(max_examples=40)
@given(trends, st.sampled_from([0.3, 1.0, 10.0]))
def test_a_slope_with_known_errors_has_the_larger_of_statsmodels_two_errors(points: Points, factor: float) -> None:
    sizes, values, stderr = points[0], points[1], points[2] * factor
    report = scaling_trend(sizes, values, stderr=stderr)
    terms = sm.add_constant(np.log10(sizes))
    scattered = sm.WLS(values, terms, weights=stderr**-2.0).fit()
    known = sm.WLS(values, terms, weights=stderr**-2.0).fit(cov_type="fixed scale")
    slope, error = report["slope"], max(scattered.bse[1], known.bse[1])
    t = stats.t(len(sizes) - 2)
    assert (slope.value, slope.stderr) == pytest.approx((known.params[1], error), rel=1e-9, abs=1e-10)
    assert slope.high - slope.value == pytest.approx(t.ppf(0.975) * error, rel=1e-9)
    assert report.numbers["slope_p"] == pytest.approx(2 * t.sf(abs(slope.value) / error), abs=1e-9)
    assert report.numbers["scatter"] == pytest.approx(math.sqrt(scattered.scale))


@settings(max_examples=40)
@given(trends, st.integers(0, 2**32 - 1))
def test_the_p_value_of_a_slope_agrees_with_its_interval(points: Points, seed: int) -> None:
    confidence = np.random.default_rng(seed).uniform(0.05, 0.99)
    for stderr in (points[2], None):
        report = scaling_trend(*points[:2], stderr=stderr, interval=Interval(confidence))
        slope = report["slope"]
        if not slope.reason:
            assert (report.numbers["slope_p"] < 1 - confidence) == (slope.low > 0 or slope.high < 0)


@settings(max_examples=40)
@given(trends)
def test_the_shape_is_tested_by_every_pair_of_contrasts(points: Points) -> None:
    sizes, values, stderr = points
    report = scaling_trend(sizes, values, stderr=stderr)
    joined = []
    for size in sorted(set(sizes)):
        w = stderr[sizes == size] ** -2.0
        joined.append((size, np.average(values[sizes == size], weights=w), 1 / w.sum()))
    ends, p_values = (joined[0], joined[-1]), {}
    for size, value, variance in joined[1:-1]:
        for side in (1, -1):
            z = [side * (value - end) / math.sqrt(variance + v) for _, end, v in ends]
            p_values[size, side] = max(stats.norm.sf(z))
    if not p_values:
        assert isnan(report.numbers["shape_p"])
        return
    best = min(p_values, key=lambda key: p_values[key])
    expected = min(1, p_values[best] * len(p_values))
    assert report.numbers["shape_p"] == pytest.approx(expected, rel=1e-9)
    if expected < 0.025:
        assert report.numbers["turning_size"] == pytest.approx(best[0])
        assert report.rows[0]["verdict"] == ("inverted-U" if best[1] > 0 else "U-shaped")
    else:
        assert isnan(report.numbers["turning_size"])


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
        ([0.50, 0.49, 0.51, 0.50, 0.49, 0.51], "flat or unclear"),
        ([0.50] * 6, "flat or unclear"),
        ([0.80, 0.61, 0.50, 0.49, 0.62, 0.81], "U-shaped"),
        ([0.20, 0.39, 0.50, 0.51, 0.38, 0.19], "inverted-U"),
        # These rise to the last size but one and fall by less than the errors can tell.
        ([0.00, 0.30, 0.55, 0.75, 0.91, 0.90], "positive"),
        # A dip below the first size alone is no U.
        ([0.60, 0.50, 0.40, 0.50, 0.50, 0.40], "flat or unclear"),
    ],
)
def test_verdicts(values: list[float], verdict: str) -> None:
    stderr = [0.01] * 6
    assert scaling_trend(SIZES, values, stderr=stderr).rows[0]["verdict"] == verdict
    turned = {"positive": "inverse", "inverse": "positive", "U-shaped": "inverted-U", "inverted-U": "U-shaped"}
    other = scaling_trend(SIZES, values, stderr=stderr, higher_is_better=False)
    assert other.rows[0]["verdict"] == turned.get(verdict, verdict)


def test_without_standard_errors_there_is_no_shape_and_the_slope_has_the_whole_level() -> None:
    report = scaling_trend(SIZES, [0.80, 0.61, 0.50, 0.49, 0.62, 0.81])
    assert report.rows[0]["verdict"] == "flat or unclear"
    assert report.rows[0]["level"] == pytest.approx(0.05)
    assert isnan(report.numbers["shape_p"])
    known = scaling_trend(SIZES, [0.80, 0.61, 0.50, 0.49, 0.62, 0.81], stderr=[0.1] * 6)
    assert known.rows[0]["level"] == pytest.approx(0.025)


def test_at_most_one_verdict_in_twenty_is_false() -> None:
    rows = verdict_cells(400)
    assert max(row["wrong"] for row in rows) <= 0.05
    power = {(row["truth"], row["noise"]): row["U-shaped"] for row in rows}
    assert power["U", 0.02] == power["U", 0.1] == 1
    assert power["U, half as deep on one side", 0.1] > 0.7


def test_slopes_cover_where_models_scatter_about_the_line() -> None:
    rows = slope_cells(1000)
    assert min(row["covered"] for row in rows) >= 0.92
    assert min(row["covered, scatter"] for row in rows) >= 0.91


@pytest.mark.parametrize("m", range(4, 8))
def test_an_interval_of_rho_without_0_always_has_a_small_p_value(m: int) -> None:
    # The values of rho that m points can have; the p-value is of all orders.
    found: dict[float, tuple[int, ...]] = {}
    for order in permutations(range(m)):
        found.setdefault(round(1 - 6 * sum((i - r) ** 2 for i, r in enumerate(order)) / (m**3 - m), 9), order)
    for order in found.values():
        estimate, p = spearman(np.arange(m, dtype=float), np.array(order, float), 0.95)
        assert estimate.reason or p < 0.05 or estimate.low <= 0 <= estimate.high


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
    assert there.numbers["shape_p"] == pytest.approx(back.numbers["shape_p"], nan_ok=True)
    assert there.rows == back.rows


@given(st.floats(-10, 10), st.integers(3, 8))
def test_equal_values_have_a_slope_of_exactly_0_and_no_interval_without_errors(value: float, m: int) -> None:
    sizes = 10.0 ** np.arange(6, 6 + m)
    report = scaling_trend(sizes, [value] * m)
    assert report["slope"].value == 0
    assert report["slope"].reason == "all values are equal: no scatter to estimate from"
    assert isnan(report.numbers["slope_p"])
    assert report.rows[0]["verdict"] == "flat or unclear"
    known = scaling_trend(sizes, [value] * m, stderr=[0.1] * m)
    assert known["slope"].low < 0 < known["slope"].high
    assert known.numbers["slope_p"] == pytest.approx(1)


def test_differences_of_mere_rounding_are_no_evidence() -> None:
    report = scaling_trend(SIZES, [0.3, 0.3, 0.3, 0.1 + 0.2, 0.1 + 0.2, 0.1 + 0.2])
    assert report["slope"].reason == "all values are equal: no scatter to estimate from"
    assert report["spearman"].reason == "all values are equal: no order"
    line = scaling_trend(SIZES, 0.1 * np.arange(1, 7))
    assert line["slope"].reason == "all points on a line: no scatter to estimate from"
    assert line.rows[0]["verdict"] == "flat or unclear"


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


def test_two_points_with_known_errors_have_a_normal_interval() -> None:
    report = scaling_trend([1e8, 1e10], [0.2, 0.6], stderr=[0.03, 0.04])
    slope = report["slope"]
    assert (slope.value, slope.stderr) == (pytest.approx(0.2), pytest.approx(0.05 / 2))
    assert slope.high == pytest.approx(0.2 + stats.norm.ppf(0.975) * 0.025)
    assert report.numbers["slope_p"] == pytest.approx(2 * stats.norm.sf(8))
    assert "|slope:z|" in report.signature
    assert report.rows[0]["verdict"] == "positive"


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
