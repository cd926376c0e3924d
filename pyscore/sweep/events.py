"""What happened in a study's folder, a JSON object a line: <study>/events/<time>-<sweep>.jsonl."""

from __future__ import annotations

import json
import math
import os
import socket
import time
import uuid
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timezone
from typing import IO, TYPE_CHECKING, Any

from pyscore._version import __version__
from pyscore.store.local_files import LocalPlace
from pyscore.store.place import Place
from pyscore.store.studies import StudyFolder
from pyscore.sweep.estimate import Measured
from pyscore.sweep.tally import Tally
from pyscore.sweep.watch import Watch

if TYPE_CHECKING:
    from pyscore.sweep.grid import Grid, Unit
    from pyscore.sweep.unit import UnitResult

__all__ = ["EventLog", "last_words", "measured"]

_FOLDER = "events"
_SEGMENT = 2**20  # bytes of a file behind a URL, which is written anew as long as it grows
_WRITE_SECONDS = 60.0  # between two writings of it
_TAIL = 2**16  # bytes at the end of a log that are read first
_READ_AT_ONCE = 32


class EventLog(Watch):
    """Writes what happens into the study's folder. docs/sweep_run.md has the entries of each event.

    In a local folder every line is there once it happened. Behind a URL, where files can't grow, lines are written once
    a minute and at the end, into files of a mebibyte. A log that can't be written is told once, and ends no sweep.

    Args:
        folder: of the study.
        tally: of the sweep; it has to hear of everything before this does.
    """

    def __init__(self, folder: StudyFolder, tally: Tally) -> None:
        self._place, self._tally = folder.place / _FOLDER, tally
        self.sweep = uuid.uuid4().hex[:8]
        # To the microsecond, since names say which log is the newer one: two sweeps may begin within a second.
        self._name = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S.%fZ}-{self.sweep}"
        self._file: IO[bytes] | None = None
        self._segment, self._kept, self._written = 0, b"", -math.inf
        self._failed = False

    def began(self, grid: Grid, units: Sequence[Unit]) -> None:
        about = {"sweep": self.sweep, "host": socket.gethostname(), "pid": os.getpid(), "pyscore_version": __version__}
        events = [_event("began", study=grid.study.name, **about, **self._standing())]
        events += [_event("failed", dataset=name, reason=why) for name, why in grid.unreadable.items()]
        self._write(events)

    def started(self, unit: Unit) -> None:
        model = unit.model
        self._write([_event("started", model=model.label, step=model.step, size=model.size, family=model.family)])

    def done(self, unit: Unit, result: UnitResult) -> None:
        label = unit.model.label
        events = []
        for (template, dataset), numbers in result.headline.items():
            events.append(_event("scored", model=label, template=template, dataset=dataset, **numbers))
        events += [_event("failed", **asdict(failure)) for failure in result.failures]
        took = {"n_questions": result.n_questions, "seconds": round(result.seconds, 3)}
        events.append(_event("done", model=label, size=unit.model.size, **took, n_failures=len(result.failures)))
        self._write([*events, _event("progress", **self._standing())])

    def left(self, unit: Unit) -> None:
        self._write([_event("left", model=unit.model.label)])

    def died(self, unit: Unit, reason: str, n_left: int) -> None:
        self._write([_event("died", model=unit.model.label, reason=reason, n_left=n_left)])

    def ticked(self) -> None:
        self._write([_event("progress", **self._standing())])

    def ended(self) -> None:
        self._write([_event("ended", **self._standing())], last=True)
        if self._file is not None:
            self._file.close()

    def _standing(self) -> dict[str, Any]:
        return {name: round(v, 3) if isinstance(v, float) else v for name, v in asdict(self._tally.standing()).items()}

    def _write(self, events: Sequence[dict[str, Any]], *, last: bool = False) -> None:
        content = "".join(json.dumps(event) + "\n" for event in events).encode()
        try:
            if isinstance(self._place, LocalPlace):
                self._append(self._place, content)
            else:
                self._keep(content, last)
        except OSError as error:
            if not self._failed:
                self._failed = True
                warnings.warn(f"the events of this sweep can't be written: {error}", stacklevel=2)

    def _append(self, place: LocalPlace, content: bytes) -> None:
        if self._file is None:
            place.make_folder()
            self._file = (place.path / f"{self._name}.jsonl").open("ab")
        self._file.write(content)
        self._file.flush()

    def _keep(self, content: bytes, last: bool) -> None:
        self._kept += content
        now = time.monotonic()
        if last or now - self._written >= _WRITE_SECONDS or len(self._kept) >= _SEGMENT:
            self._written = now
            self._place.make_folder()
            with (self._place / f"{self._name}-{self._segment:05}.jsonl").replacing() as file:
                file.write(self._kept)
            if len(self._kept) >= _SEGMENT:
                self._segment, self._kept = self._segment + 1, b""


def last_words(folder: StudyFolder) -> list[dict[str, Any]]:
    """The last event of each sweep that says where it stood ("began", "progress" or "ended"), the newest log last.

    Each has "log", the name of its file, besides.
    """
    place = folder.place / _FOLDER
    newest: dict[str, str] = {}
    for name in _logs(place):
        newest["-".join(name.removesuffix(".jsonl").split("-")[:2])] = name

    def read(name: str) -> dict[str, Any] | None:
        found = _last_standing(place / name)
        return None if found is None else {"log": name, **found}

    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        return [found for found in pool.map(read, newest.values()) if found is not None]


def measured(folder: StudyFolder) -> list[Measured]:
    """What checkpoints took of which nothing failed, by the events "done" of all sweeps of a study."""
    place = folder.place / _FOLDER

    def read(name: str) -> list[Measured]:
        with (place / name).open() as file:
            lines = [line for line in file.read().splitlines() if line.startswith(b'{"event": "done"')]
        told = [each for each in _parsed(lines) if not each["n_failures"]]
        return [Measured(each["size"], each["n_questions"], each["seconds"]) for each in told]

    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        return [each for found in pool.map(read, _logs(place)) for each in found]


def _event(kind: str, **entries: Any) -> dict[str, Any]:
    return {"event": kind, "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), **entries}


def _logs(place: Place) -> list[str]:
    return [name for name in place.names() if name.endswith(".jsonl") and not name.startswith(".")]


def _last_standing(place: Place) -> dict[str, Any] | None:
    """The last line that says where a sweep stands; more of the log is read until there is one."""
    with place.open() as file:
        size = file.seek(0, os.SEEK_END)
        n = min(_TAIL, size)
        while True:
            file.seek(size - n)
            lines = file.read(n).splitlines()
            whole = lines if n == size else lines[1:]
            for found in _parsed(reversed(whole)):
                if found.get("event") in ("began", "progress", "ended"):
                    return found
            if n == size:
                return None
            n = min(8 * n, size)


def _parsed(lines: Any) -> Iterator[dict[str, Any]]:
    """Lines as objects; one that a killed process has not finished is left out."""
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found
