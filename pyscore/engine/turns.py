"""One run at a time of a source: a model's mode, its batch size and what it has cached belong to one run alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from pyscore.engine.sources.source import Source

__all__ = ["turn"]


class _Turns:
    """Whose turn it is: a thread's, whose calls may nest, or that of a stream, which nobody shares."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._thread: int | None = None
        self._depth = 0
        self._streaming = False

    @contextmanager
    def held(self, *, stream: bool) -> Iterator[None]:
        me = threading.get_ident()
        with self._changed:
            while self._depth:
                # A stream goes on when its reader wants it to, which may be never, and the reader may be the caller
                # itself: to wait for the stream could be to wait forever.
                if self._streaming:
                    raise RuntimeError(
                        "a stream of this model's rows is open: exhaust it or close() it before the next call"
                    )
                if self._thread == me:
                    break
                self._changed.wait()
            self._thread, self._streaming = me, stream and not self._depth
            self._depth += 1
        try:
            yield
        finally:
            with self._changed:
                self._depth -= 1
                if not self._depth:
                    self._streaming = False
                    self._changed.notify_all()


# Turns are kept by what a source has for itself, because two Scorers of one model would put it into each other's mode.
# They are kept out of sources and Scorers, because a lock can't be copied or pickled and those can.
_turns: WeakKeyDictionary[Any, _Turns] = WeakKeyDictionary()
_guard = threading.Lock()


def turn(source: Source, *, stream: bool = False) -> AbstractContextManager[None]:
    """Hold a source alone: calls of other threads wait until it is given back, those of this thread may nest.

    Args:
        source: whose turn it is, with every other source that shares its `Source.exclusive`.
        stream: the holder is a generator, which may never be read to its end. Nobody waits for it: while it is open,
            every other call raises. (Within a turn of its own thread it belongs to that turn.)

    Raises:
        RuntimeError: a stream is open.
    """
    held = source.exclusive
    try:
        with _guard:
            turns = _turns.setdefault(held, _Turns())
    except TypeError:
        raise TypeError(f"Source.exclusive must have a hash and take weak references, got {held!r:.60}") from None
    return turns.held(stream=stream)
