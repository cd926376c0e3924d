"""Minimum detectable effects and sample sizes: statsmodels, R, enumeration, what tests really find."""

from __future__ import annotations

import inspect
import json
from math import ceil, exp, inf, sqrt
from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from pyscore import paired_difference, summarize
from pyscore.metrics.core.design import leave_one_out, read_design
from pyscore.metrics.core.powers import mcnemar_power
from pyscore.metrics.power import minimum_detectable_effect, power_analysis, required_n
from tests.metrics.cases import compare_pairs, random_pairs

sizes, variances = st.integers(2, 100_000), st.floats(1e-4, 10)
powers, alphas = st.floats(0.5, 0.99), st.floats(1e-3, 0.2)


# Where the tail in the wrong direction is below 1e-16, statsmodels' power is NaN.
@given(st.integers(10, 10_000), variances, st.floats(0.5, 0.95), st.floats(0.01, 0.2))
def test_effects_equal_statsmodels(n: int, variance: float, power: float, alpha: float) -> None:
    effect = minimum_detectable_effect(n, variance=variance, power=power, alpha=alpha)
    assert TTestPower().power(effect / sqrt(variance), n, alpha) == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize(
    ("effect", "options", "n"),
    [
        # R's power.t.test(delta = 0.5, power = 0.8, type = "one.sample") prints n = 33.36713
        (0.5, {}, 34),
        # The other way round: R's pwr.t.test(d = 0.2, n = 60, sig.level = 0.1, type = "one.sample") prints 0.4555818
        (0.2, {"power": 0.45558175, "alpha": 0.1}, 60),
        (2.0, {}, 5),
    ],
)
def test_sizes_equal_those_of_r(effect: float, options: dict[str, Any], n: int) -> None:
    assert required_n(effect, variance=1.0, **options) == n


def test_both_directions_show_the_same_options() -> None:
    options = [dict(inspect.signature(f).parameters) for f in (minimum_detectable_effect, required_n)]
    del options[0]["n"], options[1]["effect"]
    assert options[0] == options[1] and "variance" in get_type_hints(required_n)
    with pytest.raises(TypeError, match="required_n"):
        required_n(0.1, varianz=0.1)  # type: ignore[call-arg]


def test_published_number_of_questions() -> None:
    # Miller 2024: 3 percentage points, 80 % power, 5 % level, omega² = 1/9 and no noise from answers: 969 by the normal
    assert required_n(0.03, variance=1 / 9) == 971


@given(sizes, variances, powers, alphas, st.floats(0.5, 20), st.floats(1, 10))
def test_required_n_is_the_inverse_of_the_detectable_effect(
    n: int, variance: float, power: float, alpha: float, design_effect: float, per_cluster: float
) -> None:
    n = max(n, ceil(2 * per_cluster))
    options: dict[str, Any] = {"variance": variance, "power": power, "alpha": alpha}
    options |= {"design_effect": design_effect, "questions_per_cluster": per_cluster}
    effect = minimum_detectable_effect(n, **options)
    assert required_n(effect, **options) == required_n(-effect, **options) == n
    assert required_n(effect * 0.999, **options) > n or n < 500


@given(sizes, variances)
def test_more_questions_less_power_and_less_noise_all_help(n: int, variance: float) -> None:
    effect = minimum_detectable_effect(n, variance=variance)
    assert minimum_detectable_effect(4 * n, variance=variance) < effect / 2
    assert minimum_detectable_effect(n, variance=variance, power=0.7) < effect
    assert minimum_detectable_effect(n, variance=variance, alpha=0.1) < effect
    assert minimum_detectable_effect(n, variance=variance, design_effect=4) == pytest.approx(2 * effect)
    if n >= 4:
        assert minimum_detectable_effect(n, variance=variance, questions_per_cluster=2) > effect


def test_clusters_of_copies_need_as_many_clusters_as_single_questions() -> None:
    single = required_n(0.5, variance=1.0)
    assert single - 1 < required_n(0.5, variance=1.0, design_effect=3, questions_per_cluster=3) / 3 <= single


