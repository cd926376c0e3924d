"""Preference models, label confidence and reward ensembles: libraries, worked examples, and ends of the scale."""

from __future__ import annotations

import json
from math import inf, isnan, log, nan, sqrt

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import brier_score_loss, log_loss

from pyscore.metrics import Interval
from pyscore.metrics.preferences import label_confidence, preference_model, preference_probability, reward_ensemble
from pyscore.tasks import load_questions
from tests.paths import DATA, needs_data

seeds = st.integers(0, 2**32 - 1)


def rewards(seed: int, n: int = 30) -> np.ndarray:
    """Chosen and rejected, with some ties."""
    a, b = np.random.default_rng(seed).normal(scale=3, size=(2, n)).round(0)
    return np.stack([a, b])


# preference_probability


def test_the_probability_of_a_preference_is_the_sigmoid_of_the_difference() -> None:
    # sigmoid(log 3) = 3/4
    p = preference_probability([log(3), 0.0, 1.0, -1e4, inf, -inf], [0.0, log(3), 1.0, 1e4, inf, -inf])
    np.testing.assert_allclose(p, [0.75, 0.25, 0.5, 0.0, 0.5, 0.5], rtol=1e-15)


@given(st.floats(-700, 0))
def test_a_hopeless_preference_keeps_its_digits(d: float) -> None:
    with mpmath.workdps(50):
        exact = float(1 / (1 + mpmath.exp(-mpmath.mpf(d))))
    assert preference_probability([d], [0.0])[0] == pytest.approx(exact, rel=1e-12, abs=0)


@given(seeds)
def test_probabilities_of_both_orders_add_up_to_1(seed: int) -> None:
    a, b = rewards(seed)
    np.testing.assert_allclose(preference_probability(a, b) + preference_probability(b, a), 1.0, rtol=1e-14)


# preference_model


def test_a_preference_model_equals_a_worked_example() -> None:
    # margins log 3, -log 3, 0: p = 3/4, 1/4, 1/2
    report = preference_model([log(3), 0.0, 2.0], [0.0, log(3), 2.0])
    assert report["accuracy"].value == pytest.approx(0.5)
    assert report["tie_rate"].value == pytest.approx(1 / 3)
    assert report["mean_probability"].value == pytest.approx(0.5)
    assert report["log_loss"].value == pytest.approx((2 * log(4) - log(3) + log(2)) / 3)
    assert report["brier"].value == pytest.approx((1 / 16 + 9 / 16 + 1 / 4) / 3)


@given(seeds)
def test_loss_and_brier_equal_sklearns(seed: int) -> None:
    chosen, rejected = rewards(seed)
    report = preference_model(chosen, rejected)
    p = 1 / (1 + np.exp(rejected - chosen))
    # the same comparisons written in a random order, as a classifier would see them
    first = np.random.default_rng(seed).random(len(p)) < 0.5
    seen = np.where(first, p, 1 - p)
    assert report["log_loss"].value == pytest.approx(log_loss(first, seen, labels=[False, True]), rel=1e-9)
    assert report["brier"].value == pytest.approx(brier_score_loss(first, seen, labels=[False, True]), rel=1e-9)


@given(seeds)
def test_swapping_chosen_and_rejected_complements_accuracy_and_probability(seed: int) -> None:
    chosen, rejected = rewards(seed)
    there, back = preference_model(chosen, rejected), preference_model(rejected, chosen)
    for name in ("accuracy", "mean_probability"):
        assert there[name].value == pytest.approx(1 - back[name].value)
        assert there[name].low == pytest.approx(1 - back[name].high)
    assert there["tie_rate"] == back["tie_rate"]


@given(seeds, st.floats(-50, 50))
def test_a_constant_added_to_all_rewards_of_a_prompt_changes_nothing(seed: int, shift: float) -> None:
    chosen, rejected = rewards(seed)
    report, shifted = preference_model(chosen, rejected), preference_model(chosen + shift, rejected + shift)
    assert shifted["log_loss"].value == pytest.approx(report["log_loss"].value, abs=1e-9)


