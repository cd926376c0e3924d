"""summarize: published numbers, independent formulas, and what must not change the answer."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from math import inf, isnan, nan, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from pyscore import Comparison, Estimate, Summary, compare_answers, summarize
from pyscore.metrics.core.columns import METRICS, SUMMED
from tests.metrics.cases import columns_of, compare_pairs, comparisons, of_preferences, random_pairs, take
from tests.paths import ORACLES, needs_oracles

HALF_AND_HALF = of_preferences([1, 1, 1, 0, 0.5])


def values(summary: Summary) -> dict[str, float]:
    """Every number that doesn't depend on how many questions there are."""
    return {name: getattr(summary, name).value for name in (*SUMMED, "ece")}


def read_caa() -> tuple[np.ndarray, np.ndarray]:
    with open(ORACLES / "caa_sycophancy_layer13_mult-1_llama2-7b-chat.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    masses = np.array([[float(row["a_prob"]), float(row["b_prob"])] for row in rows])
    is_matching = np.array([[row["matching"] == "A", row["matching"] == "B"] for row in rows])
    return np.log(masses), is_matching


def check_caa(summary: Summary) -> None:
    assert summary.mean_probability.value == pytest.approx(0.6367491809389794, abs=1e-12)
    assert summary.preference_rate.value == 0.64
    assert summary.mean_probability_raw.value == pytest.approx(0.5149120361637324, abs=1e-12)
    assert summary.mean_coverage.value == pytest.approx(0.8261871661688202, abs=1e-12)
    assert summary.n_questions == 50


@needs_oracles
def test_published_sycophancy_numbers() -> None:
    logprobs, is_matching = read_caa()
    check_caa(summarize(compare_pairs(logprobs[is_matching], logprobs[~is_matching])))


@needs_oracles
def test_published_sycophancy_numbers_through_compare_answers() -> None:
    logprobs, is_matching = read_caa()
    offsets = np.arange(0, logprobs.size + 1, 2)
    check_caa(summarize(compare_answers(logprobs.ravel(), offsets, is_matching.ravel())))


@needs_oracles
def test_published_winogrande_accuracy_and_its_error() -> None:
    with open(ORACLES / "lm_eval_winogrande_5shot_llama13b.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    pairs = np.array([[float(row["logit_0"]), float(row["logit_1"])] for row in rows])
    truth = np.array([int(row["truth"]) for row in rows])
    index = np.arange(len(rows))
    rate = summarize(compare_pairs(pairs[index, truth], pairs[index, 1 - truth])).preference_rate
    assert rate.value * len(rows) == pytest.approx(965)
    assert (round(rate.value, 4), round(rate.stderr, 4)) == (0.7616, 0.0120)


@given(comparisons, st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_method_t_is_scipys_t_within_the_range_and_auto_is_no_narrower(
    comparison: Comparison, confidence: float
) -> None:
    estimate = summarize(comparison, confidence=confidence, method="t").mean_probability
    p = np.asarray(comparison.probability)
    assume(np.ptp(p) > 0 and np.ptp(np.asarray(comparison.log_odds)) > 0)
    expected = stats.ttest_1samp(p, 0.5).confidence_interval(confidence)
    assert (estimate.value, estimate.stderr) == pytest.approx((p.mean(), stats.sem(p)), abs=1e-12)
    assert (estimate.low, estimate.high) == pytest.approx((max(expected.low, 0), min(expected.high, 1)), abs=1e-10)
    wider = summarize(comparison, confidence=confidence).mean_probability
    assert 0 <= wider.low <= estimate.low + 1e-12 and estimate.high - 1e-12 <= wider.high <= 1
    log_odds = summarize(comparison, confidence=confidence).mean_log_odds
    expected = stats.ttest_1samp(np.asarray(comparison.log_odds), 0).confidence_interval(confidence)
    assert (log_odds.low, log_odds.high) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-9)


@given(st.integers(0, 80), st.integers(0, 80), st.sampled_from([0.8, 0.95, 0.99]))
def test_rates_have_the_interval_of_scipys_wilson(wins: int, losses: int, confidence: float) -> None:
    if wins + losses < 2:
        wins += 2
    estimate = summarize(of_preferences([1] * wins + [0] * losses), confidence=confidence).preference_rate
    expected = stats.binomtest(wins, wins + losses).proportion_ci(confidence, method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_method_t_gives_rates_the_interval_of_a_mean() -> None:
    estimate = summarize(HALF_AND_HALF, method="t").preference_rate
    expected = stats.ttest_1samp([1, 1, 1, 0, 0.5], 0.5).confidence_interval(0.95)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, 1.0))  # scipy's goes on to 1.26


def test_a_tie_counts_half_and_is_reported() -> None:
    summary = summarize(HALF_AND_HALF)
    assert summary.preference_rate.value == pytest.approx(0.7)
    assert summary.tie_rate.value == pytest.approx(0.2)


def test_clustered_error_equals_a_worked_example() -> None:
    # scores 1 1 | 0 1 | 0 with mean 0.6: without a cluster 1/3, 2/3 and 3/4; K = 5²/(4 + 4 + 1)
    estimate = summarize(
        of_preferences([1, 1, 0, 1, 0]), clusters=["a", "a", "b", "b", "c"], method="t", confidence=0.5
    ).preference_rate
    stderr = sqrt(2 / 3 * ((1 / 3 - 0.6) ** 2 + (2 / 3 - 0.6) ** 2 + (3 / 4 - 0.6) ** 2))
    half = stats.t.ppf(0.75, 25 / 9 - 1) * stderr
    assert (estimate.value, estimate.stderr) == pytest.approx((0.6, stderr))
    assert (estimate.low, estimate.high) == pytest.approx((0.6 - half, 0.6 + half))


@given(comparisons)
def test_one_question_a_cluster_is_no_clustering(comparison: Comparison) -> None:
    clustered = summarize(comparison, clusters=np.arange(len(comparison)), method="t")
    plain = summarize(comparison, method="t")
    for name in METRICS:
        a, b = getattr(clustered, name), getattr(plain, name)
        expected = pytest.approx((b.value, b.stderr, b.low, b.high), abs=1e-12, nan_ok=True)
        assert (a.value, a.stderr, a.low, a.high) == expected


@given(comparisons, st.integers(0, 2**32 - 1))
def test_the_order_of_questions_does_not_matter(comparison: Comparison, shuffle: int) -> None:
    order = np.random.default_rng(shuffle).permutation(len(comparison))
    keys = np.array([f"c{i % 7}" for i in range(len(comparison))])
    a = summarize(comparison, clusters=keys)
    b = summarize(take(comparison, order), clusters=keys[order])
    assert values(a) == pytest.approx(values(b), abs=1e-12)
    assert a.mean_probability.stderr == pytest.approx(b.mean_probability.stderr, abs=1e-12, nan_ok=True)


@given(comparisons)
def test_duplicating_every_question_keeps_the_values(comparison: Comparison) -> None:
    twice = take(comparison, np.tile(np.arange(len(comparison)), 2))
    assert values(summarize(twice)) == pytest.approx(values(summarize(comparison)), abs=1e-12)


@given(comparisons)
def test_clustering_undoes_duplication(comparison: Comparison) -> None:
    n = len(comparison)
    twice = summarize(take(comparison, np.tile(np.arange(n), 2)), clusters=np.tile(np.arange(n), 2), method="t")
    once = summarize(comparison, method="t")
    assert twice.mean_probability.stderr == pytest.approx(once.mean_probability.stderr, abs=1e-12, nan_ok=True)
    assert twice.preference_rate.low == pytest.approx(once.preference_rate.low, abs=1e-10, nan_ok=True)


@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_swapping_the_answers_negates_log_odds_and_complements_the_rest(seed: int, n: int) -> None:
    m, o = -np.random.default_rng(seed).gamma(2.0, 2.0, (2, n))
    a, b = summarize(compare_pairs(m, o)), summarize(compare_pairs(o, m))
    assert a.mean_log_odds.value == pytest.approx(-b.mean_log_odds.value, abs=1e-12)
    assert a.mean_probability.value == pytest.approx(1 - b.mean_probability.value, abs=1e-12)
    assert a.preference_rate.low == pytest.approx(1 - b.preference_rate.high, abs=1e-12)
    assert a.mean_coverage == b.mean_coverage


@given(comparisons, st.floats(0.1, 50))
def test_equal_weights_are_no_weights(comparison: Comparison, weight: float) -> None:
    keys = [i % 3 for i in range(len(comparison))]
    weighted = summarize(comparison, weights=np.full(len(comparison), weight), clusters=keys)
    plain = summarize(comparison, clusters=keys)
    assert values(weighted) == pytest.approx(values(plain), abs=1e-12)
    assert weighted.mean_probability.stderr == pytest.approx(plain.mean_probability.stderr, abs=1e-12)


def test_weighted_mean_and_its_error_equal_a_worked_example() -> None:
    # scores 1 0 0 with weights 2 1 1: mean 0.5, without one question 0, 2/3 and 2/3
    estimate = summarize(of_preferences([1, 0, 0]), weights=[2, 1, 1], method="t").preference_rate
    assert (estimate.value, estimate.stderr) == pytest.approx((0.5, sqrt(2 / 3 * (1 / 4 + 1 / 36 + 1 / 36))))


@given(comparisons)
def test_a_question_of_weight_zero_is_as_if_absent(comparison: Comparison) -> None:
    n = len(comparison)
    doubled = take(comparison, np.r_[0:n, 0:n])
    weighted = summarize(doubled, weights=np.r_[np.ones(n), np.zeros(n)], clusters=np.arange(2 * n))
    assert values(weighted) == pytest.approx(values(summarize(comparison)), abs=1e-12)
    assert (weighted.n_questions, weighted.n_clusters) == (n, n)


@given(st.lists(st.floats(0.7, 1.4), min_size=2, max_size=30))
def test_a_weighted_rate_of_1_is_exactly_1(weights: list[float]) -> None:
    rate = summarize(of_preferences([1] * len(weights)), weights=weights).preference_rate
    assert (rate.value, rate.stderr, rate.high) == (1, 0, 1)


def test_one_heavy_question_widens_the_interval_of_a_rate_of_1() -> None:
    rate = summarize(of_preferences([1, 1, 1, 1]), weights=[4, 1, 1, 1]).preference_rate
    even = summarize(of_preferences([1, 1, 1, 1]), weights=[1, 1, 1, 1]).preference_rate
    assert rate.low < even.low < rate.high == 1


@pytest.mark.parametrize("scores", [[1, 0] * 10, [1] * 20])
def test_one_question_with_all_of_the_weight_has_no_interval(scores: list[int]) -> None:
    summary = summarize(of_preferences(scores), weights=[1e9] + [1] * 19)
    for name in METRICS:
        estimate = getattr(summary, name)
        assert isnan(estimate.low) and "1.00 effective questions of 20" in estimate.reason


def test_calibration_of_a_worked_example() -> None:
    # confidences 0.9 and 0.9 (right, gaps of 0.1 in one bin), 0.7 (wrong: 0.7), 0.5 (a tie counts half: 0)
    p = np.array([0.9, 0.9, 0.3, 0.5])
    summary = summarize(compare_pairs(np.log(p), np.log1p(-p)))
    assert summary.ece.value == pytest.approx((0.2 + 0.7 + 0.0) / 4)
    assert summary.brier.value == pytest.approx((0.01 + 0.01 + 0.49 + 0.25) / 4)


def test_calibration_judges_the_more_probable_side_where_it_is_not_the_preferred_answer() -> None:
    # the matching answer is the likeliest of three, but "another one" has 0.6: a confidence of 0.6 that is wrong
    comparison = compare_answers(np.log([0.4, 0.3, 0.3]), [0, 3], [True, False, False])
    assert comparison.prefers[0] == 1 and summarize(comparison).ece.value == pytest.approx(0.6)


def test_calibration_counts_a_tie_half_whatever_the_ties_policy() -> None:
    strict = replace(HALF_AND_HALF, prefers=np.array([1.0, 1.0, 1.0, 0.0, 0.0]))
    assert summarize(strict).preference_rate.value == pytest.approx(0.6)
    assert summarize(strict).ece.value == summarize(HALF_AND_HALF).ece.value


def test_calibration_bins_are_closed_on_the_right() -> None:
    # 9/15 is the last value of its bin: 0.6 (wrong) and 0.61 (right) must not cancel in one bin
    p = np.array([0.4, 0.61])
    assert summarize(compare_pairs(np.log(p), np.log1p(-p))).ece.value == pytest.approx((0.6 + 0.39) / 2)


@settings(max_examples=5)
@given(st.integers(0, 1000))
def test_bootstrap_is_near_the_t_interval_and_depends_on_the_seed_alone(seed: int) -> None:
    comparison = random_pairs(seed, 200)
    boot = summarize(comparison, method="bootstrap", seed=seed).mean_probability
    t = summarize(comparison, method="t").mean_probability
    assert boot == summarize(comparison, method="bootstrap", seed=seed).mean_probability
    assert boot.value == pytest.approx(t.value, rel=1e-15)
    assert (boot.low, boot.high, boot.stderr) == pytest.approx((t.low, t.high, t.stderr), abs=0.2 * t.stderr)


def test_bootstrap_draws_whole_clusters() -> None:
    # within a cluster all questions agree: drawing questions would make the error smaller by √20
    rng = np.random.default_rng(1)
    prefers = np.repeat(rng.random(30) < 0.5, 20)
    clusters = np.repeat([f"claim {i}" for i in range(30)], 20)
    boot = summarize(of_preferences(prefers), clusters=clusters, method="bootstrap").preference_rate
    robust = summarize(of_preferences(prefers), clusters=clusters).preference_rate
    assert boot.stderr == pytest.approx(robust.stderr, rel=0.05)


@pytest.mark.parametrize("method", ["auto", "t", "bootstrap"])
@pytest.mark.parametrize(("n", "clusters", "unit"), [(1, None, "question"), (4, ["x"] * 4, "cluster")])
def test_one_unit_has_a_value_and_no_interval(n: int, clusters: list[str] | None, unit: str, method: str) -> None:
    summary = summarize(of_preferences([1] * n), clusters=clusters, method=method)
    for name in METRICS:
        estimate: Estimate = getattr(summary, name)
        assert not isnan(estimate.value)
        assert isnan(estimate.stderr) and isnan(estimate.low) and isnan(estimate.high)
        assert f"one {unit}" in estimate.reason
    assert summary.to_dict()["preference_rate"]["low"] is None


@pytest.mark.parametrize(("matching", "other", "value"), [(-1.0, -inf, inf), (-inf, -1.0, -inf)])
def test_infinite_log_odds_have_a_value_and_no_interval(matching: float, other: float, value: float) -> None:
    summary = summarize(compare_pairs([matching, -1.0], [other, -2.0]))
    assert summary.mean_log_odds.value == value
    assert isnan(summary.mean_log_odds.low)
    assert summary.mean_log_odds.reason == "1 infinite log odds"
    assert summary.to_dict()["mean_log_odds"]["value"] is None
    assert not isnan(summary.mean_probability.stderr)


def test_infinite_log_odds_of_both_signs_have_no_mean() -> None:
    for method in ("auto", "bootstrap"):
        estimate = summarize(compare_pairs([-1.0, -inf, -1.0], [-inf, -1.0, -2.0]), method=method).mean_log_odds
        assert isnan(estimate.value)
        assert estimate.reason == "2 infinite log odds"


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 0), (torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_torch_tensors_of_any_dtype_are_read(dtype: torch.dtype, tolerance: float) -> None:
    comparison = random_pairs(0, 30)
    tensors: dict[str, Any] = {name: torch.tensor(column) for name, column in columns_of(comparison).items()}
    tensors = {name: t.to(dtype) if t.is_floating_point() else t for name, t in tensors.items()}
    got, expected = summarize(Comparison(**tensors)), summarize(comparison)
    assert got.mean_probability.value == pytest.approx(expected.mean_probability.value, abs=tolerance)


class OnlyDlpack:
    """An array of a library that pyscore has never heard of."""

    def __init__(self, column: np.ndarray) -> None:
        self.tensor = torch.tensor(column)

    def __len__(self) -> int:
        return len(self.tensor)

    def __dlpack__(self, **options: Any) -> object:
        return self.tensor.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor.__dlpack_device__()


def test_any_dlpack_array_is_read() -> None:
    comparison = random_pairs(0, 30)
    foreign: dict[str, Any] = {name: OnlyDlpack(np.asarray(column)) for name, column in columns_of(comparison).items()}
    assert summarize(replace(comparison, **foreign)) == summarize(comparison)


def test_the_table_begins_with_both_headline_numbers() -> None:
    lines = str(summarize(HALF_AND_HALF)).splitlines()
    assert lines[0] == "5 questions"
    assert lines[2].startswith("mean probability ") and lines[3].startswith("preference rate ")
    assert "95% interval" in lines[1]
    assert "0.7000" in lines[3]


def test_the_dictionary_is_json_and_names_every_field() -> None:
    summary = summarize(random_pairs(0, 9), clusters=list("aabbccdde"), confidence=0.9)
    written = json.loads(json.dumps(summary.to_dict(), allow_nan=False))
    assert set(written) == set(Summary.__dataclass_fields__)
    assert written["n_clusters"] == 5
    assert written["mean_probability"]["value"] == summary.mean_probability.value


def broken(field: str, row: int, value: float) -> Comparison:
    column = np.asarray(getattr(HALF_AND_HALF, field), float).copy()
    column[row] = value
    changed: dict[str, Any] = {field: column}
    return replace(HALF_AND_HALF, **changed)


@pytest.mark.parametrize("field", ["probability", "probability_raw", "coverage", "log_odds", "prefers", "tie"])
def test_nan_is_refused_with_its_field_and_row(field: str) -> None:
    with pytest.raises(ValueError, match=rf"comparison\.{field}\[3\] = nan"):
        summarize(broken(field, 3, nan))


@pytest.mark.parametrize(
    ("comparison", "options", "message"),
    [
        (compare_pairs([], []), {}, "is empty"),
        (broken("probability", 2, 1.5), {}, r"probability\[2\] = 1.5 is outside \[0, 1\]"),
        (broken("coverage", 1, inf), {}, r"coverage\[1\] = inf"),
        (replace(HALF_AND_HALF, tie=np.zeros(4)), {}, "differ in length"),
        (replace(HALF_AND_HALF, tie=np.zeros((5, 1))), {}, "one dimension"),
        (HALF_AND_HALF, {"clusters": ["a", "b"]}, "5 questions, 2 clusters"),
        (HALF_AND_HALF, {"clusters": ["a", "b", None, "c", "d"]}, r"clusters\[2\] is missing"),
        (HALF_AND_HALF, {"clusters": np.array([1, 2, 3, nan, 4])}, r"clusters\[3\] is missing"),
        (HALF_AND_HALF, {"weights": [1, 1]}, "5 questions, 2 weights"),
        (HALF_AND_HALF, {"weights": [1, 1, -1, 1, 1]}, r"weights\[2\] = -1.0"),
        (HALF_AND_HALF, {"weights": [1, inf, 1, 1, 1]}, r"weights\[1\] = inf"),
        (HALF_AND_HALF, {"weights": [0] * 5}, "weights are all 0"),
        (HALF_AND_HALF, {"confidence": 95}, "between 0 and 1"),
        (HALF_AND_HALF, {"method": "jackknife"}, "'auto', 't', 'wilson', 'bootstrap', 'bca'"),
    ],
)
def test_a_users_mistake_is_named(comparison: Comparison, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        summarize(comparison, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("clusters", ["abcde", [["a"], ["b"], ["c"], ["d"], ["e"]]])
def test_clusters_of_the_wrong_type_are_refused(clusters: object) -> None:
    with pytest.raises(TypeError, match="clusters"):
        summarize(HALF_AND_HALF, clusters=clusters)  # type: ignore[arg-type]
