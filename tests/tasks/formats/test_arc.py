"""ARC, OpenBookQA and CommonsenseQA: held against lm-evaluation-harness; the first releases ask the same."""

from __future__ import annotations

from typing import Any

import pytest

from pyscore.tasks.formats import FORMATS, format_of
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

ARC = FORMATS["arc"].example
OPENBOOK = FORMATS["openbookqa"].example
CONCEPTS = FORMATS["commonsenseqa"].example

LETTERED = {
    "id": "Exam_2032_7_1",
    "question": "Which is loudest? ",
    "choices": {"text": ["a mouse", "a {stem}", "{options}", "a cat", "a drum"], "label": ["A", "B", "C", "D", "E"]},
    "answerKey": "E",
}
FOUR = {
    "id": "Exam_2033_4_2",
    "question": "A seed needs",
    "choices": {"text": ["water.", "shoes.", "a hat.", "news."], "label": ["1", "2", "3", "4"]},
    "answerKey": "1",
}


def first_release(row: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The same question as the first releases write it."""
    texts, labels = row["choices"]["text"], row["choices"]["label"]
    choices = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    stem = row.get("question_stem", row.get("question"))
    inner = {"stem": stem, "choices": choices, **more}
    return {"id": row["id"], "question": inner, "answerKey": row["answerKey"]}


@pytest.mark.parametrize("task", ["arc/arc_easy.yaml", "arc/arc_challenge.yaml"])
def test_arc_asks_what_the_harness_asks(task: str) -> None:
    rows = [ARC, LETTERED, FOUR]
    assert [asked_by_pyscore(read_one("arc", row)) for row in rows] == asked_by_harness(task, rows)


def test_openbookqa_asks_what_the_harness_asks() -> None:
    rows = [OPENBOOK, {**OPENBOOK, "question_stem": "Which one floats?", "answerKey": " C"}]
    asked = [asked_by_pyscore(read_one("openbookqa", row)) for row in rows]
    assert asked == asked_by_harness("openbookqa/openbookqa.yaml", rows)


def test_commonsenseqa_asks_what_the_harness_asks() -> None:
    rows = [CONCEPTS, {**CONCEPTS, "question": " Where is it?  ", "answerKey": "E"}]
    asked = [asked_by_pyscore(read_one("commonsenseqa", row)) for row in rows]
    assert asked == asked_by_harness("commonsense_qa/default.yaml", rows)


@pytest.mark.parametrize(
    ("name", "row", "more"),
    [
        ("arc", ARC, {}),
        ("arc", LETTERED, {}),
        ("openbookqa", OPENBOOK, {}),
        ("commonsenseqa", CONCEPTS, {"question_concept": "ladle"}),
    ],
)
@pytest.mark.parametrize("answers", ["text", "letter"])
def test_the_first_release_is_told_and_asks_the_same(
    name: str, row: dict[str, Any], more: dict[str, Any], answers: str
) -> None:
    released = first_release(row, **more)
    found = format_of(released)
    assert found is not None and found.name == name
    assert read_one(name, released, answers) == read_one(name, row, answers)


def test_letters_go_by_place_whatever_the_labels_are() -> None:
    question = read_one("arc", FOUR, "letter")
    assert question.prompt == "Question: A seed needs\nA. water.\nB. shoes.\nC. a hat.\nD. news.\nAnswer:"
    assert question.answers == (" A", " B", " C", " D") and question.is_matching[0]
    assert question.meta == {"id": "Exam_2033_4_2", "choices": ["water.", "shoes.", "a hat.", "news."]}


def test_a_choice_that_looks_like_a_part_of_the_layout_is_text() -> None:
    assert "B. a {stem}\nC. {options}\n" in read_one("arc", LETTERED, "letter").prompt


def test_questions_about_one_concept_share_a_cluster_and_others_one_by_what_they_ask() -> None:
    assert read_one("commonsenseqa", CONCEPTS).cluster == "ladle"
    reordered = {**FOUR, "choices": {"text": ["news.", "shoes.", "a hat.", "water."], "label": list("1234")}}
    assert read_one("arc", FOUR).cluster == read_one("arc", {**reordered, "answerKey": "4"}).cluster
    assert read_one("arc", FOUR).cluster != read_one("arc", ARC).cluster


@pytest.mark.parametrize("key", ["", " ", None])
def test_a_split_without_answers_is_told(key: str | None) -> None:
    for name in ("arc", "openbookqa", "commonsenseqa"):
        row = {**FORMATS[name].example, "answerKey": key}
        assert format_of(row) is FORMATS[name]
        with pytest.raises(ValueError, match="'answerKey' is empty or missing: this split has no answers"):
            read_one(name, row)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answerKey": "C"}, "'answerKey' must be one of the choices' labels 1, 2, 3, found 'C'"),
        ({"choices": {"text": ["a"], "label": ["1", "2"]}}, "1 texts and the labels 1, 2: each text needs its own"),
        ({"choices": {"text": ["a", "b"], "label": ["2", "2"]}}, "2 texts and the labels 2, 2"),
        ({"choices": {"text": ["a", None], "label": ["1", "2"]}}, "'choices' must be"),
        ({"choices": ["a", "b"]}, "'choices' must be"),
        ({"choices": "a or b"}, "'choices' must be dict or list, found str"),
        ({"choices": {"text": ["a", "a"], "label": ["1", "2"]}}, "'.a' is both matching and not matching"),
        ({"choices": {"text": ["a", " "], "label": ["1", "2"]}}, "choice 1, counted from 0, is blank"),
        ({"question": None}, "'question' must be str, found NoneType"),
    ],
)
def test_a_malformed_row_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("arc", {**ARC, **change})
