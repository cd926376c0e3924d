"""Log-probabilities from ready logits: many rows (target 6) and few (target 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

import pyscore
from benchmarks.gpu.contest import OURS, contest
from benchmarks.gpu.lab import SPREAD, Lab
from benchmarks.gpu.sections.linear import TOY
from benchmarks.gpu.targets import Row
from benchmarks.gpu.truth import checker, sample
from benchmarks.peers import ALL_OUTPUTS, ROWS, Contestant, gpu_ready_peers

__all__ = ["ready"]


def _ours(outputs: tuple[str, ...]) -> Contestant:
    return Contestant(OURS, lambda: partial(pyscore.logprobs, outputs=outputs, backend="triton"))


def _inputs(lab: Lab, n: int, v: int) -> tuple[Tensor, Tensor]:
    return lab.randn(n, v, dtype=torch.bfloat16, scale=SPREAD), lab.targets(n, v)


def _error(lab: Lab, n: int, v: int) -> Callable[[Callable[..., Any]], float | None]:
    logits, targets = _inputs(lab, n, v)
    rows = sample(n)
    return checker((logits, targets), rows, logits[rows.to(lab.device)].double(), targets)


def ready(lab: Lab) -> Iterator[Row]:
    """Every output and log-prob alone of 8192 rows; then 1 to 16 rows, in a graph."""
    v = TOY[0][1] if lab.rehearsal else 151936
    many, few = (3, (1,)) if lab.rehearsal else (8192, (1, 2, 4, 8, 16))
    cases = [(many, True), (many, False), *((n, every) for n in few for every in (True, False))]
    for i, (n, every) in enumerate(cases):
        case = f"ready N={n} V={v}, {'all outputs' if every else 'log-prob'}"
        split = n in few
        lab.empty_cache()
        sets = [_inputs(lab, n, v) for _ in range(lab.sets(2 * n * v))]
        contestants = [
            _ours(ALL_OUTPUTS if every else ("logprob",)),
            *gpu_ready_peers(every, backend="eager" if lab.rehearsal else "inductor"),
        ]
        budget = max(lab.left, 0.0) / (len(cases) - i) / 2
        outcomes = contest(lab, case, contestants, sets, _error(lab, n, v), graph=split, budget=budget)
        row = Row(case, {"n": n, "v": v, "bytes": 2.0 * n * v, "sets": len(sets)}, outcomes)
        seconds = outcomes[OURS].best
        if split:
            row.measure("split", outcomes[ROWS].best, seconds)
        elif every:
            row.measure("ready bandwidth", row.facts["bytes"] / lab.ceilings.copy, seconds)
            row.measure("ready compile", outcomes["torch.compile"].best, seconds)
        yield row