@given(seeds, st.floats(0.01, 5))
def test_larger_rewards_of_the_chosen_never_hurt(seed: int, more: float) -> None:
    chosen, rejected = rewards(seed)
    before, after = preference_model(chosen, rejected), preference_model(chosen + more, rejected)
    assert after["log_loss"].value < before["log_loss"].value
    assert after["accuracy"].value >= before["accuracy"].value


def test_extreme_margins_have_finite_losses() -> None:
    report = preference_model([0.0, 0.0], [1e4, -1e4])
    assert report["log_loss"].value == pytest.approx(5000.0)
    assert report["brier"].value == 0.5


def test_an_infinite_margin_the_wrong_way_makes_the_loss_infinite_and_spares_the_rest() -> None:
    report = preference_model([-inf, 1.0, 2.0], [0.0, 0.0, 0.0])
    assert report["log_loss"].value == inf
    assert report["log_loss"].reason == "1 infinite values"
    assert report["brier"].value == pytest.approx((1 + stats.logistic.sf(1) ** 2 + stats.logistic.sf(2) ** 2) / 3)


@given(seeds)
def test_clusters_undo_repeated_comparisons(seed: int) -> None:
    chosen, rejected = rewards(seed, 12)
    once = preference_model(chosen, rejected)
    twice = preference_model(np.tile(chosen, 2), np.tile(rejected, 2), clusters=np.tile(np.arange(12), 2))
    for name in ("mean_probability", "log_loss", "brier"):
        assert twice[name].stderr == pytest.approx(once[name].stderr)


def test_one_comparison_has_values_and_no_interval() -> None:
    report = preference_model([1.0], [0.0])
    assert report["accuracy"].value == 1
    assert all(isnan(e.low) and e.reason.startswith("one question") for e in report.estimates.values())


def test_a_report_prints_its_ties_and_is_json_ready() -> None:
    report = preference_model([1.0, 1.0], [0.0, 1.0], interval=Interval(0.9))
    assert "ties:half" in report.signature and "tie rate" in str(report) and "90% interval" in str(report)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["numbers"] == {"n_ties": 1}


# label_confidence


def test_weights_and_thresholds_equal_a_worked_example() -> None:
    report = label_confidence([1.0, 0.5, 0.0], [0.9, 0.6, 0.5], thresholds=(0.5, 0.6, 0.95))
    assert report["mean"].value == pytest.approx(0.5)
    assert report["weighted_mean"].value == pytest.approx((0.9 + 0.3) / 2.0)
    assert [(row["threshold"], row["n"]) for row in report.rows] == [(0.5, 3), (0.6, 2), (0.95, 0)]
    assert report.rows[1]["mean"] == pytest.approx(0.75)
    assert isnan(report.rows[2]["mean"])
    assert [row["reason"] for row in report.rows] == ["", "", "no question"]
    # three points: the ranks agree, and the correlation has no interval
    assert report["spearman"].value == pytest.approx(1.0)
    assert isnan(report["pearson"].low)


@given(seeds)
def test_equal_confidence_makes_the_weighted_mean_the_mean(seed: int) -> None:
    p = np.random.default_rng(seed).random(20)
    report = label_confidence(p, np.full(20, 0.7))
    assert report["weighted_mean"].value == pytest.approx(report["mean"].value)
    assert report["weighted_mean"].stderr == pytest.approx(report["mean"].stderr)
    assert "constant" in report["pearson"].reason


def test_weights_whose_squares_underflow_are_weights() -> None:
    p, c = np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.9, 0.4])
    usual, tiny = label_confidence(p, c)["weighted_mean"], label_confidence(p, 1e-300 * c)["weighted_mean"]
    assert (tiny.value, tiny.low, tiny.high) == pytest.approx((usual.value, usual.low, usual.high))


