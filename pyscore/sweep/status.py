"""How far a study is, by what lies in its folder alone: no model, no question and no lock is touched."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from itertools import groupby
from pathlib import Path
from typing import Any

from pyscore.store.studies import Cell, StudyFolder
from pyscore.sweep.claims import Holder, holder_of
from pyscore.sweep.events import last_words
from pyscore.sweep.failures import Failure, read_failures
from pyscore.sweep.groups import Group, grouped, label_of

__all__ = ["Status", "Sweep", "Working", "status_of"]

_READ_AT_ONCE = 32
_SILENT_SECONDS = 300.0
"""A sweep writes an event a minute; one that was silent for longer was stopped, or can't write."""


@dataclass(frozen=True)
class Working:
    """A checkpoint that somebody works on."""

    model: str
    host: str
    pid: int
    is_alive: bool | None


@dataclass(frozen=True)
class Sweep:
    """A sweep that is under way, by its last event.

    Attributes:
        log: the name of its file of events.
        heard: seconds since its last event.
        standing: the numbers of that event; see `pyscore.sweep.tally.Standing`.
    """

    log: str
    heard: float
    standing: Mapping[str, Any]


@dataclass(frozen=True)
class Status:
    """How far a study is.

    Attributes:
        name: of the study.
        folder: where it lies.
        groups: its checkpoints, by family and size where there are many.
        working: what is being worked on.
        failures: what failed when it was last tried.
        sweeps: those under way.
    """

    name: str
    folder: str
    groups: list[Group]
    working: list[Working]
    failures: list[Failure]
    sweeps: list[Sweep]

    @property
    def n_cells(self) -> int:
        """How many cells the study has."""
        return sum(group.cells for group in self.groups)

    @property
    def n_stored(self) -> int:
        """How many of them are stored."""
        return sum(group.stored for group in self.groups)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        groups = [{**asdict(group), "missing": group.missing} for group in self.groups]
        return {**asdict(self), "groups": groups, "cells": self.n_cells, "stored": self.n_stored}


def status_of(path: str | Path, now: datetime | None = None) -> Status:
    """How far the study in a folder is.

    Args:
        path: of the study's folder, a path or an fsspec URL.
        now: by default the time of this machine, which other machines' events are compared with.

    Raises:
        FileNotFoundError: there is no study.
        ValueError: study.json, a manifest or a file of failures is damaged; the message names it.
    """
    folder = StudyFolder(path)
    study = folder.read()
    failures = read_failures(folder)
    skip = study.get("scoring", {}).get("on_error") == "skip"
    cells = {key: list(own) for key, own in groupby(folder.cells(study), key=lambda cell: cell.model["key"])}
    labels = {model["folder"]: label_of(model) for model in study["models"]}
    groups = []
    for model in study["models"]:
        own = cells.get(model["key"], [])
        stored = sum(_is_stored(cell, skip) for cell in own)
        failed = int(model["folder"] in failures and stored < len(own))
        label, size = labels[model["folder"]], model.get("size")
        groups.append(Group(label, model.get("family"), size, 1, len(own), stored, failed, {}))
    told = [each for checkpoint in labels if checkpoint in failures for each in failures[checkpoint]]
    sweeps = _sweeps(folder, datetime.now(timezone.utc) if now is None else now)
    return Status(study["name"], str(folder.place), grouped(groups), _working(folder, labels), told, sweeps)


def _is_stored(cell: Cell, skip: bool) -> bool:
    stored = None if cell.run is None else cell.run.stored(cell.dataset)
    return stored is not None and (skip or not stored.get("skipped"))


def _working(folder: StudyFolder, labels: Mapping[str, str]) -> list[Working]:
    claims = folder.place / "claims"
    names = [name for name in claims.names() if name in labels]

    def holder(name: str) -> Holder | None:
        return holder_of(claims / name)

    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        found = zip(names, pool.map(holder, names), strict=True)
        return [Working(labels[name], *holder) for name, holder in found if holder is not None]


def _sweeps(folder: StudyFolder, now: datetime) -> list[Sweep]:
    found = []
    for event in last_words(folder):
        heard = max(0.0, (now - datetime.fromisoformat(event["time"])).total_seconds())
        if event["event"] != "ended" and heard <= _SILENT_SECONDS:
            standing = {name: value for name, value in event.items() if name not in ("log", "time", "event")}
            found.append(Sweep(event["log"], round(heard, 3), standing))
    return found
