"""What more outputs and more candidates cost (target 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pyscore
from benchmarks.clock import Call, take_turns
from benchmarks.gpu.contest import OURS, Outcome
from benchmarks.gpu.lab import Lab, poisoned
from benchmarks.gpu.sections.linear import TOY
from benchmarks.gpu.targets import Row
from benchmarks.gpu.truth import LARGEST_ERROR, complaints, logits_of, sample
from benchmarks.peers import ALL_OUTPUTS
from pyscore import TokenScores

__all__ = ["outputs"]

CANDIDATES = 8
VARIANTS: dict[str, tuple[tuple[str, ...], int]] = {
    OURS: (("logprob",), 1),
    "all outputs": (ALL_OUTPUTS, 1),
    f"{CANDIDATES} candidates": (("logprob",), CANDIDATES),
    f"all outputs, {CANDIDATES} candidates": (ALL_OUTPUTS, CANDIDATES),
}


def _score(names: tuple[str, ...]) -> Callable[..., TokenScores]:
    return partial(pyscore.linear_logprobs, outputs=names, backend="triton")


def _check(lab: Lab, case: str, n: int, d: int, v: int) -> bool:
    """Every variant's results on fresh inputs."""
    inputs = lab.fresh(n, d, v)
    rows = sample(n)
    logits = logits_of(inputs, rows)
    right = True
    for name, (names, candidates) in VARIANTS.items():
        targets = lab.targets(n, v, candidates)
        with poisoned():
            scores = _score(names)(inputs.hidden, inputs.weight, targets)
        for wrong in complaints(scores, rows, logits, targets, LARGEST_ERROR):
            lab.fail(f"{case}, {name}: {wrong}")
            right = False
    return right


def outputs(lab: Lab) -> Iterator[Row]:
    """Target 5: in a graph for few rows, since launches would hide the difference."""
    cases = [(n, 4096, 128256) for n in (1, 16, 64, 256, 1024, 4096)]
    cases = [(2, *TOY[0])] if lab.rehearsal else cases
    for i, (n, d, v) in enumerate(cases):
        case = f"N={n} D={d} V={v}"
        row = Row(case, {"n": n, "d": d, "v": v, "flops": 2.0 * n * d * v, "bytes": 2.0 * d * v})
        if _check(lab, case, n, d, v):
            budget = max(lab.left, 0.0) / (len(cases) - i) / 2
            row.outcomes = _time(lab, n, d, v, budget)
            alone, every, candidates, _ = (outcome.best for outcome in row.outcomes.values())
            row.measure("every output", every, alone)
            row.measure("candidates", candidates, alone)
        yield row


def _time(lab: Lab, n: int, d: int, v: int, budget: float) -> dict[str, Outcome]:
    sets = lab.rotated(n, d, v)
    calls: dict[str, list[Call]] = {}
    for name, (names, candidates) in VARIANTS.items():
        function, targets = _score(names), [lab.targets(n, v, candidates) for _ in sets]
        calls[name] = [
            partial(function, inputs.hidden, inputs.weight, ids) for inputs, ids in zip(sets, targets, strict=True)
        ]
        lab.clock.seconds(calls[name])
    if n > 64:
        found = take_turns(lab.clock, calls, budget=budget, rounds=lab.rounds)
        return {name: Outcome(seconds=seconds) for name, seconds in found.items()}
    replays = {name: [lab.clock.capture(called)[0]] for name, called in calls.items()}
    eager = take_turns(lab.clock, calls, budget=budget / 2, rounds=lab.rounds)
    graph = take_turns(lab.clock, replays, budget=budget / 2, rounds=lab.rounds)
    return {name: Outcome(seconds=eager[name], graph=[value / len(sets) for value in graph[name]]) for name in calls}
