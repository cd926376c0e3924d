"""Who works on a checkpoint: one sweep at a time, whether the storage has locks or not."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, NamedTuple

from pyscore.store.files import Place
from pyscore.store.studies import StudyFolder

__all__ = ["LEASE_SECONDS", "Holder", "claim_of", "claimed", "holder_of", "holds", "outlived"]

LEASE_SECONDS = 120.0
"""How long a claim on storage without locks stands after its holder has last confirmed it."""
_CONFIRMATIONS = 4  # in one lease, so that a few that fail don't lose it
_POLL_SECONDS = 1.0
_MARGIN_SECONDS = 0.05  # after the end of a lease, before it is looked at again


class Holder(NamedTuple):
    """Who holds a claim.

    Attributes:
        host, pid: where it runs.
        is_alive: whether it still does; None where that can't be told from here: it has a lock, on another machine.
    """

    host: str
    pid: int
    is_alive: bool | None


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
        _sign(lock)
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


def holder_of(place: Place) -> Holder | None:
    """Who holds a claim, by what the file says, which is neither locked nor changed; None where nobody does.

    To try the lock would hold it for a moment, in which a sweep would take the checkpoint for another one's.
    """
    found = _said(place)
    if found is None or not {"host", "pid"} <= found.keys():
        return None
    host, pid = str(found["host"]), int(found["pid"])
    if "until" in found:
        return Holder(host, pid, True) if found["until"] > time.time() else None
    if host != socket.gethostname() or os.name != "posix":
        return Holder(host, pid, None)
    return Holder(host, pid, True) if _runs(pid) else None


def _sign(lock: IO[bytes]) -> None:
    """Write into a lock's file who holds it: a killed process leaves the file, and whoever comes next writes anew."""
    with suppress(OSError):  # the lock holds all the same
        lock.truncate(0)
        lock.write(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode())
        lock.flush()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


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
        time.sleep(max(0.0, min(_POLL_SECONDS, min(waited_for) - time.time())) + _MARGIN_SECONDS)


def _until(place: Place) -> float | None:
    found = _read(place)
    return None if found is None else float(found["until"])


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
    """What a claim with a lease says; None where it is gone, or is none that was written whole."""
    found = _said(place)
    return found if found is not None and {"owner", "until"} <= found.keys() else None


def _said(place: Place) -> dict[str, Any] | None:
    try:
        found = json.loads(place.read())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None
