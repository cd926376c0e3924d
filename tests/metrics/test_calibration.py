"""Calibration: scikit-learn's scores and curves, exact identities, and what must not change the answer."""

from __future__ import annotations

import json
from math import inf, isnan, log, nan, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

from pyscore import Comparison, compare_answers, summarize
from pyscore.metrics.auroc import auroc
from pyscore.metrics.calibration import calibration, comparison_calibration, multiclass_calibration
from pyscore.metrics.core.binning import BINS, mass_bins, width_bins
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import estimate_rate
from pyscore.metrics.core.report import Report
from tests.metrics.cases import compare_pairs, comparisons, random_pairs


def forecasts(seed: int, n: int, levels: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Overconfident probabilities, with ``levels`` distinct values where given, and outcomes of both kinds."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.001, 0.999, n)
    y = rng.random(n) < 0.25 + 0.5 * p
    y[:2] = [True, False]
    return (np.ceil(p * levels) / (levels + 1) if levels else p), y


samples = st.builds(forecasts, st.integers(0, 2**32 - 1), st.integers(2, 80), st.sampled_from([0, 3, 10]))


def column(report: Report, name: str) -> np.ndarray:
    return np.array([row[name] for row in report.rows])


def identity(report: Report) -> float:
    parts = report.numbers
    within = parts["within_bin_variance"] - parts["within_bin_covariance"]
    return parts["reliability"] - parts["resolution"] + parts["uncertainty"] + within


@given(samples)
def test_scores_equal_sklearns(sample: tuple[np.ndarray, np.ndarray]) -> None:
    p, y = sample
    report = calibration(p, y)
    assert report["brier"].value == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert report["nll"].value == pytest.approx(log_loss(y, p), abs=1e-9)
    assert report["auroc"].value == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert report["base_rate"].value == pytest.approx(y.mean())


@pytest.mark.parametrize(("bins", "strategy"), [("width", "uniform"), ("mass", "quantile")])
@given(seed=st.integers(0, 10**6), n_bins=st.sampled_from([1, 2, 5, 8, 15]))
def test_reliability_table_equals_sklearns_curve(bins: str, strategy: str, seed: int, n_bins: int) -> None:
    p, y = forecasts(seed, 120)  # distinct, and 120 is a multiple of each number of bins
    report = calibration(p, y, n_bins=n_bins, bins=bins)
    observed, mean_probability = calibration_curve(y, p, n_bins=n_bins, strategy=strategy)
    assert column(report, "observed") == pytest.approx(observed, abs=1e-12)
    assert column(report, "mean_probability") == pytest.approx(mean_probability, abs=1e-12)
    assert column(report, "n").sum() == 120


def test_errors_equal_a_worked_example() -> None:
    # two bins: three at 0.2 of which one happens, two at 0.8 of which both do; gaps 2/15 and 1/5
    report = calibration([0.2, 0.2, 0.2, 0.8, 0.8], [1, 0, 0, 1, 1], n_bins=2)
    gaps = (1 / 3 - 0.2, 1 - 0.8)
    assert report["ece"].value == pytest.approx(0.6 * gaps[0] + 0.4 * gaps[1])
    assert report.numbers["rms_calibration_error"] == pytest.approx(sqrt(0.6 * gaps[0] ** 2 + 0.4 * gaps[1] ** 2))
    assert report.numbers["mce"] == pytest.approx(0.2)
    assert report.numbers["reliability"] == pytest.approx(0.6 * gaps[0] ** 2 + 0.4 * gaps[1] ** 2)
    assert report.numbers["resolution"] == pytest.approx(0.6 * (1 / 3 - 0.6) ** 2 + 0.4 * 0.4**2)
    assert report.numbers["uncertainty"] == pytest.approx(0.24)


@pytest.mark.parametrize("bins", BINS)
@given(sample=samples, n_bins=st.integers(1, 20))
def test_brier_is_exactly_the_sum_of_its_five_parts(
    bins: str, sample: tuple[np.ndarray, np.ndarray], n_bins: int
) -> None:
    report = calibration(*sample, n_bins=n_bins, bins=bins)
    assert report["brier"].value == pytest.approx(identity(report), abs=1e-12)


@given(st.integers(0, 10**6))
def test_bins_of_one_probability_each_leave_murphys_three(seed: int) -> None:
    p, y = forecasts(seed, 60, levels=10)
    parts = calibration(p, y, n_bins=11).numbers  # k/11, one to a bin
    assert (parts["within_bin_variance"], parts["within_bin_covariance"]) == pytest.approx((0, 0), abs=1e-15)
    assert ((p - y) ** 2).mean() == pytest.approx(
        parts["reliability"] - parts["resolution"] + parts["uncertainty"], abs=1e-12
    )


def test_a_probability_on_an_edge_belongs_to_the_lower_bin_and_0_to_the_first() -> None:
    report = calibration([0.0, 0.25, 0.26, 1.0], [0, 0, 1, 1], n_bins=4)
    assert [(row["low"], row["high"], row["n"]) for row in report.rows] == [(0, 0.25, 2), (0.25, 0.5, 1), (0.75, 1, 1)]


def test_every_edge_of_up_to_1000_bins_is_the_last_value_of_its_bin() -> None:
    # 0.07 * 100 rounds to above 7, and so do products at 843 of these numbers of bins.
    for n_bins in range(1, 1001):
        edges = np.arange(1, n_bins + 1) / n_bins
        bins = np.arange(n_bins)
        assert np.array_equal(width_bins(edges, n_bins), bins), n_bins
        assert np.array_equal(width_bins(np.nextafter(edges, 0), n_bins), bins), n_bins
        assert np.array_equal(width_bins(np.nextafter(edges, 2)[:-1], n_bins), bins[1:]), n_bins


@given(st.integers(1, 100), st.integers(1, 20))
def test_bins_of_equal_mass_differ_by_one_at_most(n: int, n_bins: int) -> None:
    sizes = np.bincount(mass_bins(np.random.default_rng(n).permutation(n) / n, n_bins))
    assert len(sizes) == min(n, n_bins)
    assert sizes.max() - sizes.min() <= 1


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(1, 12))
def test_equal_probabilities_share_a_bin_and_bins_are_in_order(values: list[int], n_bins: int) -> None:
    p = np.array(values) / 6
    codes = mass_bins(p, n_bins)
    by_value = [set(codes[p == value]) for value in np.unique(p)]
    assert all(len(found) == 1 for found in by_value)
    steps = np.diff([found.pop() for found in by_value])
    assert ((steps == 0) | (steps == 1)).all()
    assert codes.min() == 0 and codes.max() < n_bins


