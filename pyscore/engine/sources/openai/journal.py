"""Answered requests, kept until the run that they were asked for has stored what it made of them."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyscore._digest import json_digest

__all__ = ["Journal", "journal_folder", "key_of"]

_DAYS = 7  # that answers of a run which never went on are kept
_WAIT = 60.0  # seconds for other processes that write
_AT_ONCE = 500  # keys of one query


def journal_folder(given: str | os.PathLike[str] | None) -> Path:
    """The folder given, or the one in the user's cache."""
    if given is not None:
        return Path(given).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path("~/.cache").expanduser()) / "pyscore" / "openai"


def key_of(*parts: Any) -> str:
    """A digest of what was asked."""
    return json_digest(parts)


class Journal:
    """What was made of each answer, by a digest of its request, in a file that several processes may use.

    An answer belongs to the run that asked for it, or that took it up. When a run's session ends well, its answers go:
    what they said is in its rows, and a later run asks anew. What is left by sessions that were cut off is taken up by
    whoever asks the same of the same model again, and goes after a week.

    Args:
        folder: where the file "answers.sqlite" lies; None for one in memory.
        run: whose answers are kept from now on.

    Raises:
        ValueError: the file can't be used.
    """

    def __init__(self, folder: Path | None, run: str) -> None:
        self._run, self._lock = run, threading.Lock()
        self._name = ":memory:" if folder is None else str(folder / "answers.sqlite")
        with self._named():
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._name, timeout=_WAIT, isolation_level=None, check_same_thread=False)
            if folder is not None:
                os.chmod(self._name, 0o600)
            # Each statement is a transaction of its own, so that a process that is killed loses no answer. Waiting for
            # the disk as well would save them from a power cut too, and take some 12 ms an answer, all threads in turn.
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute("PRAGMA journal_mode=TRUNCATE").fetchall()
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS answers"
                " (key TEXT PRIMARY KEY, run TEXT NOT NULL, at REAL NOT NULL, answer TEXT NOT NULL)"
            )
            self._db.execute("DELETE FROM answers WHERE at < ?", [time.time() - _DAYS * 86400])

    def take_up(self, keys: Iterable[str]) -> dict[str, Any]:
        """Those that are answered; they belong to this run from now on."""
        asked, found = list(keys), {}
        with self._lock, self._named():
            for start in range(0, len(asked), _AT_ONCE):
                some = asked[start : start + _AT_ONCE]
                among = f"key IN ({','.join('?' * len(some))})"
                rows = self._db.execute(f"SELECT key, answer FROM answers WHERE {among}", some).fetchall()
                found.update({key: json.loads(answer) for key, answer in rows})
                self._db.execute(
                    f"UPDATE answers SET run = ? WHERE {among} AND run != ?", [self._run, *some, self._run]
                )
        return found

    def put(self, key: str, answer: Any) -> None:
        """Keep an answer; when this returns, it outlives this process."""
        with self._lock, self._named():
            row = [key, self._run, time.time(), json.dumps(answer)]
            self._db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)

    def forget(self) -> None:
        """Remove this run's answers."""
        with self._lock, self._named():
            self._db.execute("DELETE FROM answers WHERE run = ?", [self._run])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors that name the file and say what to do."""
        try:
            yield
        except (sqlite3.Error, OSError, json.JSONDecodeError) as error:
            raise ValueError(
                f"the journal of answered requests {self._name} can't be used ({error}): remove it, or give another "
                "folder as the source's option journal, or journal=False for none"
            ) from None
