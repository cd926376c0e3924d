"""Contrasts and curves over checkpoints: statsmodels, explicit leave-one-out loops, scipy's multivariate t."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pyscore.metrics.contrasts import contrast, curve, interaction, last_minus_first, slope_coefficients, study_slope
from pyscore.metrics.core.design import read_design
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.max_t import draw_max_t, step_down
from pyscore.metrics.core.means import estimate_difference, estimate_mean
from pyscore.metrics.core.report import Report
from pyscore.metrics.core.scales import RATE_DIFFERENCE, REAL, SHARE
from pyscore.metrics.scaling import scaling_trend
from tests.metrics.cases import compare_pairs, random_pairs
from tools.coverage_cells.trends import band_cells, cells, contrast_cells

X = np.array([6.0, 7.0, 8.5, 9.0])


def study(seed: int, n: int = 40, k: int = 4) -> np.ndarray:
    """Scores that share their questions' levels and slopes."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) + rng.normal(0.2, 0.3, (n, 1)) * np.arange(k) + rng.normal(0, 0.5, (n, k))


seeds = st.integers(0, 2**32 - 1)


@given(seeds)
def test_a_contrast_with_slope_coefficients_is_the_least_squares_slope_of_the_means(seed: int) -> None:
    scores = study(seed)
    fit = sm.OLS(scores.mean(axis=0), sm.add_constant(X)).fit()
    assert contrast(scores, slope_coefficients(X))["contrast"].value == pytest.approx(fit.params[1], rel=1e-9)


@given(seeds)
def test_its_error_is_statsmodels_hc3_times_what_the_jackknife_has(seed: int) -> None:
    scores, c = study(seed), slope_coefficients(X)
    report = contrast(scores, c)
    fit = sm.OLS(scores @ c, np.ones(40)).fit(cov_type="HC3")
    error = fit.bse[0] * np.sqrt(39 / 40)
    t = stats.t(39)
    assert report["contrast"].stderr == pytest.approx(error, rel=1e-9)
    assert report["contrast"].high == pytest.approx(fit.params[0] + t.ppf(0.975) * error, rel=1e-9)
    assert report.numbers["p"] == pytest.approx(2 * t.sf(abs(fit.params[0]) / error), rel=1e-9)


