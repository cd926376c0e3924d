"""Who works on a checkpoint: one sweep at a time, whether the storage has locks or not."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pyscore.store.files import Place
from pyscore.store.studies import StudyFolder

__all__ = ["LEASE_SECONDS", "claim_of", "claimed", "holder_of"]

LEASE_SECONDS = 120.0
"""How long a claim on storage without locks stands after its holder has last confirmed it."""
_CONFIRMATIONS = 4  # in one lease, so that a few that fail don't lose it


def claim_of(folder: StudyFolder, checkpoint: str) -> Place:
    """The file that stands for the claim on a checkpoint, by the name of the folder of its runs."""
    claims = folder.place / "claims"
    claims.make_folder()
    return claims / checkpoint


@contextmanager
def claimed(place: Place, owner: str, *, lease: float = LEASE_SECONDS) -> Iterator[bool]:
    """Whether this block has the claim to itself; False at once where another holds it.

    Where there are locks, the claim is a lock, which ends with the process that holds it. Elsewhere it is a file,
    created on condition that there is none, with the time until which it stands; a thread confirms it. A claim whose
    time is over, or that ``owner`` itself holds, is taken over. Two that take over one at the same moment may both go
    on: then the run's own check lets the one that opened it last write, and nothing is stored twice.

    Args:
        place: the file that stands for the claim, in a folder that exists.
        owner: of the claim: the same for a task that is begun again after its worker died.
        lease: seconds; clocks of different machines may differ by less than this.
    """
    try:
        lock = place.lock()
    except BlockingIOError:
        yield False
        return
    if lock is not None:
        try:
            yield True
        finally:
            place.remove()
            lock.close()
        return
    if not _take(place, owner, lease):
        yield False
        return
    stopped = threading.Event()
    confirming = threading.Thread(target=_confirm, args=(place, owner, lease, stopped), daemon=True)
    confirming.start()
    try:
        yield True
    finally:
        stopped.set()
        confirming.join()
        with suppress(OSError):  # a claim that stays there ends by itself
            if (_read(place) or {}).get("owner") == owner:
                place.remove()


def holder_of(place: Place) -> str | None:
    """Where the one runs that holds a claim, None where nobody does."""
    if not place.is_file():
        return None
    found = _read(place)
    if found is None:  # a lock, which holds nothing
        try:
            lock = place.lock()
        except BlockingIOError:
            return "a process of this machine"
        if lock is not None:
            lock.close()
        return None
    return str(found.get("host")) if found["until"] > time.time() else None


def _take(place: Place, owner: str, lease: float) -> bool:
    content = _content(owner, lease)
    if place.create(content):
        return True
    found = _read(place)
    if found is None or found["owner"] == owner or found["until"] < time.time():
        _write(place, content)
        return True
    return False


def _confirm(place: Place, owner: str, lease: float, stopped: threading.Event) -> None:
    while not stopped.wait(lease / _CONFIRMATIONS):
        with suppress(OSError):  # the next one may succeed, and the lease holds for a while
            if (_read(place) or {}).get("owner") not in (None, owner):
                return  # it was taken over: the run's own check stops whoever shouldn't write
            _write(place, _content(owner, lease))


def _content(owner: str, lease: float) -> bytes:
    entries = {"owner": owner, "host": socket.gethostname(), "pid": os.getpid(), "until": time.time() + lease}
    return json.dumps(entries).encode()


def _write(place: Place, content: bytes) -> None:
    with place.replacing() as file:
        file.write(content)


def _read(place: Place) -> dict[str, Any] | None:
    """What a claim says; None where it is gone, or is none that was written whole."""
    try:
        with place.open() as file:
            found = json.loads(file.read())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) and {"owner", "until"} <= found.keys() else None
