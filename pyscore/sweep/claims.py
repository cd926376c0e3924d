"""Who works on a checkpoint: one sweep at a time, whether the storage has locks or not."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any

from pyscore.store.files import Place
from pyscore.store.studies import StudyFolder

__all__ = ["LEASE_SECONDS", "claim_of", "claimed", "holder_of", "holds", "outlived"]

LEASE_SECONDS = 120.0
"""How long a claim on storage without locks stands after its holder has last confirmed it."""
_CONFIRMATIONS = 4  # in one lease, so that a few that fail don't lose it
_POLL_SECONDS = 1.0
_LOOK_SECONDS = 0.05
"""How long `holder_of` may keep a lock, at most, while it looks whether somebody holds it."""


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
        lock = _locked(place)
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
            if holds(place, owner):
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


def holds(place: Place, owner: str) -> bool:
    """Whether a claim on storage without locks is this owner's."""
    return (_read(place) or {}).get("owner") == owner


def outlived(places: Sequence[Place]) -> list[bool]:
    """Of each claim, whether it is over: a claim whose holder died is waited for, until its lease ends.

    A holder that lives confirms its claim, and is not waited for; nor is one that holds a lock, which its death ends.
    """
    found: list[bool | None] = [None] * len(places)
    first = [_until(place) for place in places]
    while True:
        for i, place in enumerate(places):
            if found[i] is None:
                until = _until(place)
                if until is None:
                    found[i] = holder_of(place) is None
                elif until != first[i]:
                    found[i] = False
                elif until < time.time():
                    found[i] = True
        waited_for = [until for until, each in zip(first, found, strict=True) if each is None and until is not None]
        if not waited_for:
            return [bool(each) for each in found]
        time.sleep(max(0.0, min(_POLL_SECONDS, min(waited_for) - time.time())) + _LOOK_SECONDS)


def _until(place: Place) -> float | None:
    found = _read(place)
    return None if found is None else float(found["until"])


def _locked(place: Place) -> IO[bytes] | None:
    """The lock of a claim, tried a second time: `holder_of` takes it for a moment."""
    try:
        return place.lock()
    except BlockingIOError:
        time.sleep(_LOOK_SECONDS)
        return place.lock()


def _take(place: Place, owner: str, lease: float) -> bool:
    content = _content(owner, lease)
    if place.create(content):
        return True
    found = _read(place)
    if found is None or found["owner"] == owner or found["until"] < time.time():
        _write(place, content)
        return holds(place, owner)  # of several that take it over at once, the one that wrote last
    return False


def _confirm(place: Place, owner: str, lease: float, stopped: threading.Event) -> None:
    while not stopped.wait(lease / _CONFIRMATIONS):
        with suppress(OSError):  # the next one may succeed, and the lease holds for a while
            if (_read(place) or {"owner": owner})["owner"] != owner:
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
        found = json.loads(place.read())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) and {"owner", "until"} <= found.keys() else None