def test_beyond_ten_million_the_normal_stands_for_t() -> None:
    just_below, above = (minimum_detectable_effect(n, variance=1.0) * sqrt(n) for n in (10**7, 10**7 + 10))
    assert above < just_below < above * (1 + 4e-7)
    assert required_n(minimum_detectable_effect(10**12, variance=1.0), variance=1.0) == 10**12


def test_tails_that_scipy_cannot_compute_count_as_none() -> None:
    assert minimum_detectable_effect(2, variance=1.0, alpha=1e-4) == pytest.approx(
        sqrt(0.5) * 6366.1977 * 1.2815516, rel=1e-3
    )


@given(st.integers(1, 9), st.floats(0.05, 1), st.floats(0, 1), alphas)
def test_mcnemars_power_is_a_sum_over_all_tables(n: int, discordance: float, ratio: float, alpha: float) -> None:
    p = (discordance * (1 + ratio) / 2, discordance * (1 - ratio) / 2, 1 - discordance)
    z = stats.norm.isf(alpha / 2)
    tables = [(b, c, n - b - c) for b in range(n + 1) for c in range(n + 1 - b)]
    found = sum(stats.multinomial.pmf(x, n, p) for x in tables if abs(x[0] - x[1]) > z * sqrt(x[0] + x[1]))
    assert mcnemar_power(n, ratio * discordance, discordance, alpha) == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize(
    ("effect", "discordance"), [(0.1, 0.2), (0.05, 0.05), (0.3, 0.3), (0.5, 1.0), (-0.1, 1.0), (0.05, 0.3)]
)
def test_mcnemars_size_is_the_first_from_which_power_stays(effect: float, discordance: float) -> None:
    n = required_n(effect, discordance=discordance)
    after = [mcnemar_power(k, effect, discordance, 0.05) for k in range(n, n + 200)]
    assert min(after) >= 0.8 > mcnemar_power(n - 1, effect, discordance, 0.05)


@pytest.mark.parametrize(("effect", "discordance"), [(0.1, 0.2), (0.02, 0.1), (0.05, 0.3), (0.005, 0.2)])
def test_mcnemars_size_is_near_the_published_approximation(effect: float, discordance: float) -> None:
    # Miettinen 1968; that of Connor 1987, for the test with ψ as under no effect, asks for a few more
    z, z_power = stats.norm.ppf([0.975, 0.8])
    spread = sqrt(discordance**2 - effect**2 * (3 + discordance) / 4)
    miettinen = (z * discordance + z_power * spread) ** 2 / (discordance * effect**2)
    connor = (z * sqrt(discordance) + z_power * sqrt(discordance - effect**2)) ** 2 / effect**2
    n = required_n(effect, discordance=discordance)
    assert n == pytest.approx(miettinen, abs=3)
    assert n <= connor


@given(st.integers(20, 3000), st.floats(0.05, 1), st.floats(0.6, 0.95), alphas)
@settings(max_examples=25)
def test_mcnemars_detectable_effect_and_size_belong_together(
    n: int, discordance: float, power: float, alpha: float
) -> None:
    options: dict[str, Any] = {"discordance": discordance, "power": power, "alpha": alpha}
    try:
        effect = minimum_detectable_effect(n, **options)
    except ValueError:
        assert required_n(discordance, **options) > n
        return
    # Power is a sawtooth, so that fewer questions may find the same effect; a smaller effect needs more than n.
    assert required_n(effect, **options) <= n < required_n(effect * (1 - 1e-9), **options)


def test_sizes_past_the_table_follow_the_approximation() -> None:
    options: dict[str, Any] = {"discordance": 0.1}
    exact = required_n(0.001, **options)
    assert exact == 784_868
    assert required_n(0.0001, **options) == pytest.approx(100 * exact, rel=1e-3)


def test_the_effect_is_found_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    effect = minimum_detectable_effect(200, variance=0.25, power=0.8)
    found = stats.ttest_1samp(rng.normal(effect, 0.5, (4000, 200)), 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.025)


