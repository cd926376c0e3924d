"""How long checkpoints take, told by those that were scored already."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Measured", "Pace"]


class Measured(NamedTuple):
    """What a checkpoint took.

    Attributes:
        size: number of parameters; None where it isn't known.
        n_questions: how many questions ran.
        seconds: loading included.
    """

    size: float | None
    n_questions: int
    seconds: float


class _Line(NamedTuple):
    """seconds = loading + per_question * questions."""

    loading: float
    per_question: float

    def at(self, n_questions: float) -> float:
        return self.loading + self.per_question * n_questions


class Pace:
    """Seconds by the size of a checkpoint and the number of questions.

    For each size, a line through what was measured: loading takes as long for few questions as for many. Where all
    checkpoints of a size had as many questions, loading can't be told from scoring, and seconds are in proportion to
    questions. Between two sizes, logarithms of seconds are interpolated; beyond the measured ones, seconds are in
    proportion to the size; a checkpoint of unknown size takes what all of them took together.

    Args:
        measured: what is known; checkpoints of which no question ran say nothing.
    """

    def __init__(self, measured: Iterable[Measured]) -> None:
        told = [each for each in measured if each.n_questions > 0 and each.seconds > 0]
        self.n_measured = len(told)
        self._all = _line(told) if told else None
        by_size: dict[float, list[Measured]] = {}
        for each in told:
            if each.size:
                by_size.setdefault(each.size, []).append(each)
        self._lines = {size: _line(own) for size, own in sorted(by_size.items())}

    def seconds(self, size: float | None, n_questions: float) -> float | None:
        """How long a checkpoint takes; None where nothing was measured."""
        if self._all is None:
            return None
        if not size or not self._lines:
            return self._all.at(n_questions)
        below = max((known for known in self._lines if known <= size), default=None)
        above = min((known for known in self._lines if known >= size), default=None)
        if below is None or above is None:
            nearest = below or above or size
            return self._lines[nearest].at(n_questions) * size / nearest
        low, high = self._lines[below].at(n_questions), self._lines[above].at(n_questions)
        if below == above or low <= 0 or high <= 0:
            return low
        weight = math.log(size / below) / math.log(above / below)
        return math.exp((1 - weight) * math.log(low) + weight * math.log(high))

    def is_measured(self, size: float | None) -> bool:
        """Whether a checkpoint of this size was measured, so that nothing is scaled."""
        return size in self._lines


def _line(measured: list[Measured]) -> _Line:
    """The line through what was measured that is nearest by squares, neither part of it negative."""
    n = len(measured)
    x = sum(each.n_questions for each in measured) / n
    y = sum(each.seconds for each in measured) / n
    spread = sum((each.n_questions - x) ** 2 for each in measured)
    through_zero = _Line(0.0, y / x)
    if not spread:
        return through_zero
    slope = sum((each.n_questions - x) * (each.seconds - y) for each in measured) / spread
    loading = y - slope * x
    if loading < 0:
        return through_zero
    return _Line(loading, slope) if slope > 0 else _Line(y, 0.0)
