"""One run at a time under a model: a run's stems, limits, plans and the model's mode belong to that run alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["turn"]


class _Turns:
    """Whose turn it is: a thread's, whose calls may nest, or that of a stream, which nobody shares."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._thread: int | None = None
        self._depth = 0
        self._streaming = False

    def take(self, *, stream: bool) -> None:
        me = threading.get_ident()
        with self._changed:
            while self._depth:
                # A stream goes on when its reader wants it to, perhaps never, and its reader may be who asks here: to
                # wait for it could be to wait forever.
                if self._streaming:
                    raise RuntimeError(
                        "a stream of this model's rows is open: exhaust it or close() it before the next call"
                    )
                if self._thread == me:
                    break
                self._changed.wait()
            self._thread, self._streaming = me, stream and not self._depth
            self._depth += 1

    def give_back(self) -> None:
        with self._changed:
            self._depth -= 1
            if not self._depth:
                self._streaming = False
                self._changed.notify_all()


# By model, not by Scorer: two Scorers of one model would put it into each other's mode. Kept outside of the Scorer, as
# a lock can't be copied or pickled and a Scorer can.
_turns: WeakKeyDictionary[Any, _Turns] = WeakKeyDictionary()
_guard = threading.Lock()


@contextmanager
def turn(model: Any, *, stream: bool = False) -> Iterator[None]:
    """Hold the model alone: calls of other threads wait until it is given back, those of this thread may nest.

    Args:
        model: whose turn it is, also of every other `Scorer` of it.
        stream: the holder is a generator, which may never be read to its end. Nobody waits for it: while it is open,
            every other call raises. (Within a turn of its own thread it belongs to that turn.)

    Raises:
        RuntimeError: a stream is open.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model  # a PEFT wrapper shares its modules
    with _guard:
        turns = _turns.setdefault(inner, _Turns())
    turns.take(stream=stream)
    try:
        yield
    finally:
        turns.give_back()
