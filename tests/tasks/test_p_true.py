"""p_true_questions: the published layout, who is right in meta, and errors that name the row."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pyscore.tasks import p_true_questions

FIRST = "Who was the first president of the United States?"
THIRD = "Who was the third president of the United States?"


def test_the_layout_is_that_of_the_paper() -> None:
    (question,) = p_true_questions([FIRST], ["George Washington was the first president."])
    assert question.prompt == (
        "Question: Who was the first president of the United States?\n"
        "Proposed Answer: George Washington was the first president.\n"
        "Is the proposed answer:\n"
        " (A) True\n"
        " (B) False\n"
        "The proposed answer is:"
    )
    assert (question.answers, question.is_matching) == ((" (A)", " (B)"), (True, False))


def test_brainstormed_ideas_come_before_a_possible_answer() -> None:
    ideas = ["James Monroe", "Thomas Jefferson", "John Adams"]
    (question,) = p_true_questions([THIRD], ["James Monroe"], [False], ideas=[ideas])
    assert question.prompt == (
        "Question: Who was the third president of the United States?\n"
        "Here are some brainstormed ideas: James Monroe\n"
        "Thomas Jefferson\n"
        "John Adams\n"
        "Possible Answer: James Monroe\n"
        "Is the possible answer:\n"
        " (A) True\n"
        " (B) False\n"
        "The possible answer is:"
    )


def test_proposals_to_one_question_share_a_cluster_and_keep_their_outcomes() -> None:
    proposed = ["George Washington", "John Adams", "Thomas Jefferson"]
    is_correct: Any = np.array([True, False, True])
    questions = p_true_questions([FIRST, FIRST, THIRD], proposed, is_correct, name="presidents")
    assert [question.id for question in questions] == ["presidents:0", "presidents:1", "presidents:2"]
    assert questions[0].cluster == questions[1].cluster != questions[2].cluster
    assert [question.meta["is_correct"] for question in questions] == [True, False, True]
    assert json.loads(json.dumps(questions[1].meta)) == {
        "question": FIRST,
        "proposed": "John Adams",
        "is_correct": False,
    }


def test_outcomes_may_be_unknown() -> None:
    (question,) = p_true_questions([FIRST], [""])
    assert "is_correct" not in question.meta


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("one", ["a"]), {}, TypeError, "questions must be a sequence of strings, got one string"),
        ((["q"], "a"), {}, TypeError, "proposed must be a sequence of strings, got one string"),
        ((["q", 3], ["a", "b"]), {}, TypeError, r"questions\[1\] must be a string, got int"),
        ((["q"], [None]), {}, TypeError, r"proposed\[0\] must be a string, got NoneType"),
        ((["q"], ["a", "b"]), {}, ValueError, "proposed must have one entry a question, 1, got 2"),
        ((["q"], ["a"], []), {}, ValueError, "is_correct must have one entry a question, 1, got 0"),
        ((["q"], ["a"], [1]), {}, TypeError, r"is_correct\[0\] must be a bool, got int"),
        ((["q"], ["a"]), {"ideas": ["abc"]}, TypeError, r"ideas\[0\] must be a sequence of strings"),
        ((["q"], ["a"]), {"ideas": [[]]}, ValueError, r"ideas\[0\] is empty"),
        ((["q"], ["a"]), {"ideas": [["x"], ["y"]]}, ValueError, "ideas must have one entry a question, 1, got 2"),
    ],
)
def test_what_does_not_fit_is_named(arguments: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        p_true_questions(*arguments, **options)
