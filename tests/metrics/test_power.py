"""Minimum detectable effects and sample sizes: statsmodels, a published number, what tests really find."""

from __future__ import annotations

import inspect
import json
from math import inf, sqrt
from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import NormalIndPower

from pyscore import paired_difference, summarize
from pyscore.metrics.power import minimum_detectable_effect, power_analysis, required_n
from tests.metrics.cases import compare_pairs, random_pairs

sizes, variances = st.integers(1, 100_000), st.floats(1e-4, 10)
powers, alphas = st.floats(0.5, 0.99), st.floats(1e-4, 0.2)


@given(st.integers(10, 10_000), variances, st.floats(0.6, 0.99), st.floats(1e-3, 0.1))
def test_effects_equal_statsmodels(n: int, variance: float, power: float, alpha: float) -> None:
    effect = minimum_detectable_effect(n, variance=variance, power=power, alpha=alpha)
    one_sample = NormalIndPower().power(effect / sqrt(variance), n, alpha, ratio=0)
    # statsmodels also counts findings in the wrong direction
    assert one_sample == pytest.approx(power, abs=1e-3)
    two_samples = minimum_detectable_effect(n, variance=2 * variance, power=power, alpha=alpha)
    assert NormalIndPower().power(two_samples / sqrt(variance), n, alpha) == pytest.approx(power, abs=1e-3)


def test_both_directions_show_the_same_options() -> None:
    options = [dict(inspect.signature(f).parameters) for f in (minimum_detectable_effect, required_n)]
    del options[0]["n"], options[1]["effect"]
    assert options[0] == options[1] and "variance" in get_type_hints(required_n)
    with pytest.raises(TypeError, match="required_n"):
        required_n(0.1, varianz=0.1)  # type: ignore[call-arg]


def test_usual_case_equals_statsmodels_solution() -> None:
    solved = NormalIndPower().solve_power(nobs1=250, alpha=0.05, power=0.8, ratio=0)
    assert minimum_detectable_effect(250, variance=0.09) == pytest.approx(0.3 * solved, rel=1e-5)


def test_published_number_of_questions() -> None:
    # Miller 2024: 3 percentage points, 80 % power, 5 % level, omega² = 1/9 and no noise from answers
    assert required_n(0.03, variance=1 / 9) == 969


@given(sizes, variances, powers, alphas, st.floats(0.5, 20))
def test_required_n_is_the_inverse_of_the_detectable_effect(
    n: int, variance: float, power: float, alpha: float, design_effect: float
) -> None:
    options: dict[str, Any] = {"variance": variance, "power": power, "alpha": alpha, "design_effect": design_effect}
    effect = minimum_detectable_effect(n, **options)
    assert required_n(effect, **options) == required_n(-effect, **options) == n
    assert required_n(effect * 0.999, **options) > n or n < 500


@given(sizes, variances)
def test_more_questions_less_power_and_less_noise_all_help(n: int, variance: float) -> None:
    effect = minimum_detectable_effect(n, variance=variance)
    assert minimum_detectable_effect(4 * n, variance=variance) == pytest.approx(effect / 2)
    assert minimum_detectable_effect(n, variance=variance, power=0.7) < effect
    assert minimum_detectable_effect(n, variance=variance, alpha=0.1) < effect
    assert minimum_detectable_effect(n, variance=variance, design_effect=4) == pytest.approx(2 * effect)


def test_the_effect_is_found_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    effect = minimum_detectable_effect(200, variance=0.25, power=0.8)
    found = stats.ttest_1samp(rng.normal(effect, 0.5, (4000, 200)), 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.025)


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
    solved = NormalIndPower().solve_power(nobs1=80, alpha=0.05, power=0.8, ratio=0)
    assert report.rows[0]["detectable"] == pytest.approx(d.std(ddof=1) * solved, rel=1e-5)
    assert report.rows[1]["detectable"] == pytest.approx(report.rows[0]["detectable"] / 2)
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
    # 1500 answers to 500 questions show what 500 answers do
    assert thrice.rows[0]["detectable"] == pytest.approx(once.rows[0]["detectable"])


def test_another_metric_of_comparisons_can_be_planned_for() -> None:
    a, b = random_pairs(0, 60), random_pairs(1, 60)
    report = power_analysis(a, b, metric="preference_rate", alpha=0.1, power=0.9)
    value = summarize(a).preference_rate.value - summarize(b).preference_rate.value
    assert report["difference"].value == pytest.approx(value)
    assert "of:preference_rate|power:0.9|alpha:0.1|" in report.signature
    assert report.confidence == 0.9


def test_it_prints_and_is_json_ready() -> None:
    sizes: Any = np.array([4, 8])
    report = power_analysis([1.0, 0.0, 1.0, 0.5], [0.0, 0.0, 1.0, 1.0], n=sizes)
    assert str(report).startswith("power 0.8 at alpha 0.05, from a pilot of 4 paired questions")
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["rows"][1]["n"] == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n must be at least 1"),
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


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        ([1.0], [0.0], {}, "one question"),
        ([1.0, 2.0], [0.0, 1.0], {}, "every question has the same mean"),
        ([1.0, inf, 2.0], [0.0, 1.0, 1.0], {}, "1 infinite pairs"),
        ([1.0, 2.0, 2.0], [0.0, 0.0, 1.0], {"clusters": list("aaa")}, "one cluster"),
        ([1.0, 2.0], [0.0], {}, "a has 2, b has 1"),
        (compare_pairs([-1.0], [-2.0]), compare_pairs([-1.0], [-1.0]), {"metric": "brier"}, "'mean_probability', "),
    ],
)
def test_a_pilot_that_says_nothing_is_refused(a: object, b: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        power_analysis(a, b, **options)  # type: ignore[arg-type]
