"""PIQA, COPA, BoolQ and RTE: held against lm-evaluation-harness, in the hub's and the releases' forms."""

from __future__ import annotations

from typing import Any

import pytest

from pyscore.tasks.formats import FORMATS, format_of
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

PIQA, COPA, BOOLQ, RTE = (dict(FORMATS[name].example) for name in ("piqa", "copa", "boolq", "rte"))
RTE = {**RTE, "label": 1, "idx": 0}  # as the hub has it
GLUE = {"sentence1": RTE["premise"], "sentence2": RTE["hypothesis"], "label": 1, "idx": 0}
SUPER_BOOLQ = {"question": BOOLQ["question"], "passage": BOOLQ["passage"], "idx": 0, "label": 1}


@pytest.mark.parametrize(
    ("name", "task", "rows"),
    [
        ("piqa", "piqa/piqa.yaml", [PIQA, {**PIQA, "label": 0}]),
        (
            "copa",
            "super_glue/copa/default.yaml",
            [COPA, {**COPA, "question": "effect", "label": 1, "premise": " The cat slept. "}],
        ),
        ("boolq", "super_glue/boolq/default.yaml", [SUPER_BOOLQ, {**SUPER_BOOLQ, "label": 0}]),
        ("rte", "super_glue/rte/default.yaml", [RTE, {**RTE, "label": 0}]),
        ("rte", "glue/rte/default.yaml", [GLUE, {**GLUE, "label": 0}]),
    ],
)
def test_it_asks_what_the_harness_asks(name: str, task: str, rows: list[dict[str, Any]]) -> None:
    theirs = asked_by_harness(task, rows)
    assert [asked_by_pyscore(read_one(name, row)) for row in rows] == theirs


@pytest.mark.parametrize(
    ("name", "hub", "release"),
    [
        ("piqa", PIQA, {**PIQA, "id": "x", "label": "1"}),
        ("boolq", SUPER_BOOLQ, BOOLQ),
        ("boolq", SUPER_BOOLQ, {**SUPER_BOOLQ, "label": True}),
        ("rte", RTE, {**RTE, "label": "not_entailment"}),
        ("rte", GLUE, {"index": "0", **GLUE, "label": "not_entailment"}),
    ],
)
def test_the_first_releases_ask_the_same(name: str, hub: dict[str, Any], release: dict[str, Any]) -> None:
    assert asked_by_pyscore(read_one(name, hub)) == asked_by_pyscore(read_one(name, release))
    found = format_of(release)
    assert found is not None and found.name == name


def test_what_shares_a_text_shares_a_cluster() -> None:
    for name, row, key in (("boolq", BOOLQ, "question"), ("rte", RTE, "hypothesis"), ("copa", COPA, "choice1")):
        other = {**row, key: "another"}
        assert read_one(name, row).cluster == read_one(name, other).cluster
    assert read_one("boolq", BOOLQ).cluster != read_one("boolq", {**BOOLQ, "passage": "Other."}).cluster


def test_texts_and_letters_of_copa_have_a_whole_premise_before_them() -> None:
    text = read_one("copa", COPA, "text")
    assert (
        text.prompt == "The kettle whistled.\nWhat was the cause?\nAnswer:" and text.answers[1] == " Its lid was blue."
    )
    question = read_one("copa", COPA, "letter")
    assert question.prompt == (
        "The kettle whistled.\nWhat was the cause?\nA. Its water boiled.\nB. Its lid was blue.\nAnswer:"
    )


def test_sets_of_glue_that_look_like_rte_are_not_taken_for_it() -> None:
    for row in (GLUE, RTE):
        with pytest.raises(ValueError, match="the number means something else: give format='rte'"):
            format_of(row)
    assert format_of({**RTE, "label": "entailment"}) is FORMATS["rte"]
    race = format_of({"passage": "p", "question": "q", "answer": "A", "options": ["a", "b"]})
    assert race is None or race.name != "boolq"


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("piqa", {key: PIQA[key] for key in ("goal", "sol1", "sol2")}, "labels in a .lst file"),
        ("piqa", {**PIQA, "label": -1}, "this split has no labels"),
        ("piqa", {**PIQA, "label": 2}, "'label' must be 0 or 1, found 2"),
        ("piqa", {**PIQA, "label": True}, "'label' must be 0 or 1, found True"),
        ("copa", {**COPA, "label": -1}, "this split has no labels"),
        ("copa", {**COPA, "question": "why"}, "'question' must be 'cause' or 'effect', found 'why'"),
        ("copa", {**COPA, "choice1": ""}, "must hold some text"),
        ("boolq", {**BOOLQ, "answer": "yes"}, "'answer' must be bool, found str"),
        ("boolq", {**SUPER_BOOLQ, "label": -1}, "this split has no labels"),
        ("rte", {**RTE, "label": -1}, "this split has no labels"),
        ("rte", {**RTE, "label": 2}, "RTE has two labels"),
        ("rte", {"premise": "a", "label": 0}, "the key 'hypothesis' is missing"),
    ],
)
def test_a_malformed_row_is_one_error(name: str, row: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one(name, row)
