"""The sections by name, in the order in which they run, with the seconds that each may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..lab import Lab
from ..targets import Row
from .accuracy import accuracy
from .answers import answers
from .invariance import invariance
from .linear import large, middle, narrow, small
from .outputs import outputs
from .ready import ready

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
