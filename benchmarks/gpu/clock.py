"""Seconds of calls on a device, and rounds in which contestants take turns, so that noise meets all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch

__all__ = ["Clock", "CudaClock", "HostClock", "spread", "take_turns"]

Call = Callable[[], Any]
WINDOW = 2e-3
"""Seconds that one timed window should last at least: events resolve about half a microsecond."""
MOST_CALLS = 32


class Clock(Protocol):
    """Times calls on one kind of device."""

    captures: bool
    """Whether calls can be captured in a graph."""

    def seconds(self, calls: Sequence[Call]) -> float:
        """Seconds of all calls, issued back to back."""

    def capture(self, calls: Sequence[Call]) -> tuple[Call, Any]:
        """One call that replays all of them, and the last one's result, which a replay writes anew."""


class CudaClock:
    """CUDA events around the calls."""

    captures = True

    def seconds(self, calls: Sequence[Call]) -> float:
        """Seconds between an event before the first call and one behind the last."""
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        start.record()
        for call in calls:
            call()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3

    def capture(self, calls: Sequence[Call]) -> tuple[Call, Any]:
        """A CUDA graph of the calls, which have run before."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for call in calls:
                call()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for call in calls:
                result = call()
        return graph.replay, result


class HostClock:
    """The host's clock, for rehearsals on the CPU."""

    captures = True

    def seconds(self, calls: Sequence[Call]) -> float:
        """Seconds that the calls took."""
        start = time.perf_counter()
        for call in calls:
            call()
        return time.perf_counter() - start

    def capture(self, calls: Sequence[Call]) -> tuple[Call, Any]:
        """No graph: the calls themselves."""
        result = calls[-1]()

        def replay() -> None:
            for call in calls:
                call()

        return replay, result


def take_turns(
    clock: Clock, contestants: Mapping[str, Sequence[Call]], *, budget: float, rounds: tuple[int, int]
) -> dict[str, list[float]]:
    """Seconds a call of each contestant, one entry a round; every round times each once, until the budget is spent.

    A contestant is a sequence of calls on rotated inputs, so that none finds the last one's in the cache. A window
    holds so many calls that it outlasts the clock's resolution.
    """
    least, most = rounds
    start = time.perf_counter()
    windows = {}
    for name, calls in contestants.items():
        once = clock.seconds(calls) / len(calls)
        count = min(max(round(WINDOW / max(once, 1e-9)), len(calls)), max(MOST_CALLS, len(calls)))
        windows[name] = [calls[i % len(calls)] for i in range(count)]
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for done in range(most):
        if done >= least and time.perf_counter() - start > budget:
            break
        for name, window in windows.items():
            found[name].append(clock.seconds(window) / len(window))
    return found


def spread(seconds: Sequence[float]) -> tuple[float, float]:
    """The median, and the width of the middle half over it."""
    median = statistics.median(seconds)
    if len(seconds) < 2:
        return median, 0.0
    low, _, high = statistics.quantiles(seconds, n=4)
    return median, (high - low) / median