@settings(max_examples=20)
@given(seeds)
def test_with_clusters_and_weights_its_error_is_that_of_leaving_out_each_cluster(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, c = study(seed), np.array([-1.0, 0.5, -0.5, 1.0])
    clusters, weights = rng.permutation(np.repeat(np.arange(8), [1, 2, 3, 4, 5, 6, 7, 12])), rng.uniform(0.5, 2, 40)
    estimate = contrast(scores, c, clusters=clusters, weights=weights)["contrast"]
    d = scores @ c
    value = np.average(d, weights=weights)
    kept = (clusters != g for g in range(8))
    left_out = np.array([np.average(d[k], weights=weights[k]) for k in kept])
    error = np.sqrt(7 / 8 * ((left_out - value) ** 2).sum())
    totals = np.bincount(clusters, weights)
    dof = totals.sum() ** 2 / (totals**2).sum() - 1
    assert (estimate.value, estimate.stderr) == pytest.approx((value, error), rel=1e-9)
    assert estimate.high == pytest.approx(value + stats.t(dof).ppf(0.975) * error, rel=1e-9)


@given(seeds)
def test_what_questions_have_in_common_cancels(seed: int) -> None:
    scores = study(seed)
    other = scores + np.random.default_rng(seed).normal(0, 100, (40, 1))
    here, there = (contrast(s, slope_coefficients(X), scale=REAL)["contrast"] for s in (scores, other))
    assert (here.low, here.high) == pytest.approx((there.low, there.high), abs=1e-9)


@given(seeds, st.floats(0.1, 0.99))
def test_the_p_value_agrees_with_the_interval(seed: int, confidence: float) -> None:
    scores = study(seed, 12)
    for values in (scores, (scores > 0) * 1.0, 1 / (1 + np.exp(-scores))):
        for c in (last_minus_first(4), slope_coefficients(X)):
            report = contrast(values, c, interval=Interval(confidence))
            estimate = report["contrast"]
            if not estimate.reason and abs(report.numbers["p"] - (1 - confidence)) > 1e-9:
                assert (report.numbers["p"] < 1 - confidence) == (estimate.low > 0 or estimate.high < 0)


def test_two_checkpoints_of_outcomes_have_tangos_interval_and_a_slope_of_two_the_same() -> None:
    scores = np.array([[0, 1]] * 5 + [[1, 1]] * 20 + [[1, 0]] * 2 + [[0, 0]] * 3)
    expected = estimate_difference(scores[:, 1], scores[:, 0], scale=RATE_DIFFERENCE)
    estimate = contrast(scores, last_minus_first(2))["contrast"]
    assert estimate == expected
    half = contrast(scores, slope_coefficients([0, 2]))["contrast"]
    assert (half.low, half.high) == pytest.approx((expected.low / 2, expected.high / 2), rel=1e-12)


def test_where_few_questions_moved_degrees_of_freedom_are_those_that_moved() -> None:
    scores, c = np.ones((50, 4)), slope_coefficients(X)
    scores[:3, 0] = scores[0, 1] = 0
    estimate = contrast(scores, c)["contrast"]
    d = scores @ c
    assert estimate.high - estimate.value == pytest.approx(stats.t(2).ppf(0.975) * d.std(ddof=1) / np.sqrt(50))
    scores[1:3, 0] = 1
    report = contrast(scores, c)
    assert report["contrast"].reason == "the contrast differs from 0 in one question only: no spread to estimate from"
    assert isnan(report.numbers["p"])


def test_scores_that_never_move_have_no_interval_and_rounding_is_no_movement() -> None:
    scores = np.random.default_rng(0).random((20, 1)) + np.zeros(3)
    estimate = contrast(scores, [0.1, 0.2, -0.3])["contrast"]
    assert (estimate.value, estimate.reason[:14]) == (0, "every question")


def test_intervals_stay_within_what_a_contrast_can_be() -> None:
    scores = np.array([[0.0, 0.97], [0.1, 1.0]])
    assert contrast(scores, last_minus_first(2))["contrast"].high == 1
    assert contrast(scores, [-0.5, 1.5])["contrast"].high <= 1.5


def test_an_interaction_is_the_difference_of_two_contrasts() -> None:
    scores = study(3, k=8)
    c = interaction(slope_coefficients(X), slope_coefficients(X))
    first, second = (scores[:, half] @ slope_coefficients(X) for half in (slice(4), slice(4, 8)))
    expected = estimate_mean(first - second)
    assert contrast(scores, c)["contrast"].high == pytest.approx(expected.high, rel=1e-9)


def test_names_comparisons_and_arrays_give_the_same() -> None:
    comparisons = [random_pairs(seed, 30) for seed in range(3)]
    columns = [np.asarray(each.probability) for each in comparisons]
    by_name = dict(zip("abc", columns, strict=True))
    expected = contrast(np.column_stack(columns), [-1, 0, 1])["contrast"]
    assert contrast(comparisons, [-1, 0, 1])["contrast"] == expected
    assert contrast(by_name, {"c": 1, "a": -1}, name="a to c")["a to c"] == expected
    odds = contrast(comparisons, [-1, 0, 1], metric="mean_log_odds")["contrast"]
    assert odds.value == pytest.approx(np.mean(comparisons[2].log_odds - comparisons[0].log_odds))


@given(seeds)
def test_both_slopes_have_one_value_and_other_models_never_the_smaller_error(seed: int) -> None:
    scores = study(seed)
    report = study_slope(scores, X)
    these, others = report["these_checkpoints_on_new_questions"], report["other_models"]
    fit = sm.OLS(scores.mean(axis=0), sm.add_constant(X)).fit()
    assert these.value == others.value == pytest.approx(fit.params[1], rel=1e-9)
    assert others.stderr == pytest.approx(max(fit.bse[1], these.stderr), rel=1e-9)
    assert others.high == pytest.approx(max(others.value + stats.t(2).ppf(0.975) * others.stderr, these.high), rel=1e-9)
    if fit.bse[1] > these.stderr:
        trend = scaling_trend(10**X, scores.mean(axis=0))["slope"]
        assert (others.low, others.high) == pytest.approx((trend.low, trend.high), rel=1e-9)


def test_two_checkpoints_say_nothing_of_other_models() -> None:
    report = study_slope(study(1, k=2), [0, 1])
    assert report["other_models"].reason == "two checkpoints: a line fits them exactly"
    assert not report["these_checkpoints_on_new_questions"].reason


def levels(report: Report, names: tuple[str, ...] = ("low", "high")) -> np.ndarray:
    return np.array([[row[name] for name in names] for row in report.rows])


@pytest.mark.parametrize("method", ["auto", "t", "bootstrap"])
def test_the_band_holds_the_intervals_and_the_range(method: str) -> None:
    scores = 1 / (1 + np.exp(-study(2, 15) * 3))
    report = curve(scores, X, interval=Interval(method=method, n_resamples=2000))
    low, high = levels(report).T
    band_low, band_high = levels(report, ("band_low", "band_high")).T
    assert ((band_low <= low) & (high <= band_high)).all()
    if method != "bootstrap":
        assert band_low.min() >= 0
        assert band_high.max() <= 1
    expected = estimate_mean(scores[:, 0], scale=SHARE)
    assert method != "auto" or (low[0], high[0]) == pytest.approx((expected.low, expected.high))


@settings(max_examples=5)
@given(seeds)
def test_the_band_is_at_the_quantile_of_scipys_multivariate_t(seed: int) -> None:
    scores = study(seed, 25)
    report = curve(scores, interval=Interval(n_resamples=100_000))
    confidence = report.numbers["confidence_of_each_in_band"]
    quantile = stats.t(24).ppf(0.5 + confidence / 2)
    joint = stats.multivariate_t(shape=np.corrcoef(scores.T), df=24, seed=1)
    assert joint.cdf(np.full(4, quantile), lower_limit=np.full(4, -quantile)) == pytest.approx(0.95, abs=0.004)


def test_checkpoints_that_are_the_same_need_no_wider_band() -> None:
    scores = study(4, k=1) + np.zeros(5)
    report = curve(scores, interval=Interval(n_resamples=20_000))
    assert report.numbers["confidence_of_each_in_band"] == pytest.approx(0.95, abs=0.005)


@given(seeds)
def test_p_values_step_down_from_the_smallest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sample = read_design(20).sample
    p = rng.random(4) ** 4
    draws = draw_max_t(rng.normal(size=(20, 4)), sample, Interval(n_resamples=500))
    expected, before, left = np.empty(4), 0.0, list(range(4))
    for k in np.argsort(p):
        share = (1 + (draws[:, left].max(axis=1) >= stats.t(19).isf(p[k] / 2)).sum()) / 501
        before = max(before, min(max(share, p[k]), min(1, p[k] * len(left))))
        expected[k] = before
        left.remove(k)
    assert step_down(p, draws, sample) == pytest.approx(expected)
    assert isnan(step_down(np.array([nan, 0.5, 0.1, 0.2]), draws, sample)[0])


def test_differences_to_a_checkpoint_are_paired() -> None:
    scores = dict(zip("abcd", study(5).T, strict=True))
    report = curve(scores, against="b")
    rows = {row["checkpoint"]: row for row in report.rows}
    assert rows["c"]["difference"] == pytest.approx(np.mean(scores["c"] - scores["b"]))
    assert rows["c"]["p"] == pytest.approx(stats.ttest_rel(scores["c"], scores["b"]).pvalue)
    assert (rows["b"]["difference"], isnan(rows["b"]["p"]), isnan(rows["b"]["adjusted_p"])) == (0, True, True)
    assert all(row["adjusted_p"] >= row["p"] for row in report.rows if row["checkpoint"] != "b")
    assert curve(scores, against=1).rows[0] == report.rows[0]


def test_one_cluster_has_a_curve_without_a_band() -> None:
    report = curve(study(6), clusters=["a"] * 40, against=0)
    assert {row["reason"] for row in report.rows} == {"one cluster: no spread to estimate from"}
    assert all(isnan(row["band_low"]) and isnan(row["adjusted_p"]) for row in report.rows)


def test_slopes_cover_what_each_is_about() -> None:
    for row in contrast_cells(60):
        assert row["covered"] >= 0.85
        assert row["covered, others"] >= 0.8
        if row["scores"] == "share" and row["questions"].endswith("questions"):
            assert row["width"] < 0.6 * row["width, scatter"]


def test_bands_cover_all_checkpoints_at_once() -> None:
    rows = band_cells(20)
    assert min(row["covered"] for row in rows) >= 0.75
    assert np.mean([row["covered"] for row in rows]) >= 0.93
    assert max(row["found"] for row in rows) <= 0.25


def test_every_cell_of_the_coverage_table_is_about_a_coverage_or_a_verdict() -> None:
    rows = cells(2)
    assert len({row["table"] for row in rows}) == 4
    assert all(("covered" in row) != ("wrong" in row) for row in rows)


@pytest.mark.parametrize(
    ("scores", "coefficients", "message"),
    [
        (np.ones((3, 2)), [1, 2, 3], "coefficients must have one entry a checkpoint: 2 checkpoints, 3 entries"),
        (np.ones((3, 2)), [0, 0], "coefficients are all 0"),
        (np.ones((3, 2)), [inf, 0], r"coefficients\[0\] = inf must be finite"),
        (np.ones((3, 1)), [1], r"a column a checkpoint, 2 or more; got \(3, 1\)"),
        ([[0.1, nan]], [1, -1], r"scores\[0, 1\] = nan must be finite"),
        ({"a": [1.0], "b": [1.0, 2.0]}, [1, -1], "must hold the same questions: a has 1, b has 2"),
        ([compare_pairs([-1.0], [-2.0])] * 2, [0, nan], r"coefficients\[1\] is NaN"),
    ],
)
def test_bad_contrasts_are_refused(scores: Any, coefficients: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contrast(scores, coefficients)


def test_unknown_names_and_flat_x_are_refused() -> None:
    with pytest.raises(KeyError, match="coefficients name 'z'"):
        contrast({"a": [1.0, 2.0], "b": [0.0, 0.0]}, {"z": 1})
    with pytest.raises(KeyError, match="9 is none of the checkpoints 0, 1"):
        curve(np.ones((3, 2)), against=9)
    with pytest.raises(ValueError, match="x is 3 for every checkpoint"):
        slope_coefficients([3, 3, 3])
    with pytest.raises(ValueError, match="n_checkpoints must be at least 2"):
        last_minus_first(1)
    with pytest.raises(ValueError, match=r"scores\[0, 0\] = 3.0 is outside \[0, 1\]"):
        contrast([[3.0, 1.0]], [1, -1], scale=SHARE)
    bad = compare_pairs([-1.0, nan], [-2.0, -1.0])
    with pytest.raises(ValueError, match=r"1\.probability\[1\] = nan is NaN"):
        contrast([compare_pairs([-1.0, -1.0], [-2.0, -2.0]), bad], [1, -1])
    with pytest.raises(ValueError, match="metric='brier' is not one of"):
        contrast([compare_pairs([-1.0], [-2.0])] * 2, [1, -1], metric="brier")
