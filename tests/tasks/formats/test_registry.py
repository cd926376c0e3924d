"""All formats together: each is told from the others by its rows, and its example is a question."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.formats import ANSWERS, FORMATS, format_of
from tests.tasks.formats.harness import read


@pytest.mark.parametrize("name", FORMATS)
def test_an_example_is_told_to_be_of_its_own_format(name: str) -> None:
    found = format_of(FORMATS[name].example)
    assert found is not None and found.name == name


@pytest.mark.parametrize("name", FORMATS)
def test_keys_in_another_order_and_further_keys_change_nothing(name: str) -> None:
    example = FORMATS[name].example
    for values in (dict(reversed(list(example.items()))), {**example, "note of ours": "x"}):
        found = format_of(values)
        assert found is not None and found.name == name


@pytest.mark.parametrize("answers", ANSWERS)
@pytest.mark.parametrize("name", FORMATS)
def test_an_example_is_read_and_survives_json(name: str, answers: str, tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps(FORMATS[name].example))
    expected = read(name, FORMATS[name].example, answers)
    if answers != "auto" and read(name, FORMATS[name].example, "text") == read(name, FORMATS[name].example, "letter"):
        with pytest.raises(ValueError, match=f"answers='{answers}' is for rows that list choices"):
            load_questions(path, answers=answers)
        return
    loaded = load_questions(path, answers=answers)
    assert tuple(loaded) == expected
    assert loaded and all(json.dumps(dict(question.meta)) for question in loaded)
    assert FORMATS[name].several_right or all(sum(question.is_matching) == 1 for question in loaded)


@pytest.mark.parametrize("name", FORMATS)
def test_letters_and_texts_agree_on_what_is_right(name: str) -> None:
    by_text, by_letter = (read(name, FORMATS[name].example, answers) for answers in ("text", "letter"))
    for text, letter in zip(by_text, by_letter, strict=True):
        assert (text.id, text.cluster, text.group) == (letter.id, letter.cluster, letter.group)
        if text != letter:  # else the format lists no choices
            listed = [f" {choice}" for choice in letter.meta["choices"]]
            assert _right(text.answers, text.is_matching) == _right(listed, letter.is_matching)


def _right(answers: Sequence[str], is_matching: Sequence[bool]) -> set[str]:
    return {answer for answer, matches in zip(answers, is_matching, strict=True) if matches}


@pytest.mark.parametrize("name", FORMATS)
def test_a_prompt_ends_where_an_answer_begins_with_its_space(name: str) -> None:
    for question in read(name, FORMATS[name].example):
        assert not question.prompt[-1].isspace() or not any(answer.startswith(" ") for answer in question.answers)


@pytest.mark.parametrize("name", FORMATS)
def test_docs_have_something_to_say(name: str) -> None:
    assert FORMATS[name].data and FORMATS[name].asks and "\n" not in FORMATS[name].data + FORMATS[name].asks


def test_a_row_of_common_names_is_of_the_general_format_which_is_the_last() -> None:
    assert list(FORMATS)[-1] == "multiple-choice"
    rows: list[dict[str, Any]] = [
        {"question": "Which?", "choices": ["a", "b"], "answer": 0},
        {"query": "Which?", "options": {"A": "a", "B": "b"}, "gold": "A"},
        {"question": "Which?", "answers": ["a", "b"], "label": 1},
    ]
    for row in rows:
        found = format_of(row)
        assert found is not None and found.name == "multiple-choice"


def test_a_row_of_nothing_known_is_of_no_format() -> None:
    assert format_of({}) is None and format_of({"text": "Once upon a time"}) is None
