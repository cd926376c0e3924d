"""What a sweep tells whoever watches it."""

from __future__ import annotations

from collections.abc import Sequence

from pyscore.sweep.grid import Grid, Unit
from pyscore.sweep.unit import UnitResult

__all__ = ["Watch"]


class Watch:
    """Hears how a sweep goes on; this one keeps it to itself.

    The methods are called in one thread: that of the process that runs the sweep.
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

    def ended(self) -> None:
        """The sweep is over; nothing is heard after this."""
