"""The sections by name, in the order in which they run, with the seconds that each may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.gpu.lab import Lab
from benchmarks.gpu.sections.accuracy import accuracy
from benchmarks.gpu.sections.answers import answers
from benchmarks.gpu.sections.invariance import invariance
from benchmarks.gpu.sections.linear import large, middle, narrow, small
from benchmarks.gpu.sections.outputs import outputs
from benchmarks.gpu.sections.ready import ready
from benchmarks.gpu.targets import Row

__all__ = ["SECTIONS", "Section"]

Section = Callable[[Lab], Iterator[Row]]

SECTIONS: dict[str, tuple[Section, float]] = {
    "large": (large, 70.0),
    "narrow": (narrow, 25.0),
    "small": (small, 110.0),
    "middle": (middle, 45.0),
    "outputs": (outputs, 25.0),
    "ready": (ready, 45.0),
    "invariance": (invariance, 90.0),
    "accuracy": (accuracy, 20.0),
    "answers": (answers, 20.0),
}
