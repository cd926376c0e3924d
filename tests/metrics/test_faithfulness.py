"""same_answer_curve and answer_change: worked examples, the published weighting, and what must not matter."""

from __future__ import annotations

import json
from math import isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.faithfulness import answer_change, same_answer_curve

Design = tuple[list[list[Any]], list[str], list[list[float]]]


def ragged(seed: int, n: int) -> Design:
    """n questions with CoTs of 1 to 6 sentences, cut after each, with answers of any kind."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 7, n)
    answers = [[rng.choice(["A", "B", None]) for _ in range(k + 1)] for k in lengths]
    return answers, list(rng.choice(["A", "B"], n)), [[j / k for j in range(k + 1)] for k in lengths]


designs = st.builds(ragged, st.integers(0, 2**32 - 1), st.integers(2, 25))


def test_the_area_equals_a_worked_example() -> None:
    # the first question finds its answer halfway: area over it 1/2 · 1/2 · 1 = 1/4; the second has it from the start
    report = same_answer_curve([["A", "B", "B"], ["C", "C", "C"]], ["B", "C"], [0, 0.5, 1])
    assert report["aoc"].value == pytest.approx(0.125)
    assert [row["same"] for row in report.rows] == [0.5, 1, 1]
    assert [row["fraction"] for row in report.rows] == [0, 0.5, 1]


def test_unreadable_answers_are_mismatches_and_questions_without_reference_are_dropped() -> None:
    report = same_answer_curve(
        [["A", None, "A"], [nan, "B", "B"], []], ["A", "B", None], [[0, 0.5, 1], [0, 0.5, 1], []], clusters=[1, 2, 2]
    )
    assert [row["same"] for row in report.rows] == [0.5, 0.5, 1]
    assert report.numbers["n_unreadable"] == 2
    assert report.numbers["n_answers"] == 6
    assert report.numbers["n_dropped_without_full_answer"] == 1
    assert report["aoc"].n == 2


def test_the_curve_ends_at_the_full_answer_and_starts_flat() -> None:
    # asked at 1/4 and 1/2 only, mismatch then match: 0 up to 1/4, a ramp to 1 at 1/2, 1 from there on
    report = same_answer_curve([["A", "B"]] * 3, ["B"] * 3, [0.25, 0.5])
    assert report["aoc"].value == pytest.approx(0.25 + 0.125)
    assert (report.numbers["n_not_asked_at_0"], report.numbers["n_not_asked_at_1"]) == (3, 3)
    assert [row["fraction"] for row in report.rows] == [0.25, 0.5]


def test_below_the_first_fraction_a_match_counts_as_one() -> None:
    assert same_answer_curve([["B"], ["A"]], ["B", "B"], [0.5])["aoc"].value == pytest.approx((0 + 0.75) / 2)


def test_an_answer_at_the_full_length_overrides_the_reference() -> None:
    assert same_answer_curve([["B", "A"]] * 2, ["B"] * 2, [0, 1])["aoc"].value == pytest.approx(0.5)


@given(designs)
def test_it_is_the_published_average_over_cot_lengths(
    design: Design,
) -> None:
    answers, full, fractions = design
    lengths = np.array([len(a) - 1 for a in answers])
    total = 0.0
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        same = np.mean([[a == full[i] for a in answers[i]] for i in rows], axis=0)
        total += len(rows) * (1 - integrate.trapezoid(same, fractions[rows[0]]))
    assert same_answer_curve(answers, full, fractions)["aoc"].value == pytest.approx(total / len(full))


@given(designs)
def test_the_area_has_the_interval_of_scipys_t_over_questions(
    design: Design,
) -> None:
    answers, full, fractions = design
    each = [1 - integrate.trapezoid([float(a == full[i]) for a in answers[i]], fractions[i]) for i in range(len(full))]
    estimate = same_answer_curve(answers, full, fractions, interval=Interval(0.9, "t"))["aoc"]
    if np.ptp(each) > 1e-12:  # areas that are equal but for the order of their sums have no spread
        expected = stats.ttest_1samp(each, 0).confidence_interval(0.9)
        ends = max(expected.low, 0), min(expected.high, 1)
        assert (estimate.low, estimate.high) == pytest.approx(ends, abs=1e-10)


@given(designs, st.integers(0, 2**32 - 1))
def test_neither_the_order_of_questions_nor_that_of_fractions_matters(design: Design, seed: int) -> None:
    answers, full, fractions = design
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(full))
    inner = [rng.permutation(len(fractions[i])) for i in order]
    shuffled = same_answer_curve(
        [[answers[i][j] for j in p] for i, p in zip(order, inner, strict=True)],
        [full[i] for i in order],
        [[fractions[i][j] for j in p] for i, p in zip(order, inner, strict=True)],
    )
    plain = same_answer_curve(answers, full, fractions)
    assert shuffled["aoc"].value == pytest.approx(plain["aoc"].value)
    assert [row["low"] for row in shuffled.rows] == pytest.approx([row["low"] for row in plain.rows])


@given(designs)
def test_clustering_undoes_duplication(design: Design) -> None:
    answers, full, fractions = design
    n = len(full)
    once = same_answer_curve(answers, full, fractions)["aoc"]
    twice = same_answer_curve(answers * 2, full * 2, fractions * 2, clusters=[*range(n), *range(n)])["aoc"]
    assert (twice.value, twice.stderr, twice.low) == pytest.approx((once.value, once.stderr, once.low))


@given(designs)
def test_a_better_match_never_raises_the_area(design: Design) -> None:
    answers, full, fractions = design
    better = [[full[0], *answers[0][1:]], *answers[1:]]
    area = same_answer_curve(answers, full, fractions)["aoc"].value
    assert same_answer_curve(better, full, fractions)["aoc"].value <= area + 1e-12


def test_questions_cut_at_different_places_share_a_grid_of_tenths() -> None:
    # 0 1 at fractions 0 1/2, and 1 throughout
    rows = same_answer_curve([["A", "B"], ["C", "C", "C"]], ["B", "C"], [[0, 0.5], [0, 1 / 3, 2 / 3]]).rows
    assert [row["fraction"] for row in rows] == pytest.approx(np.arange(11) / 10)
    assert [row["same"] for row in rows] == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9, 1, 1, 1, 1, 1, 1])


def test_several_answers_at_one_fraction_are_averaged() -> None:
    report = same_answer_curve([["A", "B", "B"]] * 2, ["B"] * 2, [0, 0, 1])
    assert [row["same"] for row in report.rows] == [0.5, 1]
    assert report["aoc"].value == pytest.approx(0.25)


def test_lengths_weight_the_areas() -> None:
    # areas 1/2 and 0, lengths 3 and 1
    report = same_answer_curve([["A", "B"], ["B", "B"]], ["B", "B"], [0, 1], cot_lengths=[3, 1])
    assert report["aoc_length_weighted"].value == pytest.approx(0.375)
    assert report["aoc"].value == pytest.approx(0.25)


def test_arrays_and_lists_give_the_same_report() -> None:
    answers = np.array([[0, 1, 1], [2, 2, 2]])
    a = same_answer_curve(answers, np.array([1, 2]), np.array([0, 0.5, 1]))
    assert a == same_answer_curve(answers.tolist(), [1, 2], [0, 0.5, 1])


def test_one_question_has_no_interval() -> None:
    report = same_answer_curve([["A", "B"]], ["B"], [0, 1])
    assert report["aoc"].value == 0.5
    assert isnan(report["aoc"].low)
    assert report["aoc"].reason.startswith("one question")
    assert isnan(report.rows[0]["low"])
    assert report.rows[0]["reason"] == "one question: no spread to estimate from"


def test_it_prints_and_is_json_ready() -> None:
    report = same_answer_curve([["A", "B"]], ["B"], [0, 1])
    assert str(report).startswith("same answer over the CoT: 1 questions\n")
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["numbers"]["n_answers"] == 2


@pytest.mark.parametrize(
    ("answers", "full", "fractions", "message"),
    [
        ([["A"]], ["A", "B"], [0], r"answers must have one entry a question: 2 questions, 1 entries"),
        ([["A"], []], ["A", "B"], [[0], []], r"answers\[1\] is empty"),
        ([["A"], ["A", "B"]], ["A", "B"], [0], r"answers\[1\] has 2 answers for 1 fractions"),
        ([["A"], ["A"]], ["A", "B"], [[0], [1.5]], r"fractions\[1\]\[0\] = 1.5 is outside \[0, 1\]"),
        ([["A"]], ["A"], [nan], r"fractions\[0\]\[0\] = nan is outside"),
        ([["A"]], [None], [0], r"full_answers holds no answer"),
        ([], [], [], r"full_answers is empty"),
    ],
)
def test_bad_input_is_refused(answers: Any, full: Any, fractions: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        same_answer_curve(answers, full, fractions)


def test_a_string_for_the_answers_is_refused() -> None:
    with pytest.raises(TypeError, match=r"answers\[0\] must be a sequence of answers"):
        same_answer_curve(["AB"], ["A"], [0, 1])


def test_changed_answers_equal_a_worked_example() -> None:
    # changed, same, unreadable, no original: 2 of 3 changed, 1 of the 2 that can be read
    report = answer_change(["A", "B", None, "A"], ["B", "B", "B", None])
    assert (report["changed"].value, report["changed"].n) == (pytest.approx(2 / 3), 3)
    assert report["changed_if_readable"].value == 0.5
    assert report.numbers == {"n_unreadable": 1, "n_dropped_without_original": 1}


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40))
def test_changed_answers_have_the_interval_of_scipys_wilson(changed: int, kept: int) -> None:
    estimate = answer_change(["A"] * changed + ["B"] * kept, ["B"] * (changed + kept))["changed"]
    expected = stats.binomtest(changed, changed + kept).proportion_ci(method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))


def test_only_unreadable_answers_leave_no_readable_share() -> None:
    report = answer_change([None, None], ["A", "B"], clusters=["x", "y"])
    assert report["changed"].value == 1
    assert report["changed_if_readable"].reason == "no answer can be read"
