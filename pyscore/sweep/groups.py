"""Cells of a study, counted by what its checkpoints have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Group", "grouped"]

_FEW = 12
"""Up to so many checkpoints, each is a line of its own."""


@dataclass
class Group:
    """Checkpoints of one family and size, or one checkpoint.

    Attributes:
        label: of the checkpoint; None of a group.
        family, size: what they have in common.
        checkpoints: how many.
        cells, stored: how many cells they have, and how many of them are stored.
        failed: how many checkpoints have a failure that was noted.
        reasons: why cells are missing, with the number of checkpoints.
    """

    label: str | None
    family: str | None
    size: float | None
    checkpoints: int
    cells: int
    stored: int
    failed: int
    reasons: dict[str, int]

    @property
    def missing(self) -> int:
        """How many cells aren't stored."""
        return self.cells - self.stored

    def add(self, other: Group) -> None:
        """Count another one in."""
        self.checkpoints += other.checkpoints
        self.cells += other.cells
        self.stored += other.stored
        self.failed += other.failed
        for reason, n in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + n


def grouped(checkpoints: Iterable[Group]) -> list[Group]:
    """Checkpoints as they are where there are few, else by family and size, in the order of their first ones."""
    each = list(checkpoints)
    if len(each) <= _FEW:
        return each
    found: dict[tuple[str | None, float | None], Group] = {}
    for one in each:
        key = one.family, one.size
        if key not in found:
            found[key] = Group(None, *key, 0, 0, 0, 0, {})
        found[key].add(one)
    return list(found.values())


def label_of(model: Mapping[str, Any]) -> str:
    """What people call a checkpoint of study.json, as `pyscore.sweep.study.Model.label`."""
    from pyscore.sweep.study import Model

    return Model(model["name"], "", model.get("revision"), model.get("step")).label
