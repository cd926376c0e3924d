"""MedMCQA and MedQA: held against lm-evaluation-harness; counting from 1 is told from counting from 0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.formats import FORMATS, format_of
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

HUB = FORMATS["medmcqa"].example
RELEASE = FORMATS["medmcqa-release"].example
MEDQA = FORMATS["medqa"].example


def test_medmcqa_asks_what_the_harness_asks() -> None:
    rows = [{**HUB, "cop": right, "question": f"Question {right} "} for right in range(4)]
    asked = [asked_by_pyscore(read_one("medmcqa", row)) for row in rows]
    assert asked == asked_by_harness("medmcqa/medmcqa.yaml", rows)


def test_the_release_counts_from_one() -> None:
    for right in range(4):
        released, hub = {**RELEASE, "cop": right + 1}, {**RELEASE, "cop": right}
        assert read_one("medmcqa-release", released) == read_one("medmcqa", hub)
        assert read_one("medmcqa-release", {**RELEASE, "cop": str(right + 1)}) == read_one("medmcqa", hub)


def test_a_file_that_counts_the_other_way_stops_and_names_the_format(tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl"
    path.write_text("\n".join(json.dumps({**RELEASE, "cop": right}) for right in (2, 4)))
    with pytest.raises(
        ValueError, match="line 2: 'cop' is 4, and is counted from 0 here: give format='medmcqa-release'"
    ):
        load_questions(path)
    assert len(load_questions(path, format="medmcqa-release")) == 2
    with pytest.raises(ValueError, match="'cop' is 0, and is counted from 1 here: give format='medmcqa'"):
        read_one("medmcqa-release", {**HUB, "cop": 0})


def test_the_subject_is_the_group() -> None:
    assert read_one("medmcqa", HUB).group == "Anatomy"
    assert read_one("medmcqa", {**HUB, "subject_name": None}).group is None


def test_medqa_asks_what_the_harness_asks() -> None:
    rows = [MEDQA, {**MEDQA, "label": 3, "sent1": " A case. "}]
    asked = [asked_by_pyscore(read_one("medqa", row)) for row in rows]
    assert asked == asked_by_harness("medqa/medqa.yaml", rows)


@pytest.mark.parametrize("answers", ["auto", "text", "letter"])
def test_the_releases_form_of_medqa_asks_the_same(answers: str) -> None:
    options = {letter: MEDQA[f"ending{i}"] for i, letter in enumerate("ABCD")}
    released = {
        "question": MEDQA["sent1"],
        "answer": options["A"],
        "options": options,
        "meta_info": "step1",
        "answer_idx": "A",
    }
    assert format_of(released) is FORMATS["medqa"]
    question = read_one("medqa", released, answers)
    assert asked_by_pyscore(question) == asked_by_pyscore(read_one("medqa", MEDQA, answers))
    assert question.group == "step1"
    five = {**released, "options": {**options, "E": "Silk"}, "answer_idx": "E"}
    assert read_one("medqa", five).is_matching == (False,) * 4 + (True,)


def test_swag_has_the_keys_of_medqa_and_is_none() -> None:
    found = format_of({**MEDQA, "startphrase": "A juggler", "video-id": "v", "gold-source": "gold"})
    assert found is not FORMATS["medqa"]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("medmcqa", {"cop": -1}, "'cop' is -1 or missing: the test split has no answers"),
        ("medmcqa", {"cop": None}, "the test split has no answers"),
        ("medmcqa", {"cop": 5}, "the right choice is 5"),
        ("medmcqa", {"cop": "b"}, "'cop' must be the number of the correct option, found 'b'"),
        ("medmcqa", {"cop": 1.0}, "'cop' must be the number of the correct option, found 1.0"),
        ("medmcqa-release", {"cop": -1}, "the test split has no answers"),
        ("medmcqa", {"opc": None}, "'opc' must be str, found NoneType"),
        ("medqa", {"label": 4}, r"'label' must be the right choice's index \(0 to 3\)"),
        ("medqa", {"label": None}, "'label' must be int or str, found NoneType"),
        ("medqa", {"options": ["a", "b"]}, "'options' must be dict, found list"),
    ],
)
def test_a_malformed_row_is_one_error(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one(name, {**FORMATS[name].example, **change})


def test_a_release_that_was_taken_for_the_hubs_set_is_an_error_even_where_rows_may_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "dev.json"
    file.write_text("".join(json.dumps({**HUB, "cop": right}) + "\n" for right in (1, 2, 4)))
    with pytest.raises(
        ValueError, match="line 3: 'cop' is 4, and is counted from 0 here: give format='medmcqa-release'"
    ):
        load_questions(file, on_error="skip")
    asked = load_questions(file, format="medmcqa-release")
    assert [one.is_matching.index(True) for one in asked] == [0, 1, 3]
