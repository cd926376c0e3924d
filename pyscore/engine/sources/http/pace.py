"""When the next request may be sent: rate limits, what the server asks to wait, and growing pauses after failures."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

__all__ = ["Pace", "Stopped", "pause_after", "seconds_asked"]

_LONGEST = 60.0  # seconds between two tries


class Stopped(Exception):
    """Another request failed for good, so this one isn't sent."""


class Pace:
    """Shared by all threads that send to one server.

    Args:
        per_minute: how many requests may begin in a minute, evenly spaced; None for no limit.
        clock: seconds.
    """

    def __init__(self, per_minute: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._between = 60.0 / per_minute if per_minute else 0.0
        self._clock = clock
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._next = self._held_until = -float("inf")

    def stop(self) -> None:
        """Wake all that wait, with `Stopped`."""
        self._stop.set()

    def hold(self, seconds: float) -> None:
        """Nothing is sent for so long."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def reserve(self) -> float:
        """How many seconds from now the next request may be sent."""
        with self._lock:
            now = self._clock()
            begin = max(now, self._next, self._held_until)
            self._next = begin + self._between
            return begin - now

    def wait(self) -> None:
        """Return when a request may be sent."""
        self.sleep(self.reserve())
        while (held := self._held_until - self._clock()) > 0:  # the server asked for a pause meanwhile
            self.sleep(held)

    def sleep(self, seconds: float) -> None:
        """Wait, and raise `Stopped` if it is of no use any more."""
        if self._stop.wait(max(seconds, 0.0)) if seconds > 0 else self._stop.is_set():
            raise Stopped


def pause_after(tries: int, base: float) -> float:
    """Seconds before the next try after so many: doubled each time, and shortened by chance by up to a half.

    Without chance, all that failed at the same moment would come again at the same moment.
    """
    longest = min(_LONGEST, base * 2.0 ** min(tries - 1, 30))
    return longest * random.uniform(0.5, 1.0)


def seconds_asked(headers: Mapping[str, str]) -> float:
    """What the header Retry-After asks to wait, in seconds or until a date; 0 where there is none that can be read."""
    thousandths, text = headers.get("retry-after-ms"), headers.get("retry-after") or "0"
    try:
        if thousandths is not None:
            return max(0.0, float(thousandths) / 1000)
        try:
            return max(0.0, float(text))
        except ValueError:
            return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
