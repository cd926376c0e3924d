"""The log of a sweep says what happened, and what came out."""

from __future__ import annotations

import json
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pyscore.results import summarize_rows
from pyscore.store import read_run
from pyscore.store.local_files import LocalPlace
from pyscore.store.studies import StudyFolder
from pyscore.sweep import events
from pyscore.sweep.estimate import Measured
from pyscore.sweep.events import EventLog, last_words, measured
from pyscore.sweep.grid import Grid
from pyscore.sweep.study import Study
from pyscore.sweep.sweeps import FailedUnits, run
from pyscore.sweep.tally import Tally
from pyscore.sweep.watch import Watches
from tests.store import stores
from tests.sweep.fake_models import small_study

N = 2 * (7 + 5)


def logged(study: Study) -> list[dict[str, Any]]:
    """Run a study; all events of its folder, in order of the logs' names."""
    folder, tally = StudyFolder(study.output), Tally()
    with suppress(FailedUnits):
        run(study, watch=Watches([tally, EventLog(folder, tally)]))
    return all_events(folder)


def all_events(folder: StudyFolder) -> list[dict[str, Any]]:
    found = []
    for name in (folder.place / "events").names():
        with (folder.place / "events" / name).open() as file:
            found += [json.loads(line) for line in file.read().splitlines()]
    return found


def kinds(found: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in found]


def test_a_sweep_is_told_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    found = logged(small_study(tmp_path, models=2))
    each = ["started", *["scored"] * 4, "done", "progress"]
    assert kinds(found) == ["began", *each, *each, "ended"]
    assert [event["time"] for event in found] == sorted(event["time"] for event in found)
    assert (found[-1]["cells"], found[-1]["n_cells"], found[-1]["questions"]) == (8, 8, 2 * N)


def test_headline_numbers_are_those_of_the_rows(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=1)
    found = {(e["template"], e["dataset"]): e for e in logged(study) if e["event"] == "scored"}
    folder = StudyFolder(study.output)
    for cell in folder.cells():
        assert cell.run is not None
        rows = read_run(folder.run_path(cell.run.name))
        summary = next(s for s in summarize_rows(rows) if s.dataset == cell.dataset["name"]).summary
        told = found[cell.template["name"], cell.dataset["name"]]
        assert told["n_questions"] == summary.n_questions
        for name in ("mean_probability", "preference_rate"):
            estimate = getattr(summary, name)
            assert list(told[name].values()) == pytest.approx([estimate.value, estimate.low, estimate.high], rel=1e-12)


def test_failures_are_told_with_their_reasons(tmp_path: Path) -> None:
    study = small_study(tmp_path, models=2)
    (tmp_path / "m1").write_text("!no such weights")
    Path(study.datasets[0].files[0]).write_text("{\n")
    failed = [event for event in logged(study) if event["event"] == "failed"]
    assert [(event.get("model"), event["dataset"]) for event in failed] == [(None, "d0"), ("m, step 100", None)]
    assert "d0.jsonl, object 1 from line 1" in failed[0]["reason"] and failed[1]["reason"] == "no such weights"


def test_each_sweep_has_a_log_of_its_own(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    logged(study)
    assert kinds(logged(small_study(tmp_path)))[-2:] == ["began", "ended"]
    assert len((StudyFolder(study.output).place / "events").names()) == 2


@pytest.mark.parametrize("segment", [2**20, 500])
def test_behind_a_url_lines_are_written_once_a_minute_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment: int
) -> None:
    stores.register()
    monkeypatch.setattr(events, "_SEGMENT", segment)
    study = small_study(tmp_path, models=2, output=f"memory://{tmp_path.name}-{segment}")
    try:
        found = logged(study)
        names = (StudyFolder(study.output).place / "events").names()
        last = last_words(StudyFolder(study.output))
    finally:
        stores.clear()
    assert kinds(found)[0] == "began" and kinds(found)[-1] == "ended" and kinds(found).count("scored") == 8
    assert (len(names) == 1) == (segment == 2**20)
    assert [event["event"] for event in last] == ["ended"]


def test_the_last_words_of_a_log_are_found_behind_a_line_that_a_killed_process_has_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path, models=2)
    logged(study)
    (log,) = (tmp_path / "out" / "events").iterdir()
    lines = log.read_text().splitlines(keepends=True)
    at = max(i for i, line in enumerate(lines) if '"progress"' in line)
    log.write_text("".join(lines[: at + 1]) + lines[1] * 20 + lines[-1][:50])
    monkeypatch.setattr(events, "_TAIL", 64)
    (found,) = last_words(StudyFolder(study.output))
    assert {name: value for name, value in found.items() if name != "log"} == json.loads(lines[at])
    assert found["log"] == log.name


def test_what_checkpoints_took_is_read_back_from_all_logs(tmp_path: Path) -> None:
    logged(small_study(tmp_path, models=2))
    logged(small_study(tmp_path, models=3))
    found = measured(StudyFolder(tmp_path / "out"))
    assert [(each.size, each.n_questions) for each in found] == [(1e6, N)] * 3
    assert all(isinstance(each, Measured) and each.seconds > 0 for each in found)
    assert measured(StudyFolder(tmp_path / "none")) == []


def test_a_log_that_can_not_be_written_is_told_once_and_ends_no_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: EventLog, place: LocalPlace, content: bytes) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(EventLog, "_append", full)
    study = small_study(tmp_path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        logged(study)
    assert [str(each.message) for each in told] == [
        "the events of this sweep can't be written: no space left on device"
    ]
    assert Grid.of(study).units == []
