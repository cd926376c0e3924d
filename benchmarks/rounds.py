"""Rounds in which pyscore, its peers and the machine's ceilings take turns, so that noise meets all of them alike."""

from __future__ import annotations

import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["side_by_side"]

# Each function is called untimed for so long, at least once, before it is timed: the OpenMP threads have to be awake
# (right after a pause a call took up to 8 ms longer), and may be those of the last function's runtime.
WARM_UP = 0.01


def _warm_up(function: Callable[..., Any], turns: Iterator[tuple[Any, ...]]) -> None:
    start = time.perf_counter()
    function(*next(turns))
    while time.perf_counter() - start < WARM_UP:
        function(*next(turns))


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
    """Time ``ours`` by the fixture, and in its set-up each of ``others`` and of ``rates``, once a round.

    Calls of seconds need no ``warm_up``: waking the threads is nothing beside them.

    Every call gets the next of ``inputs``, so that none finds the last one's in the cache. The medians go to
    ``extra_info``, beside ``facts``: ``seconds`` of the others, ``rates`` a second.
    """
    turns = itertools.cycle(inputs)
    seconds: dict[str, list[float]] = defaultdict(list)
    measured: dict[str, list[float]] = defaultdict(list)

    def setup() -> tuple[tuple[Any, ...], dict[str, Any]]:
        for name, rate in rates.items():
            measured[name].append(rate())
        for name, function in others.items():
            if warm_up:
                _warm_up(function, turns)
            arguments = next(turns)
            start = time.perf_counter()
            function(*arguments)
            seconds[name].append(time.perf_counter() - start)
        if warm_up:
            _warm_up(ours, turns)
        return next(turns), {}

    benchmark.pedantic(ours, setup=setup, rounds=rounds)
    benchmark.extra_info.update(
        facts,
        seconds={name: statistics.median(times) for name, times in seconds.items()},
        rates={name: statistics.median(values) for name, values in measured.items()},
    )
