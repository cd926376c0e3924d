"""MMLU and MMLU-Pro: held against lm-evaluation-harness, all of its subjects; the CSV asks the same as the hub."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.formats import FORMATS
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one, tasks_folder

HUB = FORMATS["mmlu"].example
CSV = FORMATS["mmlu-csv"].example
PRO = FORMATS["mmlu-pro"].example


def test_it_asks_what_the_harness_asks() -> None:
    rows = [{**HUB, "answer": right, "subject": "anatomy", "question": f" {right}?\n"} for right in range(4)]
    asked = [asked_by_pyscore(read_one("mmlu", row)) for row in rows]
    assert asked == asked_by_harness("mmlu/default/mmlu_anatomy.yaml", rows)


def test_as_texts_it_asks_what_the_harnesss_continuations_ask() -> None:
    rows = [{**HUB, "subject": "world_religions"}]
    asked = [asked_by_pyscore(read_one("mmlu", row, "text")) for row in rows]
    assert asked == asked_by_harness("mmlu/continuation/mmlu_world_religions.yaml", rows)


@pytest.mark.parametrize(
    ("kind", "answers", "then"), [("default", "letter", "Which of"), ("continuation", "text", "Question: Which of")]
)
def test_every_subject_is_described_as_the_harness_describes_it(kind: str, answers: str, then: str) -> None:
    folder = tasks_folder()
    from lm_eval.tasks._yaml_loader import load_yaml

    found = [load_yaml(path, recursive=False) for path in sorted((folder / "mmlu" / kind).glob("mmlu_*.yaml"))]
    assert len(found) == 57
    for each in found:
        question = read_one("mmlu", {**HUB, "subject": each["dataset_name"]}, answers)
        assert question.prompt.startswith(each["description"] + then)
        assert question.group == each["dataset_name"]


@pytest.mark.parametrize("answers", ["text", "letter"])
@pytest.mark.parametrize("split", ["test", "dev", "val"])
def test_the_csv_asks_the_same_under_the_subject_of_its_name(split: str, answers: str) -> None:
    question = read_one("mmlu-csv", CSV, answers, stem=f"elementary_mathematics_{split}")
    hub = read_one("mmlu", HUB, answers)
    assert asked_by_pyscore(question) == asked_by_pyscore(hub)
    assert (question.group, question.cluster) == (hub.group, hub.cluster)


def test_a_csv_of_another_name_has_no_subject_unless_a_column_says_it() -> None:
    bare = read_one("mmlu-csv", CSV, stem="mine")
    assert bare.group is None and bare.prompt.startswith("Which of these is a prime number?\nA. 9\n")
    told = read_one("mmlu-csv", {**CSV, "subject": "elementary_mathematics"}, stem="mine")
    assert asked_by_pyscore(told) == asked_by_pyscore(read_one("mmlu", HUB))
    capitals = {key.capitalize(): value for key, value in CSV.items()} | {"Subject": "elementary_mathematics"}
    assert asked_by_pyscore(read_one("mmlu-csv", capitals)) == asked_by_pyscore(told)


def test_a_file_with_a_header_is_read(tmp_path: Path) -> None:
    path = tmp_path / "elementary_mathematics_test.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([FORMATS["mmlu-csv"].header, list(CSV.values())])
    (question,) = load_questions(path)
    assert asked_by_pyscore(question) == asked_by_pyscore(read_one("mmlu", HUB))


def test_a_first_row_of_six_fields_and_a_letter_tells_that_there_is_no_header() -> None:
    headerless = FORMATS["mmlu-csv"].headerless
    assert headerless(list(CSV.values())) and headerless(["Q, with a comma", "1", "2", "3", "4", "D"])
    assert not headerless(FORMATS["mmlu-csv"].header)
    assert not headerless(["prompt", "other_prompt", "classes", "answer_index", "A", "B", "C"])
    assert not headerless([]) and not headerless(["a", "b", "c", "d", "e", "E"])


def test_pro_asks_what_the_harnesss_leaderboard_asks() -> None:
    rows = [PRO, {**PRO, "question": " Which?", "options": ["x", " y "], "answer": "B", "answer_index": 1}]
    asked = [asked_by_pyscore(read_one("mmlu-pro", row)) for row in rows]
    assert asked == asked_by_harness("leaderboard/mmlu_pro/mmlu_pro.yaml", rows)


def test_options_of_pro_that_are_none_are_no_texts() -> None:
    row = {**PRO, "options": ["N/A", "4", "12", "N/A"], "answer": "C", "answer_index": 2}
    question = read_one("mmlu-pro", row, "text")
    assert (question.answers, question.is_matching) == ((" 4", " 12"), (False, True))
    assert read_one("mmlu-pro", row, "letter").is_matching == (False, False, True, False)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("mmlu", {"answer": 4}, r"'answer' must be the right choice's index \(0 to 3\)"),
        ("mmlu", {"answer": -1}, r"'answer' must be the right choice's index \(0 to 3\)"),
        ("mmlu", {"choices": ["a", None]}, "'choices' must be a list of strings"),
        ("mmlu-csv", {"answer": "E"}, "'answer' must be one of the letters A, B, C, D, found 'E'"),
        ("mmlu-csv", {"answer": ""}, "'answer' must be one of the letters A, B, C, D, found ''"),
        ("mmlu-csv", {"F": "x"}, "letters without a gap, found A, B, C, D, F"),
        ("mmlu-csv", {"C": None}, "'C' must be str, found NoneType"),
        ("mmlu-pro", {"answer_index": 2}, "'answer' is 'D', but 'answer_index' is 2: they must name the same choice"),
        ("mmlu-pro", {"answer": "E", "answer_index": 4}, "'answer' is 'E', whose option says 'N/A'"),
        ("mmlu-pro", {"answer_index": 9}, r"'answer_index' must be the right choice's index \(0 to 4\)"),
    ],
)
def test_a_malformed_row_is_one_error(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one(name, {**FORMATS[name].example, **change})


@pytest.mark.parametrize("answer", ["1", "1.0", 1, 1.0])
def test_a_digit_is_an_index_where_choices_are_digits(answer: Any, tmp_path: Path) -> None:
    row = {"question": "2+2?", "subject": "math", "choices": ["1", "4", "3", "2"], "answer": answer}
    assert read_one("mmlu", row).is_matching == (False, True, False, False)
    path = tmp_path / "mmlu.csv"
    path.write_text(f""",question,subject,choices,answer\n0,2+2?,math,"['1', '4', '3', '2']",{answer}\n""")
    assert load_questions(path)[0].is_matching == (False, True, False, False)