def test_effects_in_clusters_are_found_as_often_as_promised() -> None:
    # A part of each value, of variance 0.3, is its cluster's: n Var(mean) = Σ m (1 + 0.3 (m - 1)) / n.
    sizes = np.array([1, 2, 3, 4, 5, 10] * 5)
    n, units = int(sizes.sum()), len(sizes)
    options: dict[str, Any] = {"design_effect": float((sizes * (1 + 0.3 * (sizes - 1))).sum() / n)}
    options |= {"questions_per_cluster": float((sizes**2).sum() / n)}
    effect = minimum_detectable_effect(n, variance=1.0, **options)
    rng, design = np.random.default_rng(0), read_design(n, np.repeat(np.arange(units), sizes))
    values = sqrt(0.3) * rng.normal(0, 1, (units, 4000))[design.codes] + sqrt(0.7) * rng.normal(0, 1, (n, 4000))
    values += effect
    errors = np.sqrt((units - 1) / units * (leave_one_out(values, design) ** 2).sum(axis=0))
    found = np.abs(values.mean(axis=0)) > stats.t.ppf(0.975, design.sample.dof) * errors
    assert found.mean() == pytest.approx(0.8, abs=0.025)


def test_differences_of_outcomes_are_found_as_often_as_promised() -> None:
    n = required_n(0.1, discordance=0.2)
    wins, losses, _ = np.random.default_rng(0).multinomial(n, [0.15, 0.05, 0.8], 4000).T
    found = np.abs(wins - losses) > stats.norm.isf(0.025) * np.sqrt(wins + losses)
    assert found.mean() == pytest.approx(mcnemar_power(n, 0.1, 0.2, 0.05), abs=0.025)


