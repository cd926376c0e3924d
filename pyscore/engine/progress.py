"""How far a run is, on standard error: a bar on a terminal, a line every so often in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["Progress", "duration"]

_SECONDS = 30.0  # between two lines of a log


class Progress:
    """How many of ``total`` things are done, shown from here to the end of a ``with`` block.

    On a terminal it is a bar. Elsewhere it is a line of text every 30 seconds and, after the first of them, one at
    the end: a run that takes less says nothing. A function in place of ``enabled`` hears how many more are done, and
    nothing is shown.
    """

    def __init__(self, description: str, total: int, unit: str, enabled: bool | Callable[[float], None]) -> None:
        self._shown: _Bar | _Lines | None = None
        self._hears = enabled if callable(enabled) else None
        if enabled and self._hears is None and sys.stderr is not None:  # it is None in a program without a console
            kind = _Bar if sys.stderr.isatty() else _Lines
            self._shown = kind(description, total, unit)
        self._done = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._shown is not None:
            self._shown.stop(finished=kind is None)

    def share(self, count: int) -> Callable[[float], None]:
        """A function that moves on by a part of the next ``count`` things."""

        def advance(part: float) -> None:
            self._done += part * count
            if self._hears is not None:
                self._hears(part * count)
            if self._shown is not None:
                self._shown.show(self._done)

        return advance


class _Bar:
    def __init__(self, description: str, total: int, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        shown = TextColumn("{task.completed:.0f}/{task.total} " + unit, markup=False)
        label = TextColumn("{task.description}", markup=False)
        columns = (label, BarColumn(), TaskProgressColumn(), shown, TimeRemainingColumn())
        self._bar: Any = RichProgress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(description, total=total)
        self._bar.start()

    def show(self, done: float) -> None:
        self._bar.update(self._task, completed=done)

    def stop(self, *, finished: bool) -> None:
        self._bar.stop()


class _Lines:
    def __init__(self, description: str, total: int, unit: str) -> None:
        self._description, self._total, self._unit = description, total, unit
        self._done = self._written = 0.0
        self._begun = self._last = time.monotonic()

    def show(self, done: float) -> None:
        self._done = done
        now = time.monotonic()
        if now - self._last >= _SECONDS:
            self._last = now
            self._write(now - self._begun)

    def stop(self, *, finished: bool) -> None:
        if finished and 0 < self._written < self._done:
            self._write(time.monotonic() - self._begun)

    def _write(self, seconds: float) -> None:
        self._written = self._done
        rate = self._done / seconds if seconds > 0 else 0.0
        left = self._total - self._done
        rest = f"about {duration(left / rate)} left" if left >= 0.5 and rate else f"{duration(seconds)} taken"
        count = f"{self._done:.0f}/{self._total} {self._unit}"
        with suppress(OSError):  # a log that can't be written doesn't end a run
            sys.stderr.write(f"{self._description}: {count}, {rate:.3g} a second, {rest}\n")
            sys.stderr.flush()


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
