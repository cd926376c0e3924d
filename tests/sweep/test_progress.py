"""How far a sweep is: what is counted, and how it is told."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pyscore.sweep.failures import Failure
from pyscore.sweep.grid import Grid
from pyscore.sweep.progress import Shown, line_of
from pyscore.sweep.sweeps import FailedUnits, run
from pyscore.sweep.tally import Standing, Tally
from pyscore.sweep.unit import UnitResult
from pyscore.sweep.watch import Watch, Watches
from tests.sweep.fake_models import small_study

N = 2 * (7 + 5)  # questions of a checkpoint


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def begun(tmp_path: Path, clock: Clock) -> tuple[Tally, Grid]:
    grid = Grid.of(small_study(tmp_path, models=4))
    tally = Tally(clock)
    tally.began(grid, grid.units)
    return tally, grid


def test_time_left_follows_from_finished_checkpoints_with_their_loading(
    begun: tuple[Tally, Grid], clock: Clock
) -> None:
    tally, grid = begun
    assert tally.standing().seconds_left is None
    clock.now = 10.0
    tally.advanced(N)
    tally.done(grid.units[0], UnitResult("m", n_questions=N, seconds=10.0))
    found = tally.standing()
    assert (found.checkpoints, found.cells, found.questions) == (1, 4, N)
    assert found.rate == pytest.approx(N / 10)
    assert found.seconds_left == pytest.approx(30.0)


def test_before_the_first_checkpoint_is_finished_time_left_follows_from_questions(
    begun: tuple[Tally, Grid], clock: Clock
) -> None:
    tally, _ = begun
    clock.now = 10.0
    tally.advanced(N / 2)
    assert tally.standing().seconds_left == pytest.approx(70.0)


def test_checkpoints_that_run_side_by_side_shorten_the_time_left(begun: tuple[Tally, Grid], clock: Clock) -> None:
    tally, grid = begun
    clock.now = 10.0
    for unit in grid.units[:2]:
        tally.done(unit, UnitResult("m", n_questions=N, seconds=10.0))
    assert tally.standing().seconds_left == pytest.approx(10.0)


def test_a_checkpoint_begun_again_is_not_counted_twice(begun: tuple[Tally, Grid]) -> None:
    tally, grid = begun
    tally.advanced(20)
    tally.died(grid.units[0], "no space left", 2)
    tally.advanced(N)
    tally.done(grid.units[0], UnitResult("m", n_questions=N, seconds=1.0))
    assert tally.standing().questions == N


def test_failed_and_left_cells_are_not_counted_as_scored(begun: tuple[Tally, Grid]) -> None:
    tally, grid = begun
    everything, template, one = (
        (Failure("m", None, None, "x"),),
        (Failure("m", "plain", None, "x"),),
        (Failure("m", "plain", "d0", "x"),),
    )
    for unit, failures in zip(grid.units, (everything, template, one), strict=False):
        tally.done(unit, UnitResult("m", failures))
    tally.left(grid.units[3])
    found = tally.standing()
    assert (found.cells, found.cells_failed, found.cells_left, found.n_cells) == (0 + 2 + 3, 4 + 2 + 1, 4, 16)
    assert (found.failures, found.checkpoints, found.questions, found.seconds_left) == (3, 4, 4 * N, 0.0)


def test_a_line_says_what_is_known() -> None:
    numbers = {"checkpoints": 12, "n_checkpoints": 150, "cells": 1234, "n_cells": 20250, "questions": 56789}
    assert line_of(Standing(**numbers)) == "12/150 checkpoints, 1,234/20,250 cells, 56,789 questions"
    told = Standing(**numbers, rate=123.4, seconds_left=5025.0, failures=2)
    assert line_of(told).endswith("56,789 questions, 123 a second, about 1:23:45 left, 2 failed")


def test_a_log_gets_a_line_a_tick_and_one_at_the_end(begun: tuple[Tally, Grid], capsys: Any) -> None:
    tally, grid = begun
    shown = Shown(tally)
    shown.began(grid, grid.units)
    shown.advanced(3)
    assert capsys.readouterr().err == ""
    shown.ticked()
    shown.ended()
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == ["sweep: 0/4 checkpoints, 0/16 cells, 0 questions"] * 2


def test_a_checkpoint_begun_again_is_a_line_of_its_own(begun: tuple[Tally, Grid], capsys: Any) -> None:
    tally, grid = begun
    Shown(tally).died(grid.units[0], "the bucket\ncan't be reached", 2)
    line = "sweep: m, step 0 is begun again, at most 2 times more: the bucket can't be reached\n"
    assert capsys.readouterr().err == line


def test_a_short_sweep_writes_no_line(begun: tuple[Tally, Grid], capsys: Any) -> None:
    shown = Shown(begun[0])
    shown.began(begun[1], begun[1].units)
    shown.ended()
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(begun: tuple[Tally, Grid], capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tally, grid = begun
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    shown = Shown(tally)
    shown.began(grid, grid.units)
    tally.done(grid.units[0], UnitResult("m", n_questions=N, seconds=1.0))
    shown.done(grid.units[0], UnitResult("m"))
    shown.ended()
    assert "1/4 checkpoints" in capsys.readouterr().err


def test_watches_tick_until_the_sweep_is_over_and_never_two_at_once(tmp_path: Path) -> None:
    class Counting(Watch):
        inside = 0
        most = 0
        ticks = 0
        enough = threading.Event()

        def ticked(self) -> None:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.ticks += 1
            if self.ticks >= 3:
                self.enough.set()
            self.inside -= 1

        def started(self, unit: object) -> None:
            self.inside += 1
            self.enough.wait(0.05)
            self.most = max(self.most, self.inside)
            self.inside -= 1

    watch = Counting()
    watches = Watches([watch], seconds=0.001)
    grid = Grid.of(small_study(tmp_path))
    watches.began(grid, grid.units)
    assert watch.enough.wait(30)
    watches.started(grid.units[0])
    watches.ended()
    before = watch.ticks
    assert watch.most == 1
    assert not any(thread.name == "pyscore-watch" for thread in threading.enumerate())
    assert watch.ticks == before


def test_every_watch_hears_all_in_order(tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []

    class Listing(Watch):
        def __init__(self, name: str) -> None:
            self.name = name

        def began(self, grid: Grid, units: Sequence[Any]) -> None:
            heard.append((self.name, "began"))

        def started(self, unit: Any) -> None:
            heard.append((self.name, "started"))

        def done(self, unit: Any, result: UnitResult) -> None:
            heard.append((self.name, "done"))

        def ended(self) -> None:
            heard.append((self.name, "ended"))

    study = small_study(tmp_path, models=2)
    (tmp_path / "m1").write_text("!broken")
    with pytest.raises(FailedUnits):
        run(study, watch=Watches([Listing("a"), Listing("b")]))
    expected = ["began", "started", "done", "started", "done", "ended"]
    assert heard == [(name, event) for event in expected for name in "ab"]


def test_what_a_failed_checkpoint_took_tells_nothing_of_the_others(begun: tuple[Tally, Grid], clock: Clock) -> None:
    tally, grid = begun
    clock.now = 1.0
    failure = Failure("m", "plain", "d0", "x")
    tally.done(grid.units[0], UnitResult("m", (failure,), n_questions=N, seconds=0.5))
    tally.done(grid.units[1], UnitResult("m", n_questions=N, seconds=10.0))
    clock.now = 10.5
    assert tally.standing().seconds_left == pytest.approx(20.0)
    assert tally.standing().questions_run == 2 * N