def test_a_cut_among_equal_probabilities_moves_to_the_nearer_end() -> None:
    # ten values, a cut after the fifth: the run of 0.5 holds places 4 to 8, so its lower end is nearer, then its upper
    assert np.bincount(mass_bins(np.array([0.1, 0.2, 0.3] + [0.5] * 5 + [0.8, 0.9]), 2)).tolist() == [3, 7]
    assert np.bincount(mass_bins(np.array([0.1] + [0.5] * 5 + [0.6, 0.7, 0.8, 0.9]), 2)).tolist() == [6, 4]
    assert np.bincount(mass_bins(np.full(10, 0.5), 4)).tolist() == [10]


@pytest.mark.parametrize("bins", BINS)
@given(sample=samples, shuffle=st.integers(0, 2**32 - 1))
def test_order_does_not_matter(bins: str, sample: tuple[np.ndarray, np.ndarray], shuffle: int) -> None:
    p, y = sample
    order = np.random.default_rng(shuffle).permutation(len(p))
    one, other = calibration(p, y, bins=bins, n_bins=6), calibration(p[order], y[order], bins=bins, n_bins=6)
    assert other.numbers == pytest.approx(one.numbers, abs=1e-12)
    for name in one.estimates:
        assert other[name].low == pytest.approx(one[name].low, abs=1e-10, nan_ok=True)


@pytest.mark.parametrize("bins", BINS)
@given(sample=samples)
def test_questions_given_twice_change_no_error_and_in_clusters_no_spread(
    bins: str, sample: tuple[np.ndarray, np.ndarray]
) -> None:
    p, y = sample
    keys = list(range(len(p)))
    once = calibration(p, y, n_bins=5, clusters=keys)
    twice = calibration(np.tile(p, 2), np.tile(y, 2), n_bins=5, clusters=keys * 2)
    assert twice.numbers == pytest.approx(once.numbers, abs=1e-12)
    for name in ("brier", "nll", "auroc", "base_rate"):
        assert twice[name].stderr == pytest.approx(once[name].stderr, abs=1e-10, nan_ok=True)


