"""The Inverse Scaling Prize's classification: held against lm-evaluation-harness; its earlier names ask the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.formats import format_of
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

ROWS: list[dict[str, Any]] = [
    {"prompt": "A hen isn't not a bird. Is it one?\nA:", "classes": [" Yes", " No"], "answer_index": 0},
    {"prompt": "Write twice: cat. cat ", "classes": ["cat", "dog"], "answer_index": 0},
    {"prompt": "Which is least?", "classes": [" 3", " 1"], "answer_index": 1},
]


def earlier(row: dict[str, Any], **change: Any) -> dict[str, Any]:
    row = {**row, **change}
    return {"filled_template": row.pop("prompt"), "answer_ix": row.pop("answer_index"), **row}


def test_classification_asks_what_the_harness_asks() -> None:
    asked = [asked_by_pyscore(read_one("inverse-scaling-classification", row)) for row in ROWS]
    # The harness leaves a space at the end of a prompt where it stands and moves it only as it tokenises.
    assert asked == asked_by_harness("inverse_scaling/inverse_scaling_neqa.yaml", ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_the_earlier_names_are_told_and_ask_the_same(row: dict[str, Any]) -> None:
    old = earlier(row, part=2, classes=repr(row["classes"]))
    found = format_of(old)
    assert found is not None and found.name == "inverse-scaling-classification"
    question = read_one(found.name, old)
    assert question == read_one(found.name, {**row, "part": 2})
    assert question.meta == {"part": 2}


def test_a_csv_with_the_earlier_names_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_text(",filled_template,classes,answer_ix\n0,Is it?,\"[' Yes', ' No']\",1\n")
    (question,) = load_questions(path)
    assert (question.prompt, question.is_matching, question.meta) == ("Is it?", (False, True), {})


def test_where_both_names_stand_the_newer_is_read_and_the_older_kept() -> None:
    question = read_one("inverse-scaling-classification", {**ROWS[0], "filled_template": "x", "answer_ix": 1})
    assert question.prompt == ROWS[0]["prompt"] and question.is_matching == (True, False)
    assert question.meta == {"filled_template": "x", "answer_ix": 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer_ix": 2}, "'answer_ix' is 2, but the classes have the indices 0 to 1"),
        ({"answer_ix": "b"}, "'answer_ix' must be a whole number, found 'b'"),
        ({"filled_template": None}, "'filled_template' must be str, found NoneType"),
        ({"classes": "a, b"}, "'classes' must be a list of strings, or a string that holds one"),
    ],
)
def test_a_malformed_row_with_the_earlier_names_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("inverse-scaling-classification", {**earlier(ROWS[0]), **change})
