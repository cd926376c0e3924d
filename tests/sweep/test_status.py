"""How far a study is, told by its folder alone, while others work on it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pyscore.store.files import locate
from pyscore.store.local_files import LocalPlace
from pyscore.store.studies import StudyFolder
from pyscore.sweep.claims import Holder, claim_of, claimed, holder_of
from pyscore.sweep.events import EventLog
from pyscore.sweep.grid import Grid
from pyscore.sweep.status import Status, Working, status_of
from pyscore.sweep.study import Scoring
from pyscore.sweep.sweeps import FailedUnits, Shard, run
from pyscore.sweep.tally import Tally
from pyscore.sweep.watch import Watch, Watches
from tests.store import stores
from tests.sweep.fake_models import small_study


def test_stored_and_missing_cells_are_those_of_the_grid(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=3)
    run(study, shard=Shard(2, 3))
    found = status_of(study.output)
    grid = Grid.of(study)
    assert (found.n_cells, found.n_cells - found.n_stored) == (grid.n_cells, grid.n_missing) == (12, 8)
    assert [(group.label, group.stored, group.missing) for group in found.groups] == [
        ("m, step 0", 0, 4),
        ("m, step 100", 4, 0),
        ("m, step 200", 0, 4),
    ]
    assert (found.working, found.sweeps, found.failures) == ([], [], [])
    assert json.loads(json.dumps(found.to_dict()))["stored"] == 4


def test_many_checkpoints_are_told_by_family_and_size(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=13)
    run(study, shard=Shard(1, 4))
    (group,) = status_of(study.output).groups
    assert (group.label, group.family, group.size, group.checkpoints) == (None, "f", 1e6, 13)
    assert (group.cells, group.stored) == (13 * 4, 4 * 4)


def test_failures_are_told_until_they_are_mended(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    (tmp_path / "m1").write_text("!no such weights")
    with pytest.raises(FailedUnits):
        run(study)
    found = status_of(study.output)
    assert [str(failure) for failure in found.failures] == ["m, step 100: no such weights"]
    assert [group.failed for group in found.groups] == [0, 1, 0]
    (tmp_path / "m1").write_text("weights 1")
    run(small_study(tmp_path))
    assert status_of(study.output).failures == []


def test_cells_with_questions_that_can_not_be_scored_are_missing_unless_they_may_be_skipped(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1)
    path = Path(study.datasets[0].files[0])
    path.write_text(path.read_text().replace("Is 3 odd?", "x" * 1000))
    with pytest.raises(FailedUnits):
        run(study)
    assert status_of(study.output).n_stored == 2
    run(small_study_of(tmp_path, path.read_text()))
    assert status_of(study.output).n_stored == 4


def small_study_of(folder: Path, questions: str) -> Any:
    study = small_study(folder, models=1, scoring=Scoring(on_error="skip"))
    Path(study.datasets[0].files[0]).write_text(questions)
    return study


class Asking(Watch):
    """Asks for the status while a checkpoint is scored."""

    def __init__(self, output: str) -> None:
        self.output, self.found = output, list[Status]()

    def advanced(self, n_questions: float) -> None:
        self.found.append(status_of(self.output))


def test_a_running_sweep_is_seen_with_what_it_works_on(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=2)
    asking, tally = Asking(study.output), Tally()
    run(study, watch=Watches([tally, EventLog(StudyFolder(study.output), tally), asking]))
    mine = (socket.gethostname(), os.getpid(), True)
    assert {each for found in asking.found for each in found.working} == {
        Working("m, step 0", *mine),
        Working("m, step 100", *mine),
    }
    assert all(len(found.sweeps) == 1 for found in asking.found)
    assert asking.found[-1].sweeps[0].standing["n_checkpoints"] == 2
    after = status_of(study.output)
    assert (after.working, after.sweeps, after.n_stored) == ([], [], 8)


def test_a_sweep_that_was_silent_for_long_is_not_under_way(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    grid, tally = Grid.of(study), Tally()
    StudyFolder(study.output).write(study.to_dict())
    log = EventLog(StudyFolder(study.output), tally)
    log.began(grid, grid.units)
    now = datetime.now(timezone.utc)
    assert len(status_of(study.output, now).sweeps) == 1
    assert status_of(study.output, now + timedelta(minutes=6)).sweeps == []


def test_asking_takes_no_lock_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = small_study(tmp_path)
    run(study)
    claim = claim_of(StudyFolder(study.output), study.folder_of(study.models[0]))

    def files() -> Sequence[tuple[str, int]]:
        return sorted((str(path), path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))

    with claimed(claim, "another"):
        before = files()
        monkeypatch.setattr(LocalPlace, "lock", lambda self: pytest.fail("a lock was tried"))
        assert [each.model for each in status_of(study.output).working] == ["m, step 0"]
        assert files() == before
        monkeypatch.undo()


def test_a_killed_process_holds_no_claim_though_its_file_is_there(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pyscore.sweep.claims import claimed; from pyscore.store.files import locate\n"
        "with claimed(locate(sys.argv[1]), 'x'): os._exit(9)"
    )
    path = tmp_path / "claim"
    subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert path.exists()
    assert holder_of(locate(path)) is None
    with claimed(locate(path), "me") as mine:
        assert mine
        assert holder_of(locate(path)) == Holder(socket.gethostname(), os.getpid(), True)
    assert holder_of(locate(path)) is None


def test_of_a_lock_on_another_machine_it_is_not_known_whether_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "claim"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 7}))
    assert holder_of(locate(path)) == Holder("elsewhere", 7, None)
    with claimed(locate(path), "me") as mine:
        assert mine  # what the file says is for people: the lock alone decides


def test_a_claim_with_a_lease_is_held_until_it_ends() -> None:
    stores.register()
    try:
        place = locate("memory://claim")
        with claimed(place, "me") as mine:
            assert mine
            assert holder_of(place) == Holder(socket.gethostname(), os.getpid(), True)
        assert holder_of(place) is None
        place.create(json.dumps({"owner": "x", "host": "h", "pid": 1, "until": 1.0}).encode())
        assert holder_of(place) is None
    finally:
        stores.clear()


def test_no_study_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no study in"):
        status_of(tmp_path / "none")
