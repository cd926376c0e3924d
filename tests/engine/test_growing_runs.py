"""A run whose folder holds several data sets, of which some are asked for at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyscore import Question, Scorer
from tests.engine.fake_source import fake_scorer
from tests.engine.runs import Stopped, run, stopping_after, telling, values
from tests.engine.tiny import some_questions


@pytest.fixture
def scorer() -> Scorer:
    return fake_scorer("tiny")


def of(dataset: str, n: int = 7) -> list[Question]:
    return [replace(question, dataset=dataset) for question in some_questions(n)]


def datasets(path: Path) -> Any:
    return json.loads((path / "manifest.json").read_text())["datasets"]


def counted(scorer: Scorer) -> tuple[Scorer, list[int]]:
    """The scorer again, and a list that gets the number of requests of each chunk that runs."""
    runs: list[int] = []
    return telling(scorer, runs.append), runs


def ids(table: Any, dataset: str) -> list[str]:
    return list(dict.fromkeys(r["question_id"] for r in table.to_pylist() if r["dataset"] == dataset))


def test_a_data_set_joins_a_run_whose_others_are_not_asked_for(scorer: Scorer, tmp_path: Path) -> None:
    run(scorer, tmp_path / "run", of("a"), keep_others=True)
    joined = run(scorer, tmp_path / "run", of("b"), keep_others=True, resume=True)
    assert values(joined).equals(values(run(scorer, tmp_path / "whole", of("a") + of("b"))))
    assert datasets(tmp_path / "run") == datasets(tmp_path / "whole")


def test_without_being_told_to_keep_them_other_data_sets_are_refused(scorer: Scorer, tmp_path: Path) -> None:
    run(scorer, tmp_path / "run", of("a"))
    with pytest.raises(ValueError, match="not asked for now"):
        run(scorer, tmp_path / "run", of("b"), resume=True)


def test_an_edited_question_alone_is_scored_again_and_stands_for_the_old_one(scorer: Scorer, tmp_path: Path) -> None:
    run(scorer, tmp_path / "run", of("a") + of("b"), keep_others=True)
    edited = of("a")
    edited[3] = replace(edited[3], prompt=edited[3].prompt + " Think.")
    watched, runs = counted(scorer)
    table = run(watched, tmp_path / "run", edited, keep_others=True, resume=True)
    assert sum(runs) == len(edited[3].answers)
    assert values(table.filter([name == "a" for name in table["dataset"].to_pylist()])).equals(
        values(run(scorer, tmp_path / "anew", edited))
    )
    assert ids(table, "b") == [q.id for q in of("b")]


def test_questions_that_are_asked_for_again_come_back_without_being_scored(scorer: Scorer, tmp_path: Path) -> None:
    whole = run(scorer, tmp_path / "run", of("a"), keep_others=True)
    fewer = run(scorer, tmp_path / "run", of("a")[:3], keep_others=True, resume=True)
    assert ids(fewer, "a") == [q.id for q in of("a")[:3]]
    watched, runs = counted(scorer)
    again = run(watched, tmp_path / "run", of("a"), keep_others=True, resume=True)
    assert runs == []
    assert values(again).equals(values(whole))


def test_an_edit_that_is_taken_back_brings_the_old_rows_back(scorer: Scorer, tmp_path: Path) -> None:
    whole = run(scorer, tmp_path / "run", of("a"), keep_others=True)
    edited = [replace(question, prompt=question.prompt + "!") for question in of("a")]
    other = run(scorer, tmp_path / "run", edited, keep_others=True, resume=True)
    assert not values(other).equals(values(whole))
    watched, runs = counted(scorer)
    again = run(watched, tmp_path / "run", of("a"), keep_others=True, resume=True)
    assert (runs, values(again).equals(values(whole))) == ([], True)


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_a_broken_off_run_of_a_second_data_set_keeps_the_order_of_its_questions(
    scorer: Scorer, tmp_path: Path, chunks: int
) -> None:
    run(scorer, tmp_path / "run", of("a"), keep_others=True)
    with pytest.raises(Stopped):
        run(stopping_after(scorer, chunks), tmp_path / "run", of("b", 23), keep_others=True, resume=True)
    assert datasets(tmp_path / "run").keys() == {"a"}  # b is not said to be there before it is
    table = run(scorer, tmp_path / "run", of("b", 23), keep_others=True, resume=True)
    assert values(table).equals(values(run(scorer, tmp_path / "whole", of("a") + of("b", 23))))


def test_the_manifest_says_how_many_questions_of_a_data_set_were_left_out(scorer: Scorer, tmp_path: Path) -> None:
    long = replace(of("a")[0], id="long", prompt="x" * 1000)
    run(scorer, tmp_path / "run", [*of("a"), long, *of("b")], on_error="skip")
    found = datasets(tmp_path / "run")
    assert {name: (each["questions"], each["skipped"]) for name, each in found.items()} == {"a": (8, 1), "b": (7, 0)}


def test_the_content_of_a_data_set_is_told_by_all_that_rows_and_prompts_depend_on(
    scorer: Scorer, tmp_path: Path
) -> None:
    changes: list[dict[str, Any]] = [{}, {"prompt": "other"}, {"cluster": "c"}, {"group": "g"}, {"meta": {"x": 1}}]
    found = set()
    for i, change in enumerate(changes):
        run(scorer, tmp_path / str(i), [replace(of("a")[0], **change), *of("a")[1:]])
        found.add(datasets(tmp_path / str(i))["a"]["content_sha256"])
    assert len(found) == len(changes)


def test_one_file_holds_no_other_data_sets(scorer: Scorer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keep_others=True is for folders"):
        run(scorer, tmp_path / "run.parquet", of("a"), keep_others=True)
