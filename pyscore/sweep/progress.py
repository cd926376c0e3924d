"""How far a sweep is, on standard error: a bar on a terminal, a line a minute in a log."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pyscore.engine.progress import duration
from pyscore.sweep.tally import Standing, Tally
from pyscore.sweep.watch import Watch

if TYPE_CHECKING:
    from pyscore.sweep.grid import Grid, Unit
    from pyscore.sweep.unit import UnitResult

__all__ = ["Shown", "line_of"]


def line_of(standing: Standing) -> str:
    """Where a sweep stands, as one line."""
    parts = [
        f"{standing.checkpoints:,}/{standing.n_checkpoints:,} checkpoints",
        f"{standing.cells:,}/{standing.n_cells:,} cells",
        f"{standing.questions:,} questions",
    ]
    if standing.rate is not None:
        parts.append(f"{_rate(standing.rate)} a second")
    if standing.seconds_left:
        parts.append(f"about {duration(standing.seconds_left)} left")
    if standing.failures:
        parts.append(f"{standing.failures:,} failed")
    return ", ".join(parts)


class Shown(Watch):
    """Shows where a sweep stands; a line of a log is written at each tick, and one at the end if there was any.

    That a checkpoint is begun again is a line of its own.

    Args:
        tally: what is shown; it has to hear of everything before this does.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally, self._written = tally, False
        self._bar: Any = None

    def began(self, grid: Grid, units: Sequence[Unit]) -> None:
        if units and sys.stderr is not None and sys.stderr.isatty():
            self._bar = _bar()
            self._task = self._bar.add_task("", total=1)
            self._bar.start()
            self._update()

    def started(self, unit: Unit) -> None:
        self._update()

    def advanced(self, n_questions: float) -> None:
        self._update()

    def left(self, unit: Unit) -> None:
        self._update()

    def died(self, unit: Unit, reason: str, n_left: int) -> None:
        told = f"sweep: {unit.model.label} is begun again, at most {n_left} times more: {' '.join(reason.split())}"
        if self._bar is None:
            self._write(told)
        else:
            self._bar.console.print(told, markup=False, highlight=False)
        self._update()

    def done(self, unit: Unit, result: UnitResult) -> None:
        self._update()

    def ticked(self) -> None:
        if self._bar is None:
            self._write_standing()
            self._written = True
        self._update()

    def ended(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._written:
            self._write_standing()

    def _update(self) -> None:
        if self._bar is not None:
            standing = self._tally.standing()
            total = max(standing.n_questions, 1)
            self._bar.update(self._task, completed=standing.questions, total=total, description=line_of(standing))

    def _write_standing(self) -> None:
        self._write(f"sweep: {line_of(self._tally.standing())}")

    def _write(self, line: str) -> None:
        with suppress(OSError, ValueError, AttributeError):  # a log that can't be written, or is closed, ends no sweep
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    label = TextColumn("{task.description}", markup=False)
    return Progress(BarColumn(20), TaskProgressColumn(), label, console=Console(stderr=True), transient=True)


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
