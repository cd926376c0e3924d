"""Data sets of a study lie wherever questions are read from, and are named before any of it is read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pyscore.sweep.grid import unreadable_datasets
from pyscore.sweep.spec import study_of
from pyscore.sweep.study import Study

ROW = {"question": "Would you?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
TABLE = {"text": "Snow is white.", "q": "Is it?", "options": ["Yes", "No"], "key": "A"}


def study(folder: Path, datasets: str) -> Study:
    return study_of(f"output: out\nmodels: [{{hub: a/b}}]\ndatasets: {datasets}\n", folder)


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_folder_is_a_data_set_for_each_of_its_files(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl"):
        write(tmp_path / "evals" / name, ROW)
    found = study(tmp_path, "[{files: evals}]").datasets
    assert [each.name for each in found] == ["a", "b"]
    assert [question.id for each in found for question in each.questions] == ["a:0", "b:0"]


def test_what_lies_elsewhere_is_named_without_being_asked_for(tmp_path: Path) -> None:
    urls = "[{files: ['https://example.org/x/set.jsonl.gz', 'hf:owner/set/part:test', 'hf:owner/other', 's3://b/x/set.jsonl']}]"
    found = study(tmp_path, urls).datasets
    assert [each.name for each in found] == ["set", "set-part-test", "other", "x/set.jsonl"]


def test_files_of_one_stem_in_one_data_set_have_ids_of_their_own(tmp_path: Path) -> None:
    for name in ("a/x.jsonl", "b/x.jsonl"):
        write(tmp_path / name, ROW)
    (found,) = study(tmp_path, "[{name: both, files: [a/x.jsonl, b/x.jsonl]}]").datasets
    assert [question.id for question in found.questions] == ["x:0", "b/x.jsonl:0"]


def test_a_prompt_template_and_letters_reach_the_questions(tmp_path: Path) -> None:
    write(tmp_path / "t.jsonl", TABLE)
    columns = "columns: {answers: options, matching: key}"
    (found,) = study(
        tmp_path, f"[{{files: t.jsonl, {columns}, prompt_template: '{{{{ text }}}} {{{{ q }}}}'}}]"
    ).datasets
    (question,) = found.questions
    assert (question.prompt, question.answers) == ("Snow is white. Is it?", ("Yes", "No"))
    columns = "columns: {prompt: q, answers: options, matching: key}"
    (found,) = study(tmp_path, f"[{{files: t.jsonl, answers: letter, {columns}}}]").datasets
    (question,) = found.questions
    assert (question.prompt, question.answers) == ("Is it?\nA. Yes\nB. No\nAnswer:", (" A", " B"))


def test_rows_that_are_no_questions_are_left_out_if_asked(tmp_path: Path) -> None:
    write(tmp_path / "t.jsonl", ROW, {**ROW, "question": 3}, ROW)
    (found,) = study(tmp_path, "[{files: t.jsonl, on_error: skip}]").datasets
    with pytest.warns(UserWarning, match=r"1 of 3 rows are left out: .*t.jsonl, line 2: 'question' must be str"):
        assert [question.id for question in found.questions] == ["t:0", "t:2"]


def test_a_data_set_that_needs_a_missing_package_is_unreadable_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    write(tmp_path / "t.jsonl", ROW)
    found = unreadable_datasets(study(tmp_path, "[{files: [t.jsonl, 'hf:owner/set:test']}]"))
    assert list(found) == ["set-test"] and "needs the package datasets" in found["set-test"]
