"""PIQA, COPA and BoolQ: held against lm-evaluation-harness; first releases ask the same as the hub."""

from __future__ import annotations

from typing import Any

import pytest

from pyscore.tasks.formats import FORMATS, format_of
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

PIQA: dict[str, Any] = dict(FORMATS["piqa"].example)
COPA: dict[str, Any] = dict(FORMATS["copa"].example)
BOOLQ: dict[str, Any] = dict(FORMATS["boolq"].example)

ROWS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "piqa": ("piqa/piqa.yaml", [PIQA, {**PIQA, "goal": "Open a jar? ", "label": 1}]),
    "boolq": ("super_glue/boolq/default.yaml", [BOOLQ, {**BOOLQ, "question": "is a hen a fish", "label": 0}]),
}


@pytest.mark.parametrize("name", ROWS)
def test_it_asks_what_the_harness_asks(name: str) -> None:
    task, rows = ROWS[name]
    assert [asked_by_pyscore(read_one(name, row)) for row in rows] == asked_by_harness(task, rows)


def test_copa_asks_what_the_harness_asks() -> None:
    rows = [COPA, {**COPA, "premise": "I fell asleep. ", "question": "effect", "choice1": "I dreamt.", "label": 1}]
    asked = [asked_by_pyscore(read_one("copa", row)) for row in rows]
    expected = asked_by_harness("super_glue/copa/default.yaml", rows)
    assert [each[:2] for each in asked] == [each[:2] for each in expected]
    assert [each.right for each in asked] == [[0], [1]] == [each.right for each in expected]


def test_the_releases_of_boolq_ask_the_same() -> None:
    first = {"title": "Hen", "question": BOOLQ["question"], "passage": BOOLQ["passage"], "answer": True}
    super_glue = {**BOOLQ, "label": True}
    for row in (first, super_glue):
        found = format_of(row)
        assert found is not None and found.name == "boolq"
        assert asked_by_pyscore(read_one("boolq", row)) == asked_by_pyscore(read_one("boolq", BOOLQ))


@pytest.mark.parametrize(
    "row",
    [
        {"passage": "P", "question": "Q", "options": ["a", "b"], "answer": 0},
        {"passage": "P", "question": "Q", "choices": ["a", "b"], "label": 0},
    ],
)
def test_other_questions_about_a_passage_are_not_boolq(row: dict[str, Any]) -> None:
    found = format_of(row)
    assert found is None or found.name != "boolq"


def test_clusters_are_what_questions_share() -> None:
    again = {**PIQA, "sol2": "Sing to it."}
    assert read_one("piqa", PIQA).cluster == read_one("piqa", again).cluster
    assert read_one("copa", COPA).cluster == read_one("copa", {**COPA, "question": "effect"}).cluster
    assert read_one("copa", COPA).group == "cause"
    assert read_one("boolq", BOOLQ).cluster == read_one("boolq", {**BOOLQ, "question": "is it so"}).cluster


@pytest.mark.parametrize("row", [PIQA, COPA, BOOLQ])
def test_a_split_without_labels_is_told(row: dict[str, Any]) -> None:
    found = format_of({**row, "label": -1})
    assert found is not None
    with pytest.raises(ValueError, match="'label' is -1: this split has no labels"):
        read_one(found.name, {**row, "label": -1})


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("piqa", {key: PIQA[key] for key in ("goal", "sol1", "sol2")}, "the key 'label' is missing"),
        ("piqa", {**PIQA, "label": 2}, "'label' must be 0 or 1, found 2"),
        ("piqa", {**PIQA, "goal": ""}, "'goal' is empty: it must hold some text"),
        ("piqa", {**PIQA, "sol2": PIQA["sol1"]}, "is both matching and not matching"),
        ("copa", {**COPA, "question": "why"}, "'question' must be one of 'cause', 'effect', found 'why'"),
        ("copa", {**COPA, "choice1": " "}, "'choice1' is empty"),
        ("boolq", {**BOOLQ, "passage": None}, "'passage' must be str, found NoneType"),
        ("boolq", {**BOOLQ, "label": "maybe"}, "'label' must be 0 or 1, found 'maybe'"),
    ],
)
def test_a_malformed_row_is_one_error(name: str, row: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one(name, row)
