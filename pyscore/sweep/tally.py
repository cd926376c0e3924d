"""How far a sweep is: what was done of what it tries, and how long the rest takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyscore.sweep.estimate import Measured, Pace
from pyscore.sweep.watch import Watch

if TYPE_CHECKING:
    from pyscore.sweep.grid import Grid, Unit
    from pyscore.sweep.unit import UnitResult

__all__ = ["Standing", "Tally"]


@dataclass(frozen=True)
class Standing:
    """Where a sweep stands; all numbers are of what this sweep tries.

    Attributes:
        checkpoints, n_checkpoints: those that are finished, failed ones and those left to others among them, of all.
        cells, n_cells: those that are scored, of all.
        questions, n_questions: those that are done, of all; stored ones, and those of checkpoints that failed, count.
        questions_run: those that weren't stored before; some of them may not have been scored.
        failures: what failed, a data set or a checkpoint each.
        cells_failed, cells_left: cells that could not be scored; cells of checkpoints that another sweep works on.
        seconds: since the sweep began.
        rate: questions run a second, loading included; None at the beginning.
        seconds_left: about how long the rest takes; None where nothing tells yet.
    """

    checkpoints: int = 0
    n_checkpoints: int = 0
    cells: int = 0
    n_cells: int = 0
    questions: int = 0
    n_questions: int = 0
    questions_run: int = 0
    failures: int = 0
    cells_failed: int = 0
    cells_left: int = 0
    seconds: float = 0.0
    rate: float | None = None
    seconds_left: float | None = None


class Tally(Watch):
    """Counts what a sweep does.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._to_do: dict[str, tuple[float | None, int]] = {}  # size and questions, by label
        self._checkpoints = self._n_checkpoints = self._cells = self._n_cells = self._n_questions = 0
        self._failures = self._cells_failed = self._cells_left = self._finished_questions = 0
        self._run = 0
        self._advanced = 0.0  # questions of units that aren't finished
        self._measured: list[Measured] = []

    def began(self, grid: Grid, units: Sequence[Unit]) -> None:
        self._begun = self._clock()
        self._to_do = {unit.model.label: (unit.model.size, unit.n_questions(grid.study)) for unit in units}
        self._n_checkpoints, self._n_cells = len(units), sum(map(_n_cells, units))
        self._n_questions = sum(n for _, n in self._to_do.values())
        self._failures = len(grid.unreadable)

    def advanced(self, n_questions: float) -> None:
        self._advanced += n_questions

    def died(self, unit: Unit, reason: str, n_left: int) -> None:
        self._advanced = 0.0  # what it had stored is passed on once more

    def left(self, unit: Unit) -> None:
        self._cells_left += _n_cells(unit)
        self._finish(unit)

    def done(self, unit: Unit, result: UnitResult) -> None:
        failed = _n_failed(unit, result)
        self._failures += len(result.failures)
        self._cells_failed += failed
        self._cells += _n_cells(unit) - failed
        self._run += result.n_questions
        if not result.failures:  # failing takes another time than scoring
            self._measured.append(Measured(unit.model.size, result.n_questions, result.seconds))
        self._finish(unit)

    def standing(self) -> Standing:
        """Where the sweep stands now."""
        seconds = self._clock() - self._begun
        questions = min(self._finished_questions + round(self._advanced), self._n_questions)
        running = self._run + round(self._advanced)
        return Standing(
            self._checkpoints,
            self._n_checkpoints,
            self._cells,
            self._n_cells,
            questions,
            self._n_questions,
            self._run,
            self._failures,
            self._cells_failed,
            self._cells_left,
            seconds,
            running / seconds if running and seconds > 0 else None,
            self._seconds_left(questions, seconds),
        )

    def _finish(self, unit: Unit) -> None:
        self._checkpoints += 1
        self._finished_questions += self._to_do.pop(unit.model.label, (None, 0))[1]
        self._advanced = 0.0

    def _seconds_left(self, questions: int, seconds: float) -> float | None:
        """By the pace of finished units, as many at a time as so far; before there is one, by questions alone."""
        if not self._to_do:
            return 0.0
        pace = Pace(self._measured)
        if not pace.n_measured:
            return seconds * (self._n_questions / questions - 1) if questions else None
        spent = sum(each.seconds for each in self._measured)
        expected = sum(pace.seconds(*each) or 0.0 for each in self._to_do.values())
        at_a_time = max(1.0, spent / seconds) if seconds > 0 else 1.0
        under_way = pace.seconds(None, self._advanced) or 0.0
        return max(0.0, expected - under_way) / at_a_time


def _n_cells(unit: Unit) -> int:
    return sum(map(len, unit.missing.values()))


def _n_failed(unit: Unit, result: UnitResult) -> int:
    """How many cells of a unit could not be scored."""
    cells = {(template, name) for template, names in unit.missing.items() for name in names}
    return sum(
        any(each.template in (None, template) and each.dataset in (None, name) for each in result.failures)
        for template, name in cells
    )
