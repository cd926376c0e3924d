"""GPQA: held against lm-evaluation-harness, whose shuffling is made to give the same order."""

from __future__ import annotations

import csv
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.formats import FORMATS
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

ROW = FORMATS["gpqa"].example
OTHER = {**ROW, "Question": "Which is it [title]?\n", "Correct Answer": "x  [title] y", "Incorrect Answer 2": " [b] c "}


def test_it_asks_what_the_harness_asks_in_one_of_its_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [ROW, OTHER]
    questions = [read_one("gpqa", row) for row in rows]
    orders = [question.meta["choices"] for question in questions]

    def shuffle(choices: list[str]) -> None:
        (order,) = [each for each in orders if sorted(each) == sorted(choices)]
        choices[:] = order

    with monkeypatch.context() as patch:
        patch.setattr(random, "shuffle", shuffle)
        expected = asked_by_harness("gpqa/zeroshot/gpqa_main_zeroshot.yaml", rows)
    assert [asked_by_pyscore(question) for question in questions] == expected


def test_the_order_is_the_same_wherever_the_row_stands_and_right_letters_are_balanced() -> None:
    assert (
        read_one("gpqa", ROW, stem="a").prompt == read_one("gpqa", dict(reversed(list(ROW.items()))), stem="b").prompt
    )
    places = Counter(read_one("gpqa", {**ROW, "Question": f"What is {i}?"}).is_matching.index(True) for i in range(800))
    assert all(abs(places[place] - 200) < 5 * (800 * 0.25 * 0.75) ** 0.5 for place in range(4))


def test_the_order_tells_nothing_of_which_choice_is_right() -> None:
    swapped = {**ROW, "Correct Answer": ROW["Incorrect Answer 1"], "Incorrect Answer 1": ROW["Correct Answer"]}
    assert read_one("gpqa", swapped).prompt == read_one("gpqa", ROW).prompt
    assert read_one("gpqa", swapped).is_matching != read_one("gpqa", ROW).is_matching


def test_the_releases_csv_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gpqa_main.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROW))
        writer.writeheader()
        writer.writerow(ROW)
    (question,) = load_questions(path)
    assert asked_by_pyscore(question) == asked_by_pyscore(read_one("gpqa", ROW))
    assert question.group == "Mathematics" and question.meta["Record ID"] == "rec0000000000000"


@pytest.mark.parametrize(
    ("change", "answers", "message"),
    [
        ({"Incorrect Answer 2": None}, "auto", "'Incorrect Answer 2' must be str, found NoneType"),
        ({"Question": " "}, "auto", "the question is empty"),
        ({"Incorrect Answer 1": "6"}, "text", "' 6' is both matching and not matching"),
    ],
)
def test_a_malformed_row_is_one_error(change: dict[str, Any], answers: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("gpqa", {**ROW, **change}, answers)
