"""Rounds in which pyscore, its peers and the machine's ceilings take turns, so that noise meets all of them alike."""

from __future__ import annotations

import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["side_by_side"]

# Each function warms up for so long before it is timed: torch.compile brings an OpenMP runtime of its own, whose
# threads spin for some milliseconds after a call and would take the next function's cores.
WARM_UP = 0.01


def _timed(function: Callable[..., Any], turns: Iterator[tuple[Any, ...]], once: bool) -> float:
    start = time.perf_counter()
    while not once and time.perf_counter() - start < WARM_UP:
        function(*next(turns))
    arguments = next(turns)
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def side_by_side(
    benchmark: Any,
    ours: Callable[..., Any],
    others: Mapping[str, Callable[..., Any]],
    rates: Mapping[str, Callable[[], float]],
    inputs: Sequence[tuple[Any, ...]],
    *,
    rounds: int,
    **facts: Any,
) -> None:
    """Time ``ours`` by the fixture, and in its set-up each of ``others`` and of ``rates``, once a round.

    Every call gets the next of ``inputs``, so that none finds the last one's in the cache. The medians go to
    ``extra_info``, beside ``facts``: ``seconds`` of the others, ``rates`` a second.
    """
    turns = itertools.cycle(inputs)
    long = {name: _timed(function, turns, once=False) > 5 * WARM_UP for name, function in {"": ours, **others}.items()}
    seconds: dict[str, list[float]] = defaultdict(list)
    measured: dict[str, list[float]] = defaultdict(list)

    def setup() -> tuple[tuple[Any, ...], dict[str, Any]]:
        for name, rate in rates.items():
            measured[name].append(rate())
        for name, function in others.items():
            seconds[name].append(_timed(function, turns, long[name]))
        _timed(ours, turns, long[""])
        return next(turns), {}

    benchmark.pedantic(ours, setup=setup, rounds=rounds)
    benchmark.extra_info.update(
        facts,
        seconds={name: statistics.median(times) for name, times in seconds.items()},
        rates={name: statistics.median(values) for name, values in measured.items()},
    )
