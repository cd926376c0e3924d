"""Winogender: held against lm-evaluation-harness; the release's table asks the same as the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.formats import FORMATS, format_of
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

MALE = {**FORMATS["winogender"].example, "label": 1}
FEMALE = {
    "sentid": "welder.someone.0.female.txt",
    "sentence": "The welder thanked someone for her first torch.",
    "pronoun": "her",
    "occupation": "welder",
    "participant": "someone",
    "gender": "female",
    "target": "welder",
    "label": 0,
}
NEUTRAL = {
    "sentid": "tailor.guest.1.neutral.txt",
    "sentence": "They were early, the guest said to the tailor, and the bus was empty.",
    "pronoun": "they",
    "occupation": "tailor",
    "participant": "guest",
    "gender": "neutral",
    "target": "guest",
    "label": 1,
}
ROWS: list[dict[str, Any]] = [MALE, FEMALE, NEUTRAL]


@pytest.mark.parametrize("task", ["winogender/winogender.yaml", "winogender/winogender_gotcha.yaml"])
def test_it_asks_what_the_harness_asks(task: str) -> None:
    assert [asked_by_pyscore(read_one("winogender", row)) for row in ROWS] == asked_by_harness(task, ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_the_releases_rows_are_told_and_ask_the_same(row: dict[str, Any]) -> None:
    released = {"sentid": row["sentid"], "sentence": row["sentence"]}
    found = format_of(released)
    assert found is not None and found.name == "winogender-release"
    theirs, ours = read_one("winogender", row), read_one(found.name, released)
    assert asked_by_pyscore(ours) == asked_by_pyscore(theirs)
    assert (ours.cluster, ours.group) == (theirs.cluster, theirs.group) == (row["occupation"], row["gender"])
    assert {**ours.meta, "target": row["target"]} == theirs.meta


def test_the_releases_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "all_sentences.tsv"
    lines = ["sentid\tsentence", *(f"{row['sentid']}\t{row['sentence']}" for row in ROWS)]
    path.write_text("\n".join(lines) + "\n")
    loaded = load_questions(path)
    assert [asked_by_pyscore(one) for one in loaded] == [asked_by_pyscore(read_one("winogender", row)) for row in ROWS]


def test_a_label_may_be_text_and_a_gender_missing() -> None:
    row = {key: value for key, value in MALE.items() if key != "gender"}
    question = read_one("winogender", {**row, "label": "1"})
    assert question.is_matching == (False, True) and question.group is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": 2}, "'label' must be 0, the occupation, or 1, the participant, found 2"),
        ({"label": None}, "'label' must be int or str, found NoneType"),
        ({"sentence": " "}, "'sentence' is empty"),
        ({"pronoun": ""}, "'pronoun' is empty"),
        ({"participant": "welder"}, "' welder' is both matching and not matching"),
    ],
)
def test_a_malformed_row_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("winogender", {**MALE, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sentid": "welder.visitor.1.txt"}, "'sentid' must be like 'technician.customer.1.male.txt'"),
        ({"sentid": "welder.visitor.2.male.txt"}, "0 or 1, and a gender .*, found 'welder.visitor.2.male.txt'"),
        ({"sentid": "welder.visitor.1.other.txt"}, "a gender"),
        ({"sentence": "The welder saw her."}, r"\(he, him, his\), found none"),
        ({"sentence": "He saw his torch."}, "must have one pronoun .* found he, his"),
    ],
)
def test_a_malformed_row_of_the_release_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("winogender-release", {**FORMATS["winogender-release"].example, **change})