def test_resampled_answers_are_found_as_often_as_promised() -> None:
    # per-question rates differ by d with variance 0.02; each is measured by 4 and 2 sampled answers of known noise
    rng = np.random.default_rng(0)
    noise, drawn, n = (0.2, 0.1), (4, 2), 300
    effect = minimum_detectable_effect(n, variance=0.02, answer_variances=noise, n_answers=drawn, power=0.9)
    scale = [sqrt(v / k) for v, k in zip(noise, drawn, strict=True)]
    shape = (3000, n)
    d = rng.normal(effect, sqrt(0.02), shape) + rng.normal(0, scale[0], shape) - rng.normal(0, scale[1], shape)
    assert (stats.ttest_1samp(d, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.9, abs=0.02)


def test_a_pilot_gives_the_effects_of_its_own_spread() -> None:
    a, b = random_pairs(0, 80), random_pairs(1, 80)
    report = power_analysis(a, b, n=[80, 320])
    d = np.asarray(a.probability) - np.asarray(b.probability)
    assert report.numbers["variance"] == pytest.approx(d.var(ddof=1))
    apart = np.asarray(a.probability).var(ddof=1) + np.asarray(b.probability).var(ddof=1)
    assert report.numbers["unpaired_variance"] == pytest.approx(apart)
    assert [row["n"] for row in report.rows] == [80, 320]
    for row in report.rows:
        assert row["detectable"] == minimum_detectable_effect(row["n"], variance=report.numbers["variance"])
    assert report["difference"] == paired_difference(a, b).mean_probability
    assert report.numbers["design_effect"] == pytest.approx(1)


def test_pairing_helps_where_models_agree_on_what_is_hard() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(100)
    row = power_analysis(hard + rng.normal(0, 0.05, 100), hard + rng.normal(0, 0.05, 100)).rows[0]
    assert row["n"] == 100
    assert row["detectable"] < 0.25 * row["detectable_unpaired"]


def test_questions_given_thrice_have_a_design_effect_of_three() -> None:
    a, b = np.random.default_rng(0).random((2, 500))
    clusters = np.repeat(np.arange(500), 3)
    once, thrice = power_analysis(a, b), power_analysis(np.repeat(a, 3), np.repeat(b, 3), clusters=clusters)
    assert thrice.numbers["design_effect"] == pytest.approx(3, rel=0.01)
    assert thrice.rows[0]["n"] == 1500
    assert thrice.numbers["questions_per_cluster"] == 3
    # 1500 answers to 500 questions show what 500 answers do
    assert thrice.rows[0]["detectable"] == pytest.approx(once.rows[0]["detectable"])


def test_another_metric_of_comparisons_can_be_planned_for() -> None:
    a, b = random_pairs(0, 60), random_pairs(1, 60)
    report = power_analysis(a, b, metric="preference_rate", alpha=0.1, power=0.9)
    value = summarize(a).preference_rate.value - summarize(b).preference_rate.value
    assert report["difference"].value == pytest.approx(value)
    assert "of:preference_rate|power:0.9|alpha:0.1|" in report.signature
    assert report.confidence == 0.9


def test_the_pilots_own_uncertainty_is_shown() -> None:
    rng = np.random.default_rng(0)
    report = power_analysis(rng.normal(0.2, 1, 50), np.zeros(50), n=200, effect=0.2)
    variance, row = report["variance"], report.rows[0]
    # Bonett 2006 for normal values is near the chi-square interval
    chi2 = 49 * variance.value / stats.chi2.ppf([0.975, 0.025], 49)
    assert (variance.low, variance.high) == pytest.approx(tuple(chi2), rel=0.1)
    for name, value in {"low": variance.low, "high": variance.high}.items():
        assert row[f"detectable_{name}"] == minimum_detectable_effect(200, variance=value)
        assert report.numbers[f"required_n_{name}"] == required_n(0.2, variance=value)
    assert report.numbers["required_n"] == required_n(0.2, variance=variance.value)


def test_bonetts_interval_equals_his_formula_worked_out_by_hand() -> None:
    # n = 5: half of the values is trimmed at each end, so that the kurtosis is about the median, 1
    x = np.array([0.0, 0.0, 1.0, 2.0, 5.0])
    variance = power_analysis(x, np.zeros(5))["variance"]
    z, s2 = stats.norm.isf(0.025), 17.2 / 4
    kurtosis = 5 * (1 + 1 + 0 + 1 + 256) / 17.2**2
    c = 5 / (5 - z)
    error = sqrt((kurtosis - 2 / 5) / 4)
    assert variance.value == pytest.approx(s2)
    assert variance.stderr == pytest.approx(s2 * error)
    assert (variance.low, variance.high) == pytest.approx((s2 * c * exp(-z * c * error), s2 * c * exp(z * c * error)))


@pytest.mark.parametrize("size", [1, 3])
def test_no_variance_is_larger_than_its_values_allow(size: int) -> None:
    a = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 0.01], size)
    report = power_analysis(a, 1 - a, clusters=np.arange(6 * size) // size)
    # Values in [0, 1] differ by 1 at most; of clusters of copies each question adds as much as a cluster's.
    assert report["variance"].high == pytest.approx(max(size, report["variance"].value))


def test_outcomes_of_0_and_1_are_planned_for_mcnemars_test() -> None:
    a, b = np.repeat([1, 1, 0, 0], [40, 15, 5, 40]), np.repeat([1, 0, 1, 0], [40, 15, 5, 40])
    report = power_analysis(a, b, n=[10, 300], effect=0.1)
    assert report.title.endswith("by McNemar's test")
    assert report["discordance"].value == 0.2
    assert report.numbers["required_n"] == required_n(0.1, discordance=0.2)
    assert report.rows[1]["detectable"] == minimum_detectable_effect(300, discordance=0.2)
    assert report.rows[0]["detectable"] is None  # 2 of 10 questions differ: no test finds anything
    # A difference of 0.3 can't be where only 0.2 of the questions differ: at least 0.3 would have to.
    assert power_analysis(a, b, effect=0.3).numbers["required_n"] == required_n(0.3, discordance=0.3)
    clustered = power_analysis(a, b, clusters=np.arange(100) // 2)
    assert clustered.title.endswith("by Student's t test") and "discordance" not in clustered.estimates


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [([3] * 4, "4 effective clusters: 5 or more"), ([20, *[2] * 80], "one cluster has 56 % of the squared weights")],
)
def test_where_few_clusters_decide_the_variance_has_no_interval(sizes: list[int], reason: str) -> None:
    rng = np.random.default_rng(0)
    n = sum(sizes)
    report = power_analysis(*rng.random((2, n)), clusters=np.repeat(np.arange(len(sizes)), sizes), effect=0.1)
    assert reason in report["variance"].reason
    assert report.rows[0]["detectable"] > 0
    assert report.rows[0]["detectable_low"] is report.rows[0]["detectable_high"] is None
    assert np.isnan(report.numbers["required_n_high"])


def test_it_prints_and_is_json_ready() -> None:
    sizes: Any = np.array([4, 8])
    report = power_analysis([1.0, 0.0, 1.0, 0.5], [0.0, 0.0, 1.0, 1.0], n=sizes)
    assert str(report).startswith("power 0.8 at alpha 0.05, from a pilot of 4 paired questions")
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["rows"][1]["n"] == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n must be at least 1"),
        ({"n": 1}, "a t test needs two clusters, or two questions"),
        ({"n": 3, "questions_per_cluster": 2}, "n = 3 finds no difference"),
        ({"questions_per_cluster": 0.5}, "questions_per_cluster must be finite and at least 1"),
        ({"variance": None}, "give either variance"),
        ({"discordance": 0.1}, "give either variance"),
        ({"variance": None, "discordance": 0.0}, "discordance must be above 0 and at most 1"),
        ({"variance": None, "discordance": 0.1}, "too few will differ"),
        ({"variance": None, "discordance": 0.1, "design_effect": 2.0}, "discordance is for independent questions"),
        ({"variance": -1.0}, "variance must be finite and not negative"),
        ({"variance": inf}, "variance must be finite"),
        ({"answer_variances": (0.0, -1.0)}, r"answer_variances\[1\] must be finite and not negative"),
        ({"n_answers": (1, 0)}, "n_answers must be at least 1"),
        ({"design_effect": 0.0}, "design_effect must be finite and above 0"),
        ({"power": 80}, "0 < alpha < power < 1"),
        ({"power": 0.01}, "0 < alpha < power < 1"),
        ({"alpha": 0}, "0 < alpha < power < 1"),
    ],
)
def test_impossible_plans_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        minimum_detectable_effect(**({"n": 10, "variance": 1.0} | options))  # type: ignore[arg-type]


