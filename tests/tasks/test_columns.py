"""Any table becomes questions by naming its columns, and a row that can't be one is named."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import Question, load_questions

COLUMNS: dict[str, Any] = {"prompt": "q", "answers": ["a", "b"], "matching": "m"}
ROW: dict[str, Any] = {"q": "Is it?", "a": " Yes", "b": " No", "m": "A"}


def jsonl(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_csv(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "t.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("write", [jsonl, as_csv])
def test_columns_are_fields_and_the_rest_is_meta(tmp_path: Path, write: Any) -> None:
    row = {**ROW, "key": "k7", "topic": "t", "kind": "g", "note": "n"}
    columns = {**COLUMNS, "id": "key", "cluster": "topic", "group": "kind"}
    (found,) = load_questions(write(tmp_path, row), columns=columns)
    assert found == Question("k7", "Is it?", (" Yes", " No"), (True, False), "t", "g", {"note": "n"})
    (found,) = load_questions(write(tmp_path, row), columns={**COLUMNS, "meta": ["key", "q"]})
    assert (found.id, found.meta) == ("t:0", {"key": "k7", "q": "Is it?"})


def test_equal_prompts_share_a_cluster_unless_a_column_names_it(tmp_path: Path) -> None:
    path = jsonl(tmp_path, ROW, {**ROW, "m": 1}, {**ROW, "q": "Was it?"})
    first, second, third = load_questions(path, columns=COLUMNS)
    assert first.cluster == second.cluster != third.cluster


@pytest.mark.parametrize(
    ("value", "index"), [("A", 0), ("(b)", 1), ("B.", 1), (0, 0), (1, 1), ("1", 1), ("Yes", 0), (" No", 1)]
)
def test_a_matching_answer_is_named_by_text_index_or_letter(tmp_path: Path, value: Any, index: int) -> None:
    (found,) = load_questions(jsonl(tmp_path, {**ROW, "m": value}), columns=COLUMNS)
    assert found.is_matching == (index == 0, index == 1)


@pytest.mark.parametrize("answers", [[" x", " y", " z"], '[" x", " y", " z"]', "[' x', ' y', ' z']"])
@pytest.mark.parametrize("flags", [[True, False, True], "[true, false, true]", "[True, False, True]", [1, 0, 1]])
def test_lists_may_be_lists_or_texts_of_them(tmp_path: Path, answers: Any, flags: Any) -> None:
    path = jsonl(tmp_path, {"q": "Which?", "list": answers, "right": flags})
    (found,) = load_questions(path, columns={"prompt": "q", "answers": "list", "is_matching": "right"})
    assert (found.answers, found.is_matching) == ((" x", " y", " z"), (True, False, True))


def test_a_column_of_flags_for_each_answer(tmp_path: Path) -> None:
    path = as_csv(tmp_path, {"q": "Which?", "a": "x", "b": "y", "fa": "False", "fb": "1"})
    (found,) = load_questions(path, columns={"prompt": "q", "answers": ["a", "b"], "is_matching": ["fa", "fb"]})
    assert found.is_matching == (False, True)


@pytest.mark.parametrize(
    ("change", "columns", "message"),
    [
        ({}, {"prompt": "question"}, r"there is no column 'question' \(columns: 'q', 'a', 'b', 'm'\)"),
        (
            {"m": "C"},
            {},
            r"'m' must be the right choice's index \(0 to 1\), letter or text, found 'C'",
        ),
        ({"m": True}, {}, "letter or text, found True"),
        ({"m": -1}, {}, "letter or text, found -1"),
        ({"a": "1", "b": "0", "m": "1"}, {}, "'1' names choice 0 by its text and choice 1 by its index"),
        (
            {"a": "B", "b": "A", "m": "A"},
            {},
            "names choice 1 by its text and choice 0 by its letter: give columns= with is_matching",
        ),
        ({"q": 5}, {}, "column 'q' must hold text, found int"),
        ({"q": " "}, {}, "the question is empty"),
        ({"a": " No"}, {}, "' No'|twice|distinct"),
        ({}, {"answers": "a"}, "column 'a' must hold a list of texts, or a mapping .* found ' Yes'"),
        ({"id": [1]}, {"id": "id"}, "column 'id' must hold text or a whole number, found list"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, Any], columns: dict[str, Any], message: str) -> None:
    path = jsonl(tmp_path, ROW, {**ROW, "m": "B"}, {**ROW, **change})
    limit = 3
    if columns:
        path, limit = jsonl(tmp_path, {**ROW, **change}), 1
    with pytest.raises(ValueError, match=message) as caught:
        load_questions(path, columns={**COLUMNS, **columns})
    assert str(caught.value).startswith(f"{path}, line {limit}: ")


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"prompt": "q", "matching": "m"}, ValueError, "columns needs 'answers'"),
        ({"prompt": "q", "answers": "a"}, ValueError, "either 'matching' or 'is_matching'"),
        ({**COLUMNS, "is_matching": "x"}, ValueError, "either 'matching' or 'is_matching'"),
        ({**COLUMNS, "label": "x"}, ValueError, "'label' is no field: give some of prompt, answers"),
        ({**COLUMNS, "prompt": ["q"]}, TypeError, r"columns\['prompt'\] must be the column of the prompt"),
        ({**COLUMNS, "answers": []}, ValueError, r"columns\['answers'\] is empty"),
        (["q"], TypeError, "columns must be a mapping"),
    ],
)
def test_columns_that_can_not_be_are_told_before_the_file_is_read(
    columns: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_questions("none.jsonl", columns=columns)


def test_a_format_and_columns_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="give one of them"):
        load_questions("none.jsonl", format="pyscore", columns=COLUMNS)
