"""What a sweep tells whoever watches it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what loads a model imports torch, and who only looks at a study needs none
    from pyscore.sweep.grid import Grid, Unit
    from pyscore.sweep.unit import UnitResult

__all__ = ["Watch", "Watches"]

_TICK_SECONDS = 60.0


class Watch:
    """Hears how a sweep goes on; this one keeps it to itself.

    The methods are called one at a time.
    """

    def began(self, grid: Grid, units: Sequence[Unit]) -> None:
        """A sweep begins: ``units`` are what it will try, of all that is missing in the grid."""

    def started(self, unit: Unit) -> None:
        """A unit is being worked on."""

    def advanced(self, n_questions: float) -> None:
        """So many questions more are done, those that were stored before counted."""

    def done(self, unit: Unit, result: UnitResult) -> None:
        """A unit is finished, whether it failed or not."""

    def left(self, unit: Unit) -> None:
        """A unit is left to another sweep, which works on it."""

    def died(self, unit: Unit, reason: str, n_left: int) -> None:
        """What worked on a unit was stopped; it is begun again, at most ``n_left`` times more."""

    def ticked(self) -> None:
        """Some time has passed, whether anything happened or not; only `Watches` calls this."""

    def ended(self) -> None:
        """The sweep is over; nothing is heard after this."""


class Watches(Watch):
    """Several watches as one, in their order.

    From `began` to `ended` a thread calls their `ticked` every so often, never while another of their methods runs:
    a checkpoint may take hours, in which nothing else is heard of it.

    Args:
        watches: what to tell.
        seconds: between two ticks.
    """

    def __init__(self, watches: Sequence[Watch], seconds: float = _TICK_SECONDS) -> None:
        self._watches, self._seconds = tuple(watches), seconds
        self._one_at_a_time, self._over = threading.RLock(), threading.Event()
        self._ticking: threading.Thread | None = None

    def began(self, grid: Grid, units: Sequence[Unit]) -> None:
        with self._one_at_a_time:
            for watch in self._watches:
                watch.began(grid, units)
        self._ticking = threading.Thread(target=self._tick, name="pyscore-watch", daemon=True)
        self._ticking.start()

    def started(self, unit: Unit) -> None:
        with self._one_at_a_time:
            for watch in self._watches:
                watch.started(unit)

    def advanced(self, n_questions: float) -> None:
        with self._one_at_a_time:
            for watch in self._watches:
                watch.advanced(n_questions)

    def done(self, unit: Unit, result: UnitResult) -> None:
        with self._one_at_a_time:
            for watch in self._watches:
                watch.done(unit, result)

    def left(self, unit: Unit) -> None:
        with self._one_at_a_time:
            for watch in self._watches:
                watch.left(unit)

    def died(self, unit: Unit, reason: str, n_left: int) -> None:
        with self._one_at_a_time:
            for watch in self._watches:
                watch.died(unit, reason, n_left)

    def ticked(self) -> None:
        with self._one_at_a_time:
            for watch in self._watches:
                watch.ticked()

    def ended(self) -> None:
        self._over.set()
        if self._ticking is not None:
            self._ticking.join()
        with self._one_at_a_time:
            for watch in self._watches:
                watch.ended()

    def _tick(self) -> None:
        while not self._over.wait(self._seconds):
            self.ticked()