@pytest.mark.parametrize("effect", [0.0, inf])
def test_no_number_of_questions_shows_no_effect(effect: float) -> None:
    with pytest.raises(ValueError, match="effect must be finite and not 0"):
        required_n(effect, variance=1.0)


def test_no_difference_is_larger_than_the_discordance() -> None:
    with pytest.raises(ValueError, match="effect must be within ±discordance"):
        required_n(0.3, discordance=0.2)


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        ([1.0], [0.0], {}, "one question"),
        ([1.0, 2.0], [0.0, 1.0], {}, "every question has the same mean"),
        ([0.1 + 0.2, 0.1, 0.2], [0.3, 0.1, 0.2], {}, "no spread to plan with"),
        ([1.0, inf, 2.0], [0.0, 1.0, 1.0], {}, "1 infinite pairs"),
        ([1.0, 2.0, 2.0], [0.0, 0.0, 1.0], {"clusters": list("aaa")}, "one cluster"),
        ([1.0, 2.0], [0.0], {}, "a has 2, b has 1"),
        (compare_pairs([-1.0], [-2.0]), compare_pairs([-1.0], [-1.0]), {"metric": "brier"}, "'mean_probability', "),
    ],
)
def test_a_pilot_that_says_nothing_is_refused(a: object, b: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        power_analysis(a, b, **options)  # type: ignore[arg-type]