@given(samples)
def test_probabilities_of_the_opposite_are_as_well_calibrated(sample: tuple[np.ndarray, np.ndarray]) -> None:
    p, y = sample
    one, other = calibration(p, y, n_bins=1), calibration(1 - p, ~y, n_bins=1)
    assert other.numbers == pytest.approx(one.numbers, abs=1e-9)
    for name in ("brier", "nll", "auroc"):
        assert other[name].value == pytest.approx(one[name].value, abs=1e-9)
    assert other["base_rate"].value == pytest.approx(1 - one["base_rate"].value)


def test_rows_have_wilsons_interval_whatever_the_means_have() -> None:
    p, y = forecasts(0, 100)
    for method in ("auto", "t", "bootstrap"):
        report = calibration(p, y, n_bins=2, interval=Interval(0.9, method, n_resamples=50))
        expected = estimate_rate(y[p > 0.5], interval=Interval(0.9))
        assert (report.rows[1]["observed_low"], report.rows[1]["observed_high"]) == (expected.low, expected.high)


def test_auroc_keeps_delongs_error_where_means_are_resampled() -> None:
    p, y = forecasts(0, 100)
    report = calibration(p, y, interval=Interval(method="bootstrap", n_resamples=50, seed=3))
    assert report["auroc"] == auroc(p, y)
    assert "auroc:delong" in report.signature and "interval:bootstrap:50" in report.signature


def test_certain_and_wrong_makes_the_log_loss_infinite_and_spares_the_rest() -> None:
    report = calibration([0.0, 1.0, 1.0, 0.0], [1, 1, 0, 0])
    assert report["nll"].value == inf
    assert report["nll"].reason == "2 infinite values"
    assert report["brier"].value == 0.5
    assert not isnan(report["brier"].stderr)
    assert calibration([0.0, 1.0], [0, 1])["nll"].value == 0


@pytest.mark.parametrize("happened", [0, 1])
def test_outcomes_of_one_kind_have_no_auroc_and_all_else(happened: int) -> None:
    report = calibration([0.2, 0.5, 0.9], [happened] * 3)
    assert isnan(report["auroc"].value)
    assert report["auroc"].reason.startswith("one kind of outcome")
    assert report.numbers["uncertainty"] == report.numbers["resolution"] == 0
    assert report["brier"].value == pytest.approx(identity(report))


@given(comparisons)
def test_compared_answers_have_the_scores_of_summarize(comparison: Comparison) -> None:
    report, summary = comparison_calibration(comparison), summarize(comparison)
    for name in ("ece", "calibration_error"):
        assert vars(report[name]) == pytest.approx(vars(getattr(summary, name)), abs=1e-9, nan_ok=True)
    assert report["brier"].value == pytest.approx(summary.brier.value, abs=1e-14)
    assert report["brier"].value == pytest.approx(identity(report), abs=1e-12)  # ties among them
    assert report.numbers["ties"] == np.count_nonzero(comparison.tie)
    assert report["nll"].value == pytest.approx(-np.log(comparison.probability).mean())


def test_ties_count_half_and_are_not_ranked() -> None:
    report = comparison_calibration(compare_pairs([-1.0, -1.0, -2.0, -1.0], [-1.0, -3.0, -1.0, -2.5]))
    assert report["accuracy"].value == 0.625
    assert report.numbers["ties"] == 1
    assert (report["auroc"].value, report["auroc"].n) == (1, 3)  # the wrong one is the least confident


def test_log_odds_go_on_where_probabilities_round() -> None:
    # probabilities 0 and 1 to rounding, the wrong answer the surest
    report = comparison_calibration(compare_pairs([-1.0, -1.0, -5000.0], [-900.0, -800.0, -1.0]))
    assert report["nll"].value == pytest.approx(4999 / 3)
    assert report["auroc"].value == 0
    assert report["brier"].value == pytest.approx(1 / 3)
    assert comparison_calibration(compare_pairs([-inf, -1.0], [-1.0, -2.0]))["nll"].value == inf


