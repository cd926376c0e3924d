"""A study is scored exactly once, whatever stops it and whatever changes."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pyscore.sweep.claims import claim_of, claimed
from pyscore.sweep.grid import Grid
from pyscore.sweep.study import Dataset, NamedTemplate, Scoring
from pyscore.sweep.sweeps import FailedUnits, Shard, run
from tests.sweep.fake_models import n_loads, n_scored, questions_file, small_study, stored_values

CELLS = 3 * 2 * (7 + 5) * 2  # checkpoints, templates, questions, answers


def test_every_cell_is_scored_once_and_each_checkpoint_is_loaded_once(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    assert (n_scored(study), n_loads(study), len(stored_values(study))) == (CELLS, 3, CELLS)


def test_a_finished_study_loads_nothing(tmp_path: Path) -> None:
    run(small_study(tmp_path))
    again = small_study(tmp_path)
    run(again)
    assert (n_scored(again), n_loads(again)) == (CELLS, 3)
    assert Grid.of(again).units == []


def test_values_are_those_of_each_checkpoint_under_each_template(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    found = stored_values(study)
    assert len({found[step, t, "d0", "q1", " Yes"] for step in (0, 100, 200) for t in ("plain", "hint")}) == 6


def test_changed_weights_are_scored_again_and_replace_the_old_rows(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    before = stored_values(study)
    (tmp_path / "m1").write_text("other weights")
    run(small_study(tmp_path))
    after = stored_values(study)
    assert n_scored(study) == CELLS + CELLS // 3
    assert {key[0] for key in before if after[key] != before[key]} == {100}


def test_touched_but_equal_weights_are_loaded_and_not_scored(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    os.utime(tmp_path / "m1", ns=(1, 1))
    run(small_study(tmp_path))
    assert (n_scored(study), n_loads(study)) == (CELLS, 4)
    run(small_study(tmp_path))
    assert n_loads(study) == 4


def test_weights_that_come_back_bring_their_rows_back(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    before = stored_values(study)
    for text in ("other weights", "weights 1"):
        (tmp_path / "m1").write_text(text)
        run(small_study(tmp_path))
    assert n_scored(study) == CELLS + CELLS // 3
    assert stored_values(study) == before


def test_an_edited_question_alone_is_scored_again(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    path = Path(study.datasets[0].files[0])
    path.write_text(path.read_text().replace("Is 3 odd?", "Is 33 odd?"))
    edited = replace(study, datasets=(Dataset("d0", (str(path),)), *study.datasets[1:]))
    run(edited)
    assert n_scored(study) == CELLS + 3 * 2 * 2
    assert len(stored_values(edited)) == CELLS


def test_a_limit_that_is_lowered_and_raised_scores_nothing_again(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    before = stored_values(study)
    fewer = replace(study, datasets=tuple(replace(each, limit=3) for each in study.datasets))
    run(fewer)
    assert len(stored_values(fewer)) == 3 * 2 * (3 + 3) * 2
    run(small_study(tmp_path))
    assert (n_scored(study), stored_values(study)) == (CELLS, before)


def test_data_sets_and_templates_are_added_without_scoring_the_others_again(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    more = replace(
        study,
        datasets=(*study.datasets, Dataset("d2", (questions_file(tmp_path, "d2", 4),))),
        templates=(*study.templates, NamedTemplate("again", "{{ question }} Again:")),
    )
    run(more)
    assert n_scored(study) == len(stored_values(more)) == 3 * 3 * (7 + 5 + 4) * 2


def test_a_data_set_may_be_scored_under_some_templates_only(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    limited = replace(study, datasets=(replace(study.datasets[0], templates=("hint",)), study.datasets[1]))
    run(limited)
    assert n_scored(study) == len(stored_values(limited)) == 3 * (7 + 2 * 5) * 2


def test_a_checkpoint_that_does_not_load_is_reported_at_the_end_and_the_rest_is_scored(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    (tmp_path / "m1").write_text("!no such weights")
    with pytest.raises(FailedUnits, match="m, step 100: no such weights"):
        run(study)
    assert len(stored_values(study)) == CELLS * 2 // 3
    (tmp_path / "m1").write_text("weights 1")
    (tmp_path / "m2").write_text("changed, which is not what is asked for")
    run(small_study(tmp_path), retry_failed=True)
    assert (len(stored_values(study)), n_scored(study)) == (CELLS, CELLS)


def test_a_data_set_that_can_not_be_read_fails_alone(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    Path(study.datasets[0].files[0]).write_text("{\n")
    with pytest.raises(FailedUnits, match=r"d0: .*d0.jsonl, object 1 from line 1"):
        run(study)
    assert len(stored_values(study)) == 3 * 2 * 5 * 2


def test_a_data_set_with_a_question_that_can_not_be_scored_fails_alone_unless_it_may_be_skipped(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    path = Path(study.datasets[0].files[0])
    path.write_text(path.read_text().replace("Is 3 odd?", "x" * 1000))
    with pytest.raises(FailedUnits) as caught:
        run(study)
    assert {(each.dataset, each.template) for each in caught.value.failures} == {("d0", "plain"), ("d0", "hint")}
    assert "1 questions can't be scored, the first is 'q3'" in caught.value.failures[0].reason
    skipping = replace(study, scoring=Scoring(on_error="skip"))
    run(skipping)
    assert n_scored(study) == len(stored_values(skipping)) == CELLS - 3 * 2 * 2


def test_shards_are_disjoint_and_together_the_whole(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=5)
    for i in (3, 1, 2):
        run(study, shard=Shard(i, 3))
    assert n_scored(study) == len(stored_values(study)) == 5 * 2 * 12 * 2
    assert n_loads(study) == 5


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "-1/2"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="shard"):
        Shard.parse(text)


def test_a_checkpoint_that_another_sweep_works_on_is_left_to_it(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study, shard=Shard(1, 3))
    from pyscore.store.studies import StudyFolder

    claim = claim_of(StudyFolder(study.output), study.folder_of(study.models[1]))
    with claimed(claim, "another") as mine:
        assert mine
        run(study)
    assert {key[0] for key in stored_values(study)} == {0, 200}
    run(study)
    assert len(stored_values(study)) == CELLS


def test_without_resume_a_study_that_is_there_is_refused(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study, resume=False)
    with pytest.raises(FileExistsError, match="has a study already"):
        run(study, resume=False)


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("x")
    with pytest.raises(FileExistsError, match=r"thesis\.tex"):
        run(study)
    assert os.listdir(tmp_path / "out") == ["thesis.tex"]


def test_a_removed_run_is_scored_again(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    before = stored_values(study)
    checkpoint = tmp_path / "out" / "runs" / study.folder_of(study.models[0])
    shutil.rmtree(checkpoint)
    run(small_study(tmp_path))
    assert stored_values(study) == before


def test_the_study_file_names_what_the_grid_is_of(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    found = json.loads((tmp_path / "out" / "study.json").read_text())
    assert [model["step"] for model in found["models"]] == [0, 100, 200]
    assert [(each["name"], each["questions"]) for each in found["datasets"]] == [("d0", 7), ("d1", 5)]


def test_a_study_that_lost_its_file_goes_on_with_its_runs(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    (tmp_path / "m1").write_text("!no such weights")
    with pytest.raises(FailedUnits):
        run(study)
    (tmp_path / "out" / "study.json").unlink()
    (tmp_path / "m1").write_text("weights 1")
    run(study)
    assert n_scored(study) == len(stored_values(study)) == CELLS


def test_a_checkpoint_that_was_moved_is_loaded_and_not_scored_again(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    before = stored_values(study)
    moved = tmp_path / "archive"
    moved.mkdir()
    shutil.move(tmp_path / "m1", moved / "m1")
    run(replace(study, models=(study.models[0], replace(study.models[1], path=str(moved / "m1")), study.models[2])))
    assert (moved / "m1.loads").exists()
    assert not (moved / "m1.chunks").exists()
    assert stored_values(study) == before


def test_other_options_are_scored_beside_the_old_ones_which_come_back_with_them(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    run(study)
    again = small_study(tmp_path, options={"dtype": "float32"})
    run(again)
    assert (n_scored(study), len(stored_values(again))) == (2 * CELLS, CELLS)
    run(study)
    assert (n_scored(study), Grid.of(study).units) == (2 * CELLS, [])
