"""A sweep keeps the questions that it asks, and the command that it is, beside the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyscore.store.questions import questions_of
from pyscore.store.studies import StudyFolder
from pyscore.sweep.study import Dataset, Study
from pyscore.sweep.sweeps import Shard, run
from tests.sweep.fake_models import n_scored, questions_file, small_study
from tests.sweep.object_store import Faults, object_store


def asked(study: Study) -> dict[str, Any]:
    """The prompts that the study's folder holds, by data set."""
    folder = StudyFolder(study.output)
    tables = {entry["name"]: folder.questions(entry) for entry in folder.read()["datasets"]}
    return {name: None if table is None else table["prompt"].to_pylist() for name, table in tables.items()}


def prompts(study: Study) -> dict[str, list[str]]:
    return {each.name: [question.prompt for question in each.questions] for each in study.datasets}


def test_questions_are_those_of_the_files(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1)
    run(study)
    assert asked(study) == prompts(study)
    folder = StudyFolder(study.output)
    for entry, dataset in zip(folder.read()["datasets"], study.datasets, strict=True):
        table = folder.questions(entry)
        assert table is not None
        assert questions_of(table, dataset.name) == dataset.questions


def test_questions_are_kept_in_an_object_store(tmp_path: Path) -> None:
    with object_store(Faults()):
        study = small_study(tmp_path, models=1, output="s3://bucket/out")
        run(study)
        assert asked(study) == prompts(study)


def test_questions_that_were_edited_stand_beside_those_of_before(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1, datasets=(3,))
    run(study)
    file = questions_file(tmp_path, "d0", 3, prompt="Is {i} even? Answer:")
    edited = replace(study, datasets=(Dataset("d0", (file,)),))
    run(edited)
    assert asked(study) == prompts(edited) != prompts(study)
    assert len(list((Path(study.output) / "questions").iterdir())) == 2


def test_a_study_of_before_gets_its_questions_by_the_same_command(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1)
    run(study)
    for file in (Path(study.output) / "questions").iterdir():
        file.unlink()
    assert asked(study) == {"d0": None, "d1": None}
    before = n_scored(study)
    run(study)
    assert asked(study) == prompts(study)
    assert n_scored(study) == before


def test_rows_are_scored_where_questions_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    study = small_study(tmp_path, models=1)
    with monkeypatch.context() as patch:
        patch.setattr("pyscore.store.questions._write", full)
        with pytest.warns(UserWarning, match=r"can't be kept beside its rows \(No space left on device\)"):
            run(study)
    assert n_scored(study) == 2 * 12 * 2
    assert asked(study) == {"d0": None, "d1": None}


def test_shards_note_their_commands_in_their_runs_and_write_study_json_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyscore.store.local_files import LocalPlace

    written: list[str] = []
    replacing = LocalPlace.replacing
    monkeypatch.setattr(LocalPlace, "replacing", lambda self: written.append(self.path.name) or replacing(self))
    study = small_study(tmp_path, models=3, datasets=(3,))
    for i in (1, 2, 3):
        run(study, shard=Shard(i, 3), argv=["sweep", "my study.yaml", "--shard", f"{i}/3"])
    assert written.count("study.json") == 1
    assert len([name for name in written if name.startswith("d0-")]) == 1
    found = {each.arguments["model"]: each.arguments["argv"] for each in StudyFolder(study.output).runs()}
    assert [found[study.key(model)][-1] for model in study.models] == ["1/3", "2/3", "3/3"]


def test_runs_of_a_sweep_from_python_note_no_command(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1, datasets=(2,))
    run(study)
    assert all("argv" not in each.arguments for each in StudyFolder(study.output).runs())


def test_files_of_questions_alone_are_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = small_study(tmp_path, models=1, datasets=(2, 3, 4))
    run(study)
    listed: list[str] = []
    folder = StudyFolder(study.output)
    names = type(folder.place).names

    def counted(self: Any) -> Sequence[str]:
        listed.append(self.path.name)
        return names(self)

    monkeypatch.setattr(type(folder.place), "names", counted)
    monkeypatch.setattr("pyscore.store.questions._write", None)
    folder.keep_questions((each.name, each.content_sha256, each.questions) for each in study.datasets)
    assert listed == ["questions"]
