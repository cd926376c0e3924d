"""The folder of a study, and what reading it keeps in memory."""

from __future__ import annotations

from pathlib import Path

from pyscore.store.studies import StudyFolder
from tools.study_scale import pretend_scored, study_of


def test_runs_that_say_the_same_of_their_data_sets_keep_it_once(tmp_path: Path) -> None:
    study = study_of(tmp_path, 3, 2, 1)
    pretend_scored(study, 1.0)
    runs = StudyFolder(study.output).runs()
    assert len(runs) == 3 * 2
    assert all(run.holds({"name": "d1", "content_sha256": study.datasets[1].content_sha256}) for run in runs)
    # Each thread reads both runs of a checkpoint, the second of which finds what the first says.
    assert len({id(run.manifest["datasets"]) for run in runs}) <= 3
