"""debate_accuracy: worked examples, both orders of a debate, ties under each policy, missing letters."""

from __future__ import annotations

from math import inf, isnan, log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pyscore.metrics import SHARE, Interval, estimate_mean
from pyscore.metrics.debate import debate_accuracy

seeds = st.integers(0, 2**32 - 1)

# debates x and y in both orders, z with its correct side as A only: x is right twice, y goes to B twice
A = np.log([0.6, 0.1, 0.3, 0.2, 0.9])
B = np.log([0.2, 0.3, 0.6, 0.8, 0.1])
A_CORRECT = [True, False, True, False, True]
DEBATES = ["x", "x", "y", "y", "z"]


def judgements(seed: int, n: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """n debates in both orders, with some ties."""
    a, b = -np.random.default_rng(seed).gamma(2.0, size=(2, 2 * n))
    b = np.where(np.random.default_rng(seed + 1).random(2 * n) < 0.1, a, b)
    return a, b, np.arange(2 * n) % 2 == 0, [i // 2 for i in range(2 * n)]


def values(report: object, leave_out: tuple[str, ...] = ()) -> dict[str, float]:
    return {name: e.value for name, e in report.estimates.items() if name not in leave_out}  # type: ignore[attr-defined]


def test_both_orders_equal_a_worked_example() -> None:
    report = debate_accuracy(A, B, A_CORRECT, debate_id=DEBATES)
    assert report["accuracy"].value == pytest.approx((1 + 0.5) / 2)
    assert report["accuracy_a_correct"].value == pytest.approx(2 / 3)
    assert report["accuracy_b_correct"].value == 1
    assert report["chose_a"].value == pytest.approx(1 / 4)
    assert report["agreement"].value == pytest.approx(1 / 2)
    assert report["mean_probability"].value == pytest.approx((0.75 + 0.75 + 1 / 3 + 0.8) / 4)
    assert report.numbers["n_debates_in_both_orders"] == 2
    assert report.numbers["n_debates_in_one_order"] == 1


def test_without_ids_every_judgement_counts_for_itself() -> None:
    report = debate_accuracy(A, B, A_CORRECT)
    assert report["accuracy"].value == pytest.approx(4 / 5)
    expected = stats.binomtest(4, 5).proportion_ci(0.95, method="wilson")
    assert (report["accuracy"].low, report["accuracy"].high) == pytest.approx((expected.low, expected.high))
    assert "agreement" not in report.estimates


@given(seeds)
def test_the_unit_is_the_debate(seed: int) -> None:
    a, b, a_correct, debates = judgements(seed)
    report = debate_accuracy(a, b, a_correct, debate_id=debates, interval=Interval(method="t"))
    p = np.exp(a) / (np.exp(a) + np.exp(b))
    of_debates = np.where(a_correct, p, 1 - p).reshape(-1, 2).mean(axis=1)
    expected = estimate_mean(of_debates, scale=SHARE, interval=Interval(method="t"))
    assert report["mean_probability"].value == pytest.approx(of_debates.mean())
    assert (report["mean_probability"].low, report["mean_probability"].high) == pytest.approx(
        (expected.low, expected.high)
    )
    right = np.where(a == b, 0.5, (a > b) == a_correct).reshape(-1, 2).mean(axis=1)
    assert report["accuracy"].value == pytest.approx(right.mean())
    assert report["accuracy"].stderr == pytest.approx(stats.sem(right), abs=1e-12)


def test_a_judge_who_always_says_a_has_an_accuracy_of_one_half_and_no_agreement() -> None:
    _, _, a_correct, debates = judgements(0)
    report = debate_accuracy(np.full(24, -0.1), np.full(24, -3.0), a_correct, debate_id=debates)
    assert values(report, ("mean_probability",)) == {
        "accuracy": 0.5,
        "accuracy_a_correct": 1.0,
        "accuracy_b_correct": 0.0,
        "chose_a": 1.0,
        "agreement": 0.0,
        "tie_rate": 0.0,
    }
    assert report["mean_probability"].value == pytest.approx(0.5)
    # every debate is right once: the accuracy has no spread
    assert report["accuracy"].stderr == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("ties", "a_correct", "b_correct", "chose_a", "agreement"),
    [("half", 0.5, 0.5, 0.5, 0.5), ("first", 1, 0, 1, 0), ("last", 0, 1, 0, 0), ("strict", 0, 0, 0.5, 1)],
)
def test_ties_count_as_their_policy_says(
    ties: str, a_correct: float, b_correct: float, chose_a: float, agreement: float
) -> None:
    report = debate_accuracy([-1.0, -2.0], [-1.0, -2.0], [True, False], debate_id=["x", "x"], ties=ties)
    assert values(report) == {
        "accuracy": (a_correct + b_correct) / 2,
        "accuracy_a_correct": a_correct,
        "accuracy_b_correct": b_correct,
        "chose_a": chose_a,
        "agreement": agreement,
        "mean_probability": 0.5,
        "tie_rate": 1.0,
    }
    assert f"ties:{ties}|" in report.signature


@given(seeds, st.sampled_from(["half", "strict"]))
def test_renaming_the_letters_changes_nothing_but_the_letters(seed: int, ties: str) -> None:
    a, b, a_correct, debates = judgements(seed)
    there = debate_accuracy(a, b, a_correct, debate_id=debates, ties=ties)
    back = debate_accuracy(b, a, ~a_correct, debate_id=debates, ties=ties)
    for name in ("accuracy", "agreement", "mean_probability", "tie_rate"):
        assert there[name].value == pytest.approx(back[name].value)
    assert there["chose_a"].value == pytest.approx(1 - back["chose_a"].value)
    assert there["accuracy_a_correct"].value == pytest.approx(back["accuracy_b_correct"].value)


@given(seeds)
def test_first_and_last_are_each_others_mirror(seed: int) -> None:
    a, b, a_correct, debates = judgements(seed)
    first = debate_accuracy(a, b, a_correct, debate_id=debates, ties="first")
    last = debate_accuracy(b, a, ~a_correct, debate_id=debates, ties="last")
    assert first["accuracy"].value == pytest.approx(last["accuracy"].value)
    assert first["chose_a"].value == pytest.approx(1 - last["chose_a"].value)


@given(seeds)
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    a, b, a_correct, debates = judgements(seed)
    order = np.random.default_rng(seed).permutation(len(a))
    there = debate_accuracy(a, b, a_correct, debate_id=debates)
    back = debate_accuracy(a[order], b[order], a_correct[order], debate_id=[debates[i] for i in order])
    assert values(there) == pytest.approx(values(back))
    assert there["agreement"].stderr == pytest.approx(back["agreement"].stderr)


def test_a_missing_letter_loses_to_any_letter_and_is_counted() -> None:
    # -150 is below the -100 that stands for a missing A, and yet it is a real answer
    report = debate_accuracy([-100.0, -1.0, -100.0], [-150.0, -100.0, -100.0], [False, True, True])
    assert report["accuracy"].value == pytest.approx((1 + 1 + 0.5) / 3)
    assert report["mean_probability"].value == pytest.approx((1 + 1 + 0.5) / 3)
    counts = ("n_ties", "n_missing_a", "n_missing_b", "n_missing_both")
    assert [report.numbers[name] for name in counts] == [1, 2, 2, 1]


def test_without_a_convention_minus_100_is_a_log_probability_like_others() -> None:
    report = debate_accuracy([-100.0], [-100.0 - log(3)], [True], missing=None)
    assert report["mean_probability"].value == pytest.approx(0.75)
    assert report.numbers["n_missing_a"] == 0


def test_letters_of_no_probability_are_ordinary() -> None:
    report = debate_accuracy([-inf, -374.0, -inf], [-1.0, -375.0, -inf], [True, True, True])
    assert report["accuracy"].value == pytest.approx((0 + 1 + 0.5) / 3)
    assert report["mean_probability"].value == pytest.approx((0 + stats.logistic.cdf(1) + 0.5) / 3)


@given(seeds)
def test_clusters_undo_repeated_judging(seed: int) -> None:
    a, b, a_correct, debates = judgements(seed)
    again = [debate + 100 for debate in debates]
    once = debate_accuracy(a, b, a_correct, debate_id=debates)
    twice = debate_accuracy(
        np.tile(a, 2), np.tile(b, 2), np.tile(a_correct, 2), debate_id=debates + again, clusters=debates * 2
    )
    assert values(twice) == pytest.approx(values(once))
    assert twice["mean_probability"].stderr == pytest.approx(once["mean_probability"].stderr)
    # without the clusters, the same judgements twice look like news
    new = debate_accuracy(np.tile(a, 2), np.tile(b, 2), np.tile(a_correct, 2), debate_id=debates + again)
    assert new["mean_probability"].stderr < once["mean_probability"].stderr


def test_debates_in_one_order_have_no_averaged_accuracy() -> None:
    report = debate_accuracy([-1.0, -1.0], [-2.0, -2.0], [True, True], debate_id=["x", "y"])
    assert isnan(report["accuracy"].value) and "both orders" in report["accuracy"].reason
    assert isnan(report["agreement"].value)
    assert report["accuracy_a_correct"].value == 1
    assert report["accuracy_b_correct"].reason == "no judgement in this order"


def test_one_debate_has_values_and_no_interval() -> None:
    report = debate_accuracy(A[:2], B[:2], A_CORRECT[:2], debate_id=["x", "x"])
    assert report["accuracy"].value == 1
    assert isnan(report["accuracy"].low) and report["accuracy"].reason.startswith("one cluster")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([-1.0], [-1.0, -2.0], [True]), {}, "logprob_b must have one entry"),
        (([-1.0], [-1.0], [True, False]), {}, "correct_is_a must have one entry"),
        (([-1.0], [0.5], [True]), {}, r"logprob_b\[0\] = 0.5"),
        (([nan], [-0.5], [True]), {}, r"logprob_a\[0\] = nan"),
        (([], [], []), {}, "logprob_a is empty"),
        (([-1.0], [-0.5], [2]), {}, r"correct_is_a\[0\] = 2.0"),
        (([-1.0], [-0.5], [True]), {"ties": "b"}, "ties='b' is not one of 'half', 'first', 'last', 'strict'"),
        (([-1.0], [-0.5], [True]), {"debate_id": [None]}, r"debate_id\[0\] is missing"),
        (([-1.0] * 2, [-0.5] * 2, [True] * 2), {"debate_id": ["x", "x"]}, r"debate_id\[1\] = 'x' is judged twice"),
        (
            ([-1.0] * 2, [-0.5] * 2, [True, False]),
            {"debate_id": ["x", "x"], "clusters": ["a", "b"]},
            r"clusters\[0\] and clusters\[1\] differ",
        ),
    ],
)
def test_a_users_mistake_is_named(arguments: tuple[object, ...], options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        debate_accuracy(*arguments, **options)  # type: ignore[arg-type]
