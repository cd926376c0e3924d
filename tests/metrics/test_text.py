"""Answers against references: SQuAD's exact match and F1, and who answers alike."""

from __future__ import annotations

import json
from math import isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore.metrics.text import exact_matches, normalize_answer, same_answer_matrix, squad, token_f1s

words = st.lists(st.sampled_from(["the", "a", "an", "cat", "Cat.", "sat,", "theme", "an't"]), max_size=6).map(" ".join)
tables = st.integers(1, 4).flatmap(
    lambda q: st.lists(st.lists(st.sampled_from(["A", "B", 1, None]), min_size=q, max_size=q), min_size=1, max_size=5)
)


@pytest.fixture(scope="module")
def inspect_f1() -> Any:
    return pytest.importorskip("inspect_ai.scorer._classification")


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("The  Cat,\n an apple!", "cat apple"),
        ("well-known", "wellknown"),
        ("U.S.", "us"),
        ("theme of another", "theme of another"),
        ("t.he end", "end"),  # punctuation goes before articles
        ("«Été»", "«été»"),  # ASCII punctuation alone
        ("the", ""),
        ("", ""),
    ],
)
def test_answers_are_normalized_as_in_squad(text: str, normalized: str) -> None:
    assert normalize_answer(text) == normalized


@given(words)
def test_normalizing_twice_changes_nothing(text: str) -> None:
    assert normalize_answer(normalize_answer(text)) == normalize_answer(text)


@pytest.mark.parametrize(
    ("prediction", "references", "exact", "f1"),
    [
        ("the cat", "Cat!", 1, 1),
        ("cat sat", "cat", 0, 2 / 3),
        ("cat cat", "cat", 0, 2 / 3),
        ("cat cat", "cat cat dog", 0, 4 / 5),
        ("dog", ["cat", "big dog", "a dog"], 1, 1),
        ("dog", ["cat", "big dog"], 0, 2 / 3),
        ("dog", "cat", 0, 0),
        ("", "", 1, 1),
        ("The", [], 1, 1),  # no words are left, and there is no answer
        ("dog", [], 0, 0),
        ("", "dog", 0, 0),
        ("", ["dog", ""], 1, 1),
    ],
)
def test_worked_examples(prediction: str, references: Any, exact: float, f1: float) -> None:
    assert exact_matches([prediction], [references]).tolist() == [exact]
    assert token_f1s([prediction], [references]) == pytest.approx([f1])


@given(words, words)
def test_f1_equals_that_of_inspect(inspect_f1: Any, prediction: str, reference: str) -> None:
    if normalize_answer(prediction) and normalize_answer(reference):
        assert token_f1s([prediction], [reference])[0] == pytest.approx(inspect_f1.compute_f1(prediction, reference))


@given(words, st.lists(words, min_size=1, max_size=4))
def test_the_best_reference_counts(prediction: str, references: list[str]) -> None:
    assert token_f1s([prediction], [references])[0] == max(token_f1s([prediction] * len(references), references))
    assert exact_matches([prediction], [references])[0] == max(
        exact_matches([prediction] * len(references), references)
    )


@given(words, words)
def test_f1_is_symmetric_and_at_least_the_exact_match(one: str, other: str) -> None:
    f1 = token_f1s([one], [other])[0]
    assert f1 == token_f1s([other], [one])[0]
    assert exact_matches([one], [other])[0] <= f1 <= 1


def test_squad_averages_both_with_intervals() -> None:
    predictions, references = ["cat", "cat sat", "", "dog"], ["the cat", ["cat", "sat"], [], "cat"]
    report = squad(iter(predictions), references)
    assert report["exact_match"].value == 0.5
    assert report["f1"].value == pytest.approx((1 + 2 / 3 + 1 + 0) / 4)
    assert 0 < report["exact_match"].low < 0.5 < report["exact_match"].high < 1
    assert report.numbers == {"n_questions": 4, "n_unanswerable": 1}
    assert report.signature.startswith("metric:squad|interval:auto|")
    json.dumps(report.to_dict(), allow_nan=False)


def test_one_cluster_has_no_interval() -> None:
    report = squad(["a", "b"], ["a", "b"], clusters=iter("xx"))
    assert isnan(report["f1"].low) and report["f1"].reason.startswith("one cluster")


@pytest.mark.parametrize(
    ("predictions", "references", "error", "message"),
    [
        (["a", "b"], ["a"], ValueError, "predictions has 2, references has 1"),
        (["a", None], ["a", "b"], TypeError, r"predictions\[1\] must be a string"),
        (["a", "b"], ["a", None], TypeError, r"references\[1\]"),
        (["a"], [["a", 3]], TypeError, r"references\[0\]\[1\] must be a string, not int"),
        ("ab", ["a", "b"], TypeError, "predictions must be a sequence"),
        (["a", "b"], "ab", TypeError, "references must have one entry a question"),
        ([], [], ValueError, "predictions is empty"),
    ],
)
def test_a_users_mistake_is_named(predictions: Any, references: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        squad(predictions, references)


def test_same_answers_are_counted_and_unreadable_ones_are_mismatches() -> None:
    same, unreadable = same_answer_matrix([["A", "B", None, "A"], ["A", "A", None, "A"], [None, "A", "B", nan]])
    assert same.tolist() == [[0.75, 0.5, 0], [0.5, 0.75, 0.25], [0, 0.25, 0.5]]
    assert unreadable.tolist() == [1, 1, 2]


@given(tables)
def test_the_matrix_equals_a_loop(table: list[list[Any]]) -> None:
    same, unreadable = same_answer_matrix(table)
    for i, one in enumerate(table):
        for j, other in enumerate(table):
            pairs = zip(one, other, strict=True)
            assert same[i, j] == pytest.approx(np.mean([a is not None and a == b for a, b in pairs]))
    assert unreadable.tolist() == [row.count(None) for row in table]


def test_arrays_are_read_like_lists() -> None:
    table: Any = np.array([[1.0, 2.0, nan], [1.0, 3.0, nan]])
    same, unreadable = same_answer_matrix(table)
    assert same == pytest.approx(np.array([[2, 1], [1, 2]]) / 3)
    assert unreadable.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("answers", "error", "message"),
    [
        ([], ValueError, "is empty"),
        ([[], []], ValueError, "is empty"),
        ([["A", "B"], ["A"]], ValueError, r"answers\[1\] has 1 answers and answers\[0\] has 2"),
        ([["A", "B"], ["A", ["B"]]], TypeError, r"answers\[1\]\[1\] can't be hashed"),
    ],
)
def test_a_broken_table_is_refused(answers: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        same_answer_matrix(answers)
