"""RACE: held against lm-evaluation-harness; a passage's questions are asked each by itself, in one cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pyscore.tasks.formats import FORMATS, format_of
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read, read_one

ROW = FORMATS["race"].example
PASSAGE = FORMATS["race-passages"].example
PROBLEMS = FORMATS["race-problems"].example


def as_problems(*rows: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("question", "options", "answer")
    return {"article": rows[0]["article"], "problems": repr([{key: row[key] for key in keys} for row in rows])}


def test_a_passage_with_problems_is_asked_as_the_harness_asks_it() -> None:
    blank = {**ROW, "question": "Nora keeps   _  .", "options": ["bees", "cats", "time", "a pub"], "answer": "A"}
    rows = [PROBLEMS, as_problems(blank, ROW, ROW), as_problems(ROW, blank)]
    asked = [asked_by_pyscore(read_one("race-problems", row)) for row in rows]
    assert asked == asked_by_harness("race/race.yaml", rows)


def test_one_question_is_asked_as_the_harness_asks_a_passage_that_has_one() -> None:
    for answer in "ABCD":
        row = {**ROW, "answer": answer}
        expected = asked_by_harness("race/race.yaml", [as_problems(row)])
        assert [asked_by_pyscore(read_one("race", row))] == expected


@pytest.mark.parametrize("answers", ["text", "letter"])
def test_a_passages_questions_are_those_of_single_rows(answers: str) -> None:
    made = read("race-passages", PASSAGE, answers)
    assert [question.id for question in made] == ["set:0:0", "set:0:1"]
    assert len({question.cluster for question in made}) == 1 and {question.group for question in made} == {"middle"}
    columns = zip(PASSAGE["questions"], PASSAGE["options"], PASSAGE["answers"], strict=True)
    for question, (text, options, answer) in zip(made, columns, strict=True):
        row = {"article": PASSAGE["article"], "question": text, "options": options, "answer": answer}
        single = read_one("race", row, answers)
        assert asked_by_pyscore(single) == asked_by_pyscore(question) and single.cluster == question.cluster


def test_problems_may_be_a_list_and_are_told() -> None:
    listed = {**PROBLEMS, "problems": [{"question": "Who?", "options": ["a", "b"], "answer": "B"}]}
    assert format_of(listed) is FORMATS["race-problems"]
    assert read_one("race-problems", listed).is_matching == (False, True)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("race", {"answer": "E"}, r"'answer' must be the right choice's index \(0 to 3\), letter or text, found 'E'"),
        ("race", {"answer": ""}, "'answer' is empty"),
        ("race", {"options": ["a"]}, "a question needs two choices at least"),
        ("race", {"article": None}, "'article' must be str, found NoneType"),
        ("race-passages", {"answers": ["A"]}, "must have one entry a question, found 2, 2, 1"),
        ("race-passages", {"options": [["a", "b"], "a or b"]}, "'options' must be a list of strings"),
        ("race-passages", {"answers": ["A", "F"]}, "letter or text, found 'F'"),
        ("race-problems", {"problems": "[]"}, "'problems' must be a list of {question, options, answer}"),
        ("race-problems", {"problems": "[1]"}, "'problems' must be a list of {question, options, answer}"),
        ("race-problems", {"problems": "none"}, "'problems' must be a list or an object"),
        ("race-problems", {"problems": "[{'question': 'a'}]"}, "the key 'options' is missing"),
    ],
)
def test_a_malformed_row_is_one_error(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(name, {**FORMATS[name].example, **change})
