"""Whatever one checkpoint's code or one data set's file does wrong, it is reported, and everything else is scored."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pyscore.engine.skipping import skipped_questions
from pyscore.results import curve, tidy
from pyscore.store import read_run
from pyscore.sweep.study import Dataset, Model, NamedTemplate, Scoring
from pyscore.sweep.sweeps import FailedUnits, run
from tests.sweep.fake_models import FileLoader, WeightedSource, small_study, stored_values


@pytest.mark.parametrize(
    "error", [SystemExit(0), RecursionError("deep"), MemoryError(), KeyError("k"), OSError("gone")]
)
def test_a_loader_that_ends_the_process_or_fails_in_any_way_fails_alone(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=2, datasets=(3,))
    load = FileLoader.load

    def failing(self: FileLoader, model: Model) -> object:
        if model.step == 0:
            raise error
        return load(self, model)

    monkeypatch.setattr(FileLoader, "load", failing)
    with pytest.raises(FailedUnits) as caught:
        run(study)
    assert [failure.model for failure in caught.value.failures] == ["m, step 0"]
    assert {step for step, *_ in stored_values(study)} == {100}


def test_code_that_ends_the_process_while_it_scores_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=2, datasets=(3,))
    score = WeightedSource.score

    def ending(self: WeightedSource, request: object) -> object:
        if self.weights == "weights 0":
            raise SystemExit(0)
        return score(self, request)  # type: ignore[arg-type]

    monkeypatch.setattr(WeightedSource, "score", ending)
    with pytest.raises(FailedUnits, match="SystemExit: 0"):
        run(study)
    assert {step for step, *_ in stored_values(study)} == {100}


@pytest.mark.parametrize("error", [FileNotFoundError("a file was removed meanwhile"), KeyError("k")])
def test_a_checkpoint_without_a_stamp_for_once_is_loaded(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=2, datasets=(3,))

    def failing(self: FileLoader, model: Model) -> str:
        raise error

    monkeypatch.setattr(FileLoader, "stamp", failing)
    run(study)
    assert {step for step, *_ in stored_values(study)} == {0, 100}


def test_a_data_set_without_files_fails_alone(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1, datasets=(3,))
    with pytest.raises(FailedUnits, match="'none' has no files"):
        run(replace(study, datasets=(*study.datasets, Dataset("none", ()))))
    assert len(stored_values(study)) == 2 * 3 * 2


def test_a_template_that_fails_takes_no_data_set_from_the_others(tmp_path: Path) -> None:
    templates = (NamedTemplate("plain"), NamedTemplate("bad", "{{ question }}{{ 1 // 0 }}"))
    study = small_study(tmp_path, models=1, datasets=(3,), templates=templates)
    with pytest.raises(FailedUnits) as caught:
        run(study)
    assert [(failure.template, failure.dataset) for failure in caught.value.failures] == [("bad", "d0")]
    assert len(stored_values(study)) == 3 * 2


def test_where_questions_may_be_skipped_the_first_one_may_be_too(tmp_path: Path) -> None:
    template = NamedTemplate("odd", "{{ question }}{% if 'Is 0' in question %}{{ 1 // 0 }}{% endif %}")
    skipping = Scoring(on_error="skip")
    study = small_study(tmp_path, models=1, datasets=(3,), templates=(template,), scoring=skipping)
    run(study)
    assert {question for _, _, _, question, _ in stored_values(study)} == {"q1", "q2"}


def test_a_run_still_names_the_questions_it_left_out_after_another_data_set_is_added(tmp_path: Path) -> None:
    template = NamedTemplate("odd", "{{ question }}{% if 'Is 0' in question %}{{ 1 // 0 }}{% endif %}")
    study = small_study(tmp_path, models=1, templates=(template,), scoring=Scoring(on_error="skip"))
    run(replace(study, datasets=study.datasets[:1]))
    run(study)
    folder = next((tmp_path / "out" / "runs").glob("*/*"))
    found = [(each.dataset, each.question_id) for each in skipped_questions(read_run(folder))]
    assert found == [("d0", "q0"), ("d1", "q0")]
    assert len((folder / "skipped.jsonl").read_text().splitlines()) == 2


def test_steps_that_are_one_place_on_a_curve_are_refused(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=3, datasets=(5,), templates=(NamedTemplate("plain"),))
    run(replace(study, models=tuple(replace(each, step=2**60 + i) for i, each in enumerate(study.models))))
    with pytest.raises(ValueError, match="two checkpoints of one curve"):
        curve(study.output)


def test_a_part_that_is_gone_is_told_with_what_to_do_and_that_helps(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1, datasets=(5,), templates=(NamedTemplate("plain"),))
    run(study)
    before = tidy(study.output)
    part = next((tmp_path / "out" / "runs").glob("*/*/part-*"))
    part.unlink()
    run(study)
    with pytest.raises(ValueError, match=r"remove the folder .* and run the sweep again") as caught:
        tidy(study.output)
    assert str(part.parent) in str(caught.value)
    shutil.rmtree(part.parent)
    run(study)
    assert tidy(study.output).equals(before)


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ({"models": [{}]}, r"models\[0\]\.key is missing"),
        ({"datasets": [{"name": "d0", "content_sha256": ""}]}, r"datasets\[0\]\.templates is missing"),
        ({"templates": [1]}, r"templates\[0\] is of type int"),
        ({"scoring": None}, "scoring is of type NoneType"),
    ],
)
def test_a_study_file_that_was_edited_is_an_error_that_names_the_entry(
    entries: dict[str, object], named: str, tmp_path: Path
) -> None:
    study = small_study(tmp_path, models=1, datasets=(3,))
    run(study)
    file = tmp_path / "out" / "study.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))
    with pytest.raises(ValueError, match=named):
        tidy(study.output)
