"""The folder of a study, and what reading it keeps in memory."""

from __future__ import annotations

from pathlib import Path

from pyscore.store.studies import StudyFolder
from tests.sweep.fake_models import small_study
from tools.study_scale import pretend_scored, study_of


def test_runs_that_say_the_same_of_their_data_sets_keep_it_once(tmp_path: Path) -> None:
    study = study_of(tmp_path, 3, 2, 1)
    pretend_scored(study, 1.0)
    other = small_study(tmp_path / "other")
    for each in other.models:  # neither are files of no run any run
        StudyFolder(study.output).run_path(f"{other.folder_of(each)}/plain")
    runs = StudyFolder(study.output).runs()
    assert len(runs) == 3 * 2
    assert all(run.holds({"name": "d1", "content_sha256": study.datasets[1].content_sha256}) for run in runs)
    assert len({id(run.manifest["datasets"]) for run in runs}) < len(runs)
