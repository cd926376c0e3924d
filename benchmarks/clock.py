"""Seconds of calls on a device, and rounds in which contestants take turns, so that noise meets all of them alike."""

from __future__ import annotations

import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import torch

__all__ = ["Call", "Clock", "CudaClock", "HostClock", "side_by_side", "spread", "take_turns"]

Call = Callable[[], Any]
WARM_UP = 0.01
"""Seconds for which `side_by_side` calls a function before it times it: the OpenMP threads have to be awake (right
after a pause a call took up to 8 ms longer), and may be those of the last function's runtime."""
TIMED = 2e-3
"""Seconds that what is timed at once should last at least: CUDA's events resolve about half a microsecond."""
MOST_CALLS = 32


class Clock(Protocol):
    """Times calls on one kind of device."""

    def seconds(self, calls: Sequence[Call]) -> float:
        """Seconds of all calls, issued back to back."""

    def capture(self, calls: Sequence[Call]) -> tuple[Call, Any]:
        """One call that replays all of them, and the last one's result, which a replay writes anew."""


class CudaClock:
    """CUDA events around the calls."""

    def seconds(self, calls: Sequence[Call]) -> float:
        """Seconds between an event before the first call and one behind the last."""
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
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
    """The host's clock, for the CPU and for rehearsals of the GPU's benchmark on it."""

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

    A contestant is a sequence of calls on rotated inputs, so that none finds the last one's in the cache. The calls
    are repeated in order, up to MOST_CALLS, until they outlast the clock's resolution.
    """
    least, most = rounds
    start = time.perf_counter()
    timed = {}
    for name, calls in contestants.items():
        once = clock.seconds(calls) / len(calls)
        count = min(max(round(TIMED / max(once, 1e-9)), len(calls)), max(MOST_CALLS, len(calls)))
        timed[name] = [calls[i % len(calls)] for i in range(count)]
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for done in range(most):
        if done >= least and time.perf_counter() - start > budget:
            break
        for name, repeated in timed.items():
            found[name].append(clock.seconds(repeated) / len(repeated))
    return found


def spread(seconds: Sequence[float]) -> tuple[float, float]:
    """The median, and the width of the middle half over it."""
    median = statistics.median(seconds)
    if len(seconds) < 2:
        return median, 0.0
    low, _, high = statistics.quantiles(seconds, n=4)
    return median, (high - low) / median


def side_by_side(
    benchmark: Any,
    ours: Callable[..., Any],
    others: Mapping[str, Callable[..., Any]],
    rates: Mapping[str, Callable[[], float]],
    inputs: Sequence[tuple[Any, ...]],
    *,
    rounds: int,
    warm_up: bool = True,
    **facts: Any,
) -> None:
    """Time ``ours`` by pytest-benchmark's fixture, and in its set-up each of ``others`` and of ``rates``, once a round.

    Calls of seconds need no ``warm_up``: waking the threads is nothing beside them.

    Every call gets the next of ``inputs``, so that none finds the last one's in the cache. The medians go to
    ``extra_info``, beside ``facts``: ``seconds`` of the others, ``rates`` a second.
    """
    clock, turns = HostClock(), itertools.cycle(inputs)
    seconds: dict[str, list[float]] = defaultdict(list)
    measured: dict[str, list[float]] = defaultdict(list)

    def warm(function: Callable[..., Any]) -> None:
        start = time.perf_counter()
        function(*next(turns))
        while time.perf_counter() - start < WARM_UP:
            function(*next(turns))

    def setup() -> tuple[tuple[Any, ...], dict[str, Any]]:
        for name, rate in rates.items():
            measured[name].append(rate())
        for name, function in others.items():
            if warm_up:
                warm(function)
            seconds[name].append(clock.seconds([partial(function, *next(turns))]))
        if warm_up:
            warm(ours)
        return next(turns), {}

    benchmark.pedantic(ours, setup=setup, rounds=rounds)
    benchmark.extra_info.update(
        facts,
        seconds={name: statistics.median(times) for name, times in seconds.items()},
        rates={name: statistics.median(values) for name, values in measured.items()},
    )
