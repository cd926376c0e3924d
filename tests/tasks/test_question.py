"""Question: what it keeps and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore import Question

VALID: dict[str, Any] = {
    "id": "set:0",
    "prompt": "Is the sky blue?",
    "answers": (" Yes", " No"),
    "is_matching": (True, False),
}


@given(st.text().filter(lambda text: text.strip() and text.isprintable()), st.text(min_size=1, max_size=5))
def test_text_is_kept_exactly(prompt: str, answer: str) -> None:
    answers = (answer, answer + "!")
    question = Question(**VALID | {"prompt": prompt, "answers": answers})
    assert (question.prompt, question.answers) == (prompt, answers)


def test_a_prompt_may_be_no_text_at_all() -> None:
    assert Question(**VALID | {"prompt": ""}).prompt == ""


def test_lists_become_tuples_and_the_rest_has_defaults() -> None:
    question = Question(**VALID | {"answers": [" Yes", " No"], "is_matching": [True, False]})
    assert question == Question(**VALID)
    assert (question.cluster, question.group, question.meta) == (None, None, {})
    assert (question.dataset, question.choices) == (None, "given")
    assert len({question, Question(**VALID)}) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, "id is empty"),
        ({"prompt": " \n"}, "the question is empty"),
        ({"answers": (" Yes",)}, "differ in length: 1 and 2"),
        ({"answers": (" Yes", "")}, r"answers\[1\] is empty"),
        ({"answers": (" Yes", " Yes")}, "' Yes' is both matching and not matching"),
        ({"answers": (" A", " B", " A"), "is_matching": (True, False, True)}, "' A' is given twice"),
        ({"is_matching": (False, False)}, "no answer is matching"),
        ({"is_matching": (True, True)}, "every answer is matching"),
        ({"answers": (), "is_matching": ()}, "no answer is matching"),
        ({"prompt": "half a \ud83d pair"}, "lone surrogate at character 7"),
        ({"cluster": "half \ud83d"}, "lone surrogate at character 5"),
        ({"group": "\ud83d"}, "lone surrogate at character 0"),
        ({"dataset": "a\ud83d"}, "lone surrogate at character 1"),
        ({"choices": "all"}, "choices must be 'given' or 'listed', got 'all'"),
        ({"choices": ["(A)"]}, r"choices must be 'given' or 'listed', got \['\(A\)'\]"),
    ],
)
def test_a_bad_value_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Question(**VALID | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": 3}, "id must be a string, got int"),
        ({"prompt": None}, "prompt must be a string, got NoneType"),
        ({"answers": "AB"}, "answers must be a tuple or list of str, got str"),
        ({"answers": (" Yes", 0)}, r"answers\[1\] must be str, got int"),
        ({"is_matching": (1, 0)}, r"is_matching\[0\] must be bool, got int"),
        ({"cluster": 7}, "cluster must be a string or None, got int"),
        ({"group": b"x"}, "group must be a string or None, got bytes"),
        ({"dataset": 7}, "dataset must be a string or None, got int"),
        ({"meta": []}, "meta must be a mapping, got list"),
    ],
)
def test_a_wrong_type_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Question(**VALID | change)