def ragged(seed: int, n: int, least: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-probabilities of questions with 1 to 6 options, offsets, and right options."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(least, 7, n)
    return -rng.gamma(2.0, 2.0, sizes.sum()), np.concatenate([[0], sizes.cumsum()]), rng.integers(0, sizes)


questions = st.builds(ragged, st.integers(0, 2**32 - 1), st.integers(1, 30))


def softmaxes(logprob: np.ndarray, offsets: np.ndarray) -> list[np.ndarray]:
    return [np.exp(log_softmax(options)) for options in np.split(logprob, offsets[1:-1])]


@given(questions)
def test_ragged_options_equal_a_loop_over_questions(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    shares, gold = softmaxes(*case[:2]), case[2]
    report = multiclass_calibration(*case)
    right = np.array([p.argmax() == g for p, g in zip(shares, gold, strict=True)])
    brier = [((p - np.eye(len(p))[g]) ** 2).sum() for p, g in zip(shares, gold, strict=True)]
    assert report["accuracy"].value == pytest.approx(right.mean())
    assert report["nll"].value == pytest.approx(-np.mean([log(p[g]) for p, g in zip(shares, gold, strict=True)]))
    assert report["brier"].value == pytest.approx(np.mean(brier), abs=1e-12)
    top_label = calibration([min(p.max(), 1.0) for p in shares], right)
    for name in ("rms_calibration_error", "mce"):
        assert report.numbers[name] == pytest.approx(top_label.numbers[name], abs=1e-9)
    assert report["ece"].value == pytest.approx(top_label["ece"].value, abs=1e-9)
    assert report["auroc"].value == pytest.approx(top_label["auroc"].value, nan_ok=True)


@given(st.integers(0, 10**6), st.integers(2, 5))
def test_as_many_options_everywhere_equals_sklearn(seed: int, n_options: int) -> None:
    rng = np.random.default_rng(seed)
    p, gold = rng.dirichlet(np.ones(n_options), 50), rng.integers(0, n_options, 50)
    report = multiclass_calibration(np.log(p).ravel(), np.arange(0, 50 * n_options + 1, n_options), gold)
    labels = np.arange(n_options)
    assert report["nll"].value == pytest.approx(log_loss(gold, p, labels=labels), abs=1e-9)
    assert report["accuracy"].value == pytest.approx(accuracy_score(gold, p.argmax(axis=1)))
    brier = brier_score_loss(gold, p, labels=labels, scale_by_half=False)
    assert report["brier"].value == pytest.approx(brier, abs=1e-9)


@given(questions, st.floats(-1e4, 0))
def test_a_shift_of_a_questions_log_probabilities_does_not_matter(
    case: tuple[np.ndarray, np.ndarray, np.ndarray], shift: float
) -> None:
    logprob, offsets, gold = case
    one, other = multiclass_calibration(*case), multiclass_calibration(logprob + shift, offsets, gold)
    for name in ("accuracy", "nll", "brier"):
        assert other[name].value == pytest.approx(one[name].value, abs=1e-9)
    assert other.numbers == pytest.approx(one.numbers, abs=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_two_options_equal_compared_answers(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    logprob, gold = -rng.gamma(2.0, 2.0, 2 * n), rng.integers(0, 2, n)
    offsets, is_gold = np.arange(0, 2 * n + 1, 2), np.zeros(2 * n, dtype=bool)
    is_gold[offsets[:-1] + gold] = True
    over_all = multiclass_calibration(logprob, offsets, gold)
    compared = comparison_calibration(compare_answers(logprob, offsets, is_gold))
    for name in ("accuracy", "nll", "auroc"):
        assert over_all[name].value == pytest.approx(compared[name].value, nan_ok=True)
    assert over_all["brier"].value == pytest.approx(2 * compared["brier"].value, abs=1e-12)  # both classes count
    assert over_all["ece"].value == pytest.approx(compared["ece"].value, abs=1e-12)


def test_the_first_among_equal_options_wins() -> None:
    report = multiclass_calibration([-1.0, -1.0, -2.0, -1.0, -1.0], [0, 2, 5], [0, 2])
    assert report["accuracy"].value == 0.5


def test_options_without_any_mass_share_it_equally() -> None:
    report = multiclass_calibration([-inf, -inf, -1.0, -inf], [0, 2, 4], [1, 0])
    assert report["nll"].value == pytest.approx(log(2) / 2)
    assert report["brier"].value == pytest.approx(0.5 / 2)
    assert report["accuracy"].value == 0.5
    assert multiclass_calibration([-1.0, -inf], [0, 2], [1])["nll"].value == inf


def test_confidences_that_round_to_one_are_still_ranked() -> None:
    # margins of 60, 70 and 80 nats, the wrong one the least sure
    report = multiclass_calibration([0.0, -60.0, -70.0, 0.0, -80.0, 0.0], [0, 2, 4, 6], [1, 1, 1])
    assert report["auroc"].value == 1
    assert report["nll"].value == pytest.approx(20)


@pytest.mark.parametrize("bins", BINS)
def test_one_question_has_values_and_no_intervals(bins: str) -> None:
    reports = [
        calibration([0.7], [1], bins=bins),
        comparison_calibration(random_pairs(0, 1), bins=bins),
        multiclass_calibration([-1.0, -2.0], [0, 2], [0], bins=bins),
    ]
    for report in reports:
        assert report["brier"].reason.startswith("one question")
        assert report.rows[0]["n"] == 1
        assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["rows"][0]["observed_low"] is None


def test_one_cluster_has_values_and_no_intervals() -> None:
    report = calibration(*forecasts(0, 6), clusters=["x"] * 6)
    assert all("one cluster" in report[name].reason for name in report.estimates if name != "ece")


def test_it_prints_what_was_measured_and_how() -> None:
    report = calibration(*forecasts(0, 30), n_bins=4, bins="mass", clusters=[i // 2 for i in range(30)])
    lines = str(report).splitlines()
    assert lines[0] == "calibration, 30 questions in 15 clusters"
    assert lines[-1].startswith("metric:calibration|bins:mass:4|auroc:delong|interval:auto|confidence:0.95|")
    compared = str(comparison_calibration(random_pairs(0, 9)))
    assert "|ties:half|" in compared


def test_torch_tensors_of_any_dtype_are_read() -> None:
    p, y = forecasts(0, 40)
    got = calibration(torch.tensor(p, dtype=torch.bfloat16), torch.tensor(y))
    assert got["brier"].value == pytest.approx(calibration(p, y)["brier"].value, abs=1e-2)
    case = ragged(0, 10)
    assert multiclass_calibration(*map(torch.tensor, case)).numbers == multiclass_calibration(*case).numbers


@pytest.mark.parametrize(
    ("probability", "outcome", "options", "message"),
    [
        ([0.5, 1.5], [0, 1], {}, r"probability\[1\] = 1.5 is outside \[0, 1\]"),
        ([nan, 0.5], [0, 1], {}, r"probability\[0\] is NaN"),
        ([0.5, 0.5], [0, 0.5], {}, r"outcome\[1\] = 0.5"),
        ([0.5, 0.5], [0, nan], {}, r"outcome\[1\] = nan"),
        ([0.5], [0, 1], {}, "probability has 1, outcome has 2"),
        ([], [], {}, "probability is empty"),
        ([0.5, 0.5], [0, 1], {"bins": "quantile"}, "'width', 'mass'"),
        ([0.5, 0.5], [0, 1], {"n_bins": 0}, "n_bins must be a whole number above 0"),
        ([0.5, 0.5], [0, 1], {"clusters": ["a"]}, "2 questions, 1 clusters"),
    ],
)
def test_a_users_mistake_is_named(probability: Any, outcome: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        calibration(probability, outcome, **options)


@pytest.mark.parametrize(
    ("logprob", "offsets", "gold", "error", "message"),
    [
        ([-1.0, 0.5], [0, 2], [0], ValueError, "answer_logprob .* row 1 is 0.5"),
        ([-1.0, nan], [0, 2], [0], ValueError, "answer_logprob .* row 1 is nan"),
        ([-1.0, -2.0], [0, 2], [2], ValueError, r"gold\[0\] = 2, but question 0 has the answers 0 to 1"),
        ([-1.0, -2.0], [0, 2], [-1], ValueError, r"gold\[0\] = -1"),
        ([-1.0, -2.0], [0, 2], [0, 0], ValueError, r"gold must be \[1\]"),
        ([-1.0, -2.0], [0, 2], [0.0], TypeError, "gold must hold integers"),
        ([-1.0, -2.0], [0, 3], [0], ValueError, "question_offsets must end at 2"),
        ([-1.0, -2.0], [0, 0, 2], [0, 0], ValueError, "question 0 nothing"),
        ([-1.0, -2.0], [0], [], ValueError, "question_offsets must end at 2"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    logprob: list[float], offsets: list[int], gold: list[Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        multiclass_calibration(logprob, offsets, gold)


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_rates_of_independent_questions_are_those_of_estimate_rate(confidence: float) -> None:
    rng = np.random.default_rng(0)
    interval = Interval(confidence)
    for n in (1, 2, 3, 50, 400):
        p, right = rng.random(n), rng.integers(0, 2, n)
        for row in calibration(p, right, interval=interval).rows:
            inside = (p > row["low"]) & (p <= row["high"])
            expected = estimate_rate(right[inside], interval=interval)
            found = [row[name] for name in ("observed", "observed_low", "observed_high", "n", "reason")]
            np.testing.assert_equal(found, [expected.value, expected.low, expected.high, expected.n, expected.reason])
