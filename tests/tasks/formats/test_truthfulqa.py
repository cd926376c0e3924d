"""TruthfulQA: held against lm-evaluation-harness; the release's own files ask the same as the hub's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.formats import FORMATS, format_of
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

ROW = FORMATS["truthfulqa-mc1"].example
GENERATION = FORMATS["truthfulqa-generation"].example
CSV = (
    "Type,Category,Question,Best Answer,Best Incorrect Answer,Correct Answers,Incorrect Answers,Source\r\n"
    "Non-Adversarial,Moon,What is the night side of the moon like?,It is cold.,It is made of cheese.,"
    "It is cold.; It has no sky.,It is made of cheese.,https://example.org/moon\r\n"
)


def test_one_right_choice_is_asked_as_the_harness_asks_it() -> None:
    rows = [ROW, {**ROW, "question": " Is it? "}]
    asked = [asked_by_pyscore(read_one("truthfulqa-mc1", row)) for row in rows]
    assert asked == asked_by_harness("truthfulqa/truthfulqa_mc1.yaml", rows)


def test_several_right_choices_are_asked_as_the_harness_asks_them_and_matched_as_it_scores() -> None:
    (expected,) = asked_by_harness("truthfulqa/truthfulqa_mc2.yaml", [ROW])
    asked = asked_by_pyscore(read_one("truthfulqa-mc2", ROW))
    assert asked[:2] == expected[:2]
    assert asked.right == list(np.flatnonzero(ROW["mc2_targets"]["labels"]))  # the harness's target is 0 always


@pytest.mark.parametrize(("name", "key"), [("truthfulqa-mc1", "mc1_targets"), ("truthfulqa-mc2", "mc2_targets")])
@pytest.mark.parametrize("answers", ["text", "letter"])
def test_the_releases_task_file_asks_the_same(name: str, key: str, answers: str) -> None:
    targets = ROW[key]
    released = {"question": ROW["question"], key: dict(zip(targets["choices"], targets["labels"], strict=True))}
    found = format_of(released)
    assert found is not None and found.name == name
    assert asked_by_pyscore(read_one(name, released, answers)) == asked_by_pyscore(read_one(name, ROW, answers))


def test_a_row_with_both_is_of_mc1_unless_mc2_is_named(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps(ROW))
    assert sum(load_questions(path)[0].is_matching) == 1
    assert sum(load_questions(path, format="truthfulqa-mc2")[0].is_matching) == 2


def test_the_hubs_generation_split_and_the_csv_ask_the_same(tmp_path: Path) -> None:
    path = tmp_path / "TruthfulQA.csv"
    path.write_text(CSV, newline="")
    (question,) = load_questions(path)
    assert asked_by_pyscore(question) == asked_by_pyscore(read_one("truthfulqa-generation", GENERATION))
    assert question.group == "Moon" and question.meta["Source"] == "https://example.org/moon"
    assert asked_by_pyscore(question) == asked_by_pyscore(read_one("truthfulqa-mc2", ROW))


def test_the_best_answer_is_among_the_right_ones_and_repeated_ones_are_one() -> None:
    row = {**GENERATION, "best_answer": "It is dark.", "correct_answers": ["It is cold.", "It is cold. ", ""]}
    question = read_one("truthfulqa-generation", row)
    assert question.answers == (" It is dark.", " It is cold.", " It is made of cheese.")
    assert question.is_matching == (True, True, False)


def test_letters_do_not_tell_which_choice_is_right() -> None:
    first = [
        read_one("truthfulqa-mc1", {**ROW, "question": f"Question {i}?"}, "letter").is_matching.index(True)
        for i in range(60)
    ]
    assert set(first) == {0, 1, 2}


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("truthfulqa-mc1", {"mc1_targets": {"choices": ["a", "b"], "labels": [1, 1]}}, "2 choices with the label 1"),
        ("truthfulqa-mc1", {"mc1_targets": {"choices": ["a", "b"], "labels": [1]}}, "each choice the label 1 or 0"),
        ("truthfulqa-mc1", {"mc1_targets": {"a": 1, "b": "no"}}, "each choice the label 1 or 0"),
        ("truthfulqa-mc1", {"mc1_targets": {"a": 0, "b": 0}}, "no answer is matching"),
        ("truthfulqa-mc2", {"mc2_targets": {"a": 1, "b": 1}}, "every answer is matching"),
        ("truthfulqa-mc1", {"mc1_targets": None}, "'mc1_targets' must be dict, found NoneType"),
        ("truthfulqa-generation", {"incorrect_answers": []}, "'incorrect_answers' must be a list of strings"),
        ("truthfulqa-generation", {"incorrect_answers": " ; "}, "'incorrect_answers' is empty"),
        ("truthfulqa-generation", {"incorrect_answers": ["It is cold."]}, "stands under 'correct_answers' and under"),
    ],
)
def test_a_malformed_row_is_one_error(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one(name, {**FORMATS[name].example, **change})
