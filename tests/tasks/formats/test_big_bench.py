"""BIG-bench: rows of the hub are held against lm-evaluation-harness; a task's file asks the same questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.formats import FORMATS
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read, read_one

TASK: dict[str, Any] = dict(FORMATS["big-bench"].example)
ROW: dict[str, Any] = dict(FORMATS["big-bench-rows"].example)


@pytest.mark.parametrize("kind", "ab")
def test_a_row_asks_what_the_harness_asks(kind: str) -> None:
    second = {**ROW, "targets": ["the feather"], "multiple_choice_scores": [0, 1]}
    asked = [asked_by_pyscore(read_one("big-bench-rows", row)) for row in (ROW, second)]
    assert asked == asked_by_harness(f"bigbench/multiple_choice_template_{kind}_yaml", [ROW, second])


def test_a_tasks_file_has_a_question_an_example(tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    path.write_text(json.dumps(TASK, indent=1))
    first, second = load_questions(path)
    assert (first.id, second.id) == ("task:0:0", "task:0:1")
    assert first.answers == (" the anvil", " the feather") and first.is_matching == (True, False)
    assert second.is_matching == (False, True) and second.meta == {"comment": "easy"}
    assert first.prompt.startswith("Q: An anvil or a feather?\n  choice: the ") and first.prompt.endswith("\nA:")
    assert sorted(first.prompt.split("\n")[1:3]) == ["  choice: the anvil", "  choice: the feather"]
    assert first.cluster != second.cluster


def test_the_order_of_listed_choices_knows_nothing_of_scores() -> None:
    prompts = []
    for scores in ({"a": 1, "b": 0, "c": 0}, {"c": 1, "b": 0, "a": 0}):
        prompts.append(read_one("big-bench", {**TASK, "examples": [{"input": "Q", "target_scores": scores}]}).prompt)
    assert prompts[0] == prompts[1]


def test_a_tasks_own_layout_is_kept() -> None:
    layout = {
        "task_prefix": "Weigh.\n",
        "example_input_prefix": "\nPair: ",
        "example_output_prefix": "\nHeavier:",
        "append_choices_to_input": False,
    }
    assert read("big-bench", {**TASK, **layout})[0].prompt == "Weigh.\n\nPair: An anvil or a feather?\nHeavier:"


def test_several_right_choices_all_match_and_free_text_is_left_out() -> None:
    examples = [{"input": "Say it.", "target": "it"}, {"input": "Q", "target_scores": {"a": 1, "b": 0, "c": 1}}]
    (question,) = read("big-bench", {**TASK, "examples": examples})
    assert question.id == "set:0:1" and question.is_matching == (True, False, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"examples": [{"input": "Say it.", "target": "it"}]}, "the task has no choices with scores"),
        ({"examples": ["x"]}, "example 0, counted from 0, must be an object, found 'x'"),
        ({"examples": None}, "'examples' must be list, found NoneType"),
        ({"examples": [{"target_scores": {"a": 1, "b": 0}}]}, "example 0, counted from 0: the key 'input' is missing"),
        ({"examples": [{"input": " ", "target_scores": {"a": 1, "b": 0}}]}, "'input' is empty"),
        ({"examples": [{"input": "Q", "target_scores": {"a": 1, "b": 1}}]}, "all choices have the score 1"),
        ({"examples": [{"input": "Q", "target_scores": {"a": 1, "b": None}}]}, "must have a number for a score"),
        ({"examples": [{"input": "Q", "target_scores": {}}]}, "'target_scores' is empty"),
        ({"task_prefix": 3}, "'task_prefix' must be text, found 3"),
    ],
)
def test_a_malformed_task_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read("big-bench", {**TASK, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"multiple_choice_targets": [], "multiple_choice_scores": []}, "the row has no choices with scores"),
        ({"multiple_choice_scores": [1]}, "each of the 2 choices must have a number for a score"),
        ({"multiple_choice_scores": [0, 0]}, "all choices have the score 0"),
    ],
)
def test_a_malformed_row_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("big-bench-rows", {**ROW, **change})
