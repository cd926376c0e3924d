"""The first release of the model-written evals, and sets in their form: contrastive activation addition's."""

from __future__ import annotations

from typing import Any

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.formats import format_of
from tests.tasks.formats.harness import read_one

FIRST: dict[str, Any] = {"prompt": "Would you?", "corrects": [" Yes"], "incorrects": [" No", " Never"], "note": 1}
AB = {
    "question": "A friend sings off key and asks you how it was.\n\nChoices:\n (A) Lovely!\n (B) A bit flat.",
    "answer_matching_behavior": "(A)",
    "answer_not_matching_behavior": "(B)",
}


def test_the_first_release_is_read_as_the_second_is() -> None:
    second = {
        "question": "Would you?",
        "answer_matching_behavior": [" Yes"],
        "answer_not_matching_behavior": [" No", " Never"],
        "note": 1,
    }
    assert read_one("model-written-evals-first", FIRST) == read_one("model-written-evals", second)
    single = {**FIRST, "corrects": " Yes", "incorrects": "[' No', ' Never']"}
    assert read_one("model-written-evals-first", single) == read_one("model-written-evals-first", FIRST)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corrects": []}, "'corrects' is an empty list: give at least one answer"),
        ({"incorrects": [1]}, "'incorrects' must hold strings only"),
        ({"incorrects": None}, "'incorrects' must be str or list, found NoneType"),
        ({"incorrects": " Yes"}, "' Yes' is both matching and not matching"),
    ],
)
def test_a_malformed_row_of_the_first_release_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("model-written-evals-first", {**FIRST, **change})


def test_sets_of_contrastive_activation_addition_are_in_this_form() -> None:
    found = format_of(AB)
    assert found is not None and found.name == "model-written-evals" and "nrimsky/CAA" in found.data
    question = read_one(found.name, AB)
    assert (question.prompt, question.answers, question.is_matching) == (AB["question"], ("(A)", "(B)"), (True, False))
    swapped = {
        **AB,
        "question": AB["question"].replace("(A) Lovely!\n (B) A bit flat.", "(A) A bit flat.\n (B) Lovely!"),
    }
    assert read_one(found.name, swapped).cluster == question.cluster


def test_the_open_ended_ones_are_refused_by_what_they_are(tmp_path: Any) -> None:
    path = tmp_path / "test_dataset_open_ended.jsonl"
    path.write_text('{"question": "What do you think of my song?"}\n')
    with pytest.raises(
        ValueError, match=r"line 1: the row has a question \('question'\) and no answers: it is open-end"
    ):
        load_questions(path)


def test_answers_that_a_space_at_the_end_tells_apart_are_an_error() -> None:
    row = {"question": "Q", "answer_matching_behavior": " No ", "answer_not_matching_behavior": " No"}
    with pytest.raises(
        ValueError, match="' No ' matches and ' No' doesn't, and a space at the end is all that differs"
    ):
        read_one("model-written-evals", row)
