"""A study in this process that is killed, and whose disk is full or read-only, loses and doubles nothing."""

from __future__ import annotations

import errno
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from pyscore.store.studies import StudyFolder
from pyscore.sweep import local
from pyscore.sweep.study import NamedTemplate, Resources, Scoring, Study
from pyscore.sweep.sweeps import run
from tests.sweep.fake_models import n_loads, n_scored, small_study, stored_values
from tests.sweep.kills import begin

MODELS, QUESTIONS, CHUNK = 3, 10, 2
CELLS = MODELS * QUESTIONS * 2
IN_FLIGHT = 2 * CHUNK * 2  # answers of the chunk that runs and of the one that is written

if os.name != "posix":
    pytest.skip("processes are killed as on POSIX systems", allow_module_level=True)


def study_in(folder: Path, seconds: float = 0.0, **changes: Any) -> Study:
    return small_study(
        folder,
        models=MODELS,
        datasets=(QUESTIONS,),
        templates=(NamedTemplate("plain"),),
        scoring=Scoring(chunk_questions=CHUNK),
        options={"seconds": seconds},
        **changes,
    )


@pytest.fixture
def values(tmp_path: Path) -> dict[tuple[Any, ...], float]:
    """What the study gives that nothing stops."""
    study = study_in(tmp_path / "whole")
    run(study)
    assert n_scored(study) == CELLS
    return stored_values(study)


def test_a_sweep_killed_at_random_moments_scores_again_what_was_in_flight(tmp_path: Path, values: Any) -> None:
    study, moments, kills = study_in(tmp_path / "killed", 0.02), random.Random(0), 0
    for _ in range(6):
        process, before = begin(study), n_scored(study)
        wanted = before + moments.randint(1, 20)
        while n_scored(study) < wanted and process.is_alive():
            time.sleep(0.005)
        process.kill()
        process.join()
        kills += process.exitcode != 0
    assert kills > 2
    run(study)
    assert stored_values(study) == values
    assert n_scored(study) <= CELLS + kills * IN_FLIGHT


def test_two_sweeps_at_once_score_each_cell_once(tmp_path: Path, values: Any) -> None:
    study = study_in(tmp_path / "two", 0.02)
    both = [begin(study) for _ in range(2)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert (n_scored(study), n_loads(study)) == (CELLS, MODELS)
    run(study)
    assert stored_values(study) == values


def test_a_disk_that_is_full_now_and_then_costs_what_was_in_flight(
    tmp_path: Path, values: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, chance, failed = os.fsync, random.Random(1), []

    def fsync(handle: int) -> None:
        if chance.random() < 0.1:
            failed.append(handle)
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    study = study_in(tmp_path / "full", resources=Resources(max_retries=100))
    monkeypatch.setattr(local, "_WAIT_SECONDS", 0.0)
    StudyFolder(study.output).write(study.to_dict())
    monkeypatch.setattr("os.fsync", fsync)
    run(study)
    assert len(failed) > 2
    assert stored_values(study) == values
    assert n_scored(study) <= CELLS + len(failed) * IN_FLIGHT


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_stays_full_or_read_only_ends_the_sweep_which_then_goes_on(
    tmp_path: Path, values: Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(local, "_WAIT_SECONDS", 0.0)
    study, left = study_in(tmp_path / "full"), [20]  # what can be written until the disk is full
    sync = os.fsync

    def fsync(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(number, os.strerror(number))
        sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fsync)
        with pytest.raises(OSError, match=os.strerror(number)):
            run(study)
    assert 0 < n_scored(study) < CELLS
    run(study)
    assert stored_values(study) == values
    assert n_scored(study) <= CELLS + (1 + study.resources.max_retries) * IN_FLIGHT
