"""KMMLU, Belebele and Social IQa, whose right answers have numbers from 1 on: held against lm-evaluation-harness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.formats import FORMATS, format_of
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

SETS: dict[str, tuple[str, str, list[Any]]] = {
    "kmmlu": ("kmmlu/default/kmmlu_accounting.yaml", "answer", [1, 2, 3, 4]),
    "belebele": ("belebele/belebele_eng_Latn.yaml", "correct_answer_num", ["1", "2", "3", "4"]),
    "social-iqa": ("siqa/siqa.yaml", "label", ["1", "2", "3"]),
}


@pytest.mark.parametrize("name", SETS)
def test_each_number_asks_what_the_harness_asks(name: str) -> None:
    task, key, numbers = SETS[name]
    rows = [{**FORMATS[name].example, key: number, "question": f"Which {number}? "} for number in numbers]
    found = [read_one(name, row) for row in rows]
    assert [asked_by_pyscore(one) for one in found] == asked_by_harness(task, rows)
    assert [one.is_matching.index(True) for one in found] == list(range(len(numbers)))
    assert [read_one(name, {**row, key: str(row[key])}) for row in rows] == found


@pytest.mark.parametrize("name", SETS)
def test_a_number_outside_is_named(name: str) -> None:
    _, key, numbers = SETS[name]
    for number in (0, len(numbers) + 1, "x"):
        with pytest.raises(ValueError, match=f"{key!r} must be the right choice's index \\(1 to {len(numbers)}\\)"):
            read_one(name, {**FORMATS[name].example, key: number})


def test_social_iqa_without_a_label_is_refused() -> None:
    with pytest.raises(ValueError, match="no choice is right: load a split that has answers"):
        read_one("social-iqa", {**FORMATS["social-iqa"].example, "label": ""})


def test_kmmlu_is_told_from_sets_with_letters_and_read_from_csv(tmp_path: Path) -> None:
    lettered = format_of({**FORMATS["kmmlu"].example, "answer": "C"})
    assert lettered is not None and lettered.name == "mmlu-csv"
    path = tmp_path / "test.csv"
    path.write_text("question,answer,A,B,C,D,Category\nQ?,2,a,b,c,d,x\nR?,4,a,b,c,d,y\n")
    found = load_questions(path)
    assert [one.is_matching.index(True) for one in found] == [1, 3] and [one.group for one in found] == ["x", "y"]


def test_questions_about_a_passage_share_a_cluster_across_questions() -> None:
    for name in ("belebele", "social-iqa"):
        example = FORMATS[name].example
        assert read_one(name, example).cluster == read_one(name, {**example, "question": "Why?"}).cluster