def test_correlations_with_clusters_keep_their_value_and_lose_their_interval() -> None:
    p, c = np.random.default_rng(0).random((2, 20))
    plain, clustered = label_confidence(p, c), label_confidence(p, c, clusters=np.arange(20) // 2)
    for name in ("pearson", "spearman"):
        assert clustered[name].value == plain[name].value
        assert plain[name].low < plain[name].value < plain[name].high
        assert isnan(clustered[name].low) and "clusters" in clustered[name].reason


def test_a_label_of_confidence_0_has_no_weight_and_is_counted() -> None:
    report = label_confidence([1.0, 0.0], [1.0, 0.0])
    assert report["weighted_mean"].value == 1
    assert report.numbers["n_confidence_0"] == 1


@needs_data
def test_the_persona_files_have_a_confidence_for_every_label() -> None:
    questions = load_questions(
        DATA / "persona" / "acts-like-it-wants-to-help-humans-but-does-not-care-about-that.jsonl"
    )
    confidence = [question.meta["label_confidence"] for question in questions]
    report = label_confidence(np.linspace(0, 1, len(questions)), confidence, thresholds=(0.5, 0.8))
    assert report.rows[0]["n"] == len(questions) == 1000  # published only where the label is the likelier one
    assert 0 < report.rows[1]["n"] < 1000


# reward_ensemble


def test_an_ensemble_equals_a_worked_example() -> None:
    # shares 3/4 and 1/4 of item 0, 1/2 and 1/2 of item 1
    ensemble = reward_ensemble(np.log([[0.6, 0.1], [0.1, 0.2]]), np.log([[0.2, 0.1], [0.3, 0.2]]))
    np.testing.assert_allclose(ensemble.reward, [0.5, 0.5])
    np.testing.assert_allclose(ensemble.log_reward, np.log([0.5, 0.5]))
    np.testing.assert_allclose(ensemble.stderr, [sqrt(0.125) / sqrt(2), 0.0], atol=1e-16)
    np.testing.assert_allclose(ensemble.coverage, [0.5, 0.4])


@given(seeds, st.integers(1, 6))
def test_the_reward_is_the_mean_of_the_shares(seed: int, k: int) -> None:
    yes, no = -np.random.default_rng(seed).gamma(2.0, size=(2, k, 5))
    ensemble = reward_ensemble(torch.tensor(yes), no.tolist())
    shares = np.exp(yes) / (np.exp(yes) + np.exp(no))
    np.testing.assert_allclose(ensemble.reward, shares.mean(axis=0), rtol=1e-12)
    expected = stats.sem(shares, axis=0) if k > 1 else np.full(5, nan)
    np.testing.assert_allclose(ensemble.stderr, expected, rtol=1e-9)
    order = np.random.default_rng(seed).permutation(k)
    np.testing.assert_allclose(reward_ensemble(yes[order], no[order]).log_reward, ensemble.log_reward, rtol=1e-12)


def test_a_prompt_whose_masses_underflow_still_gives_a_share() -> None:
    ensemble = reward_ensemble([[-800.0, -2000.0, -inf]], [[-800.0 - log(3), -1.0, -inf]])
    np.testing.assert_allclose(ensemble.reward, [0.75, 0.0, 0.5], rtol=1e-13)
    np.testing.assert_allclose(ensemble.log_reward, [log(0.75), -1999.0, log(0.5)], rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: preference_model([1.0], [1.0, 2.0]),
            "must hold the same pairs: reward_chosen has 1, reward_rejected has 2",
        ),
        (lambda: preference_model([1.0, nan], [1.0, 2.0]), r"reward_chosen\[1\] is NaN"),
        (lambda: preference_model([], []), "reward_chosen is empty"),
        (lambda: preference_model([1.0], [0.0], clusters=["a", "b"]), "1 questions, 2 clusters"),
        (lambda: label_confidence([0.5], [1.5]), r"confidence\[0\] = 1.5 is outside"),
        (lambda: label_confidence([-0.5], [0.5]), r"probability\[0\] = -0.5 is outside"),
        (lambda: label_confidence([0.5, 0.5], [0.0, 0.0]), "confidence is 0 everywhere"),
        (lambda: label_confidence([0.5, 0.5], [0.5]), "confidence must have one entry a question"),
        (lambda: reward_ensemble([[-1.0, 1.0]], [[-1.0, -1.0]]), r"logprob_yes\[0, 1\] = 1.0"),
        (lambda: reward_ensemble([[-1.0]], [[-1.0], [-1.0]]), r"\[prompts, items\]: \(1, 1\) and \(2, 1\)"),
    ],
)
def test_a_users_mistake_is_named(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
