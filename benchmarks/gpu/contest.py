"""One case of a section: pyscore's call is checked, then timed with its peers, eager and captured in a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.clock import Call, spread, take_turns
from benchmarks.gpu.lab import Lab, poisoned
from benchmarks.peers import Contestant
from pyscore import Comparison, TokenScores

__all__ = ["OURS", "Outcome", "contest", "why"]

OURS = "pyscore"


@dataclass
class Outcome:
    """What became of a contestant."""

    seconds: list[float] = field(default_factory=list)
    graph: list[float] = field(default_factory=list)
    """Seconds a call inside a replayed graph."""
    error: float | None = None
    """Largest difference of a log-probability from float64."""
    reason: str | None = None
    """Why it was not timed."""
    graph_reason: str | None = None

    @property
    def median(self) -> float | None:
        """Median seconds a call."""
        return spread(self.seconds)[0] if self.seconds else None

    @property
    def best(self) -> float | None:
        """Median seconds a call in a graph where it was captured, else of a plain call."""
        return spread(self.graph)[0] if self.graph else self.median


def why(error: BaseException) -> str:
    """One line on an exception."""
    first = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {first[0] if first else ''}"[:200]
    return f"not installed ({error})"[:200] if isinstance(error, ImportError) else text


Error = Callable[[Callable[..., Any]], float | None]
"""The largest error of a contestant's function on fresh inputs, None where there is nothing to compare."""


def _prepare(lab: Lab, contestant: Contestant, sets: Sequence[Any], error: Error, outcome: Outcome) -> list[Call]:
    """The checked and warmed calls of a contestant; none, with the reason in its outcome, where it can't take part."""
    if contestant.name != OURS and lab.left <= 0:
        outcome.reason = "no time left in the section"
        return []
    try:
        function = contestant.load()
        # Peers run without poisoned memory: torch.compile would compile them once more for the changed setting.
        with poisoned() if contestant.name == OURS else nullcontext():
            outcome.error = error(function)
        calls: list[Call] = [partial(function, *inputs) for inputs in sets]
        lab.clock.seconds(calls)
        return calls
    except Exception as caught:  # Whatever a peer raises is recorded as its reason, and the run goes on.
        outcome.reason = why(caught)
        lab.empty_cache()
        return []


def _capture(lab: Lab, case: str, contestant: Contestant, calls: Sequence[Call], outcome: Outcome) -> list[Call]:
    """A replay of several rotated calls; none, with the reason in the outcome, where they can't be captured."""
    if not contestant.captures:
        outcome.graph_reason = "waits for the device"
        return []
    repeated = [calls[i % len(calls)] for i in range(max(len(calls), lab.in_a_graph))]
    try:
        replay, result = lab.clock.capture(repeated)
        replay()
        if contestant.name == OURS and not torch.equal(_scores(result), _scores(repeated[-1]())):
            lab.fail(f"{case}: a replayed graph has other bits than the call")
        return [replay]
    except Exception as caught:
        outcome.graph_reason = why(caught)
        return []


def _scores(result: TokenScores | Comparison) -> Tensor:
    scores: Tensor = result.logprob if isinstance(result, TokenScores) else result.probability
    return scores


def contest(
    lab: Lab, case: str, contestants: Sequence[Contestant], sets: Sequence[Any], error: Error, *, graph: bool,
    budget: float,
) -> dict[str, Outcome]:  # fmt: skip
    """The outcomes by name; whatever keeps pyscore from being timed is a failure of the run."""
    outcomes = {contestant.name: Outcome() for contestant in contestants}
    eager: dict[str, list[Call]] = {}
    replayed: dict[str, list[Call]] = {}
    for contestant in contestants:
        outcome = outcomes[contestant.name]
        calls = _prepare(lab, contestant, sets, error, outcome)
        if calls:
            eager[contestant.name] = calls
            if graph and (captured := _capture(lab, case, contestant, calls, outcome)):
                replayed[contestant.name] = captured
        elif contestant.name == OURS:
            lab.fail(f"{case}: {outcome.reason}")
    share = budget / 2 if replayed else budget
    for name, seconds in take_turns(lab.clock, eager, budget=share, rounds=lab.rounds).items():
        outcomes[name].seconds = seconds
    for name, seconds in take_turns(lab.clock, replayed, budget=share, rounds=lab.rounds).items():
        outcomes[name].graph = [value / max(len(sets), lab.in_a_graph) for value in seconds]
    return outcomes
