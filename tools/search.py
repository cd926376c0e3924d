"""What tuning does on the device: verifying and timing candidates; `tune` is the command."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from benchmarks.clock import Call, spread, take_turns
from benchmarks.gpu.contest import why
from benchmarks.gpu.lab import SPREAD, Lab, LinearInputs, poisoned
from benchmarks.gpu.launchers import linear_logprobs, logprobs, target_logits
from benchmarks.gpu.truth import LARGEST_ERROR, logits_of, logprob_error, sample, truth
from pyscore.kernels.configs import LinearConfig, ReadyConfig, Tile, architecture, linear_config, ready_config
from pyscore.ops.request import Wanted
from tools.tuning import (
    STAGES,
    Limits,
    changes,
    choose,
    linear_row,
    neighbours,
    ready_candidates,
    ready_row,
    scores,
)

__all__ = ["linear_search", "ready_search", "spills", "times_of", "verify_linear"]

C = TypeVar("C", LinearConfig, ReadyConfig)
ROWS = (1, 16, 64, 256, 1024, 4096)
TOY_ROWS = (1, 3)
TARGETS = (1, 64, 4096)
TARGET_TILES = tuple(
    Tile(block_n, warps, stages) for block_n in (16, 32, 64, 128) for warps, stages in ((4, 4), (4, 6), (8, 4))
)
_CAPTURED = 64
"""Up to so many rows calls are timed inside a graph, where the host's launches don't count."""
_BUDGET = 2.0
"""Seconds for timing one stage's candidates at one N."""


def spills() -> int:
    """Registers a thread that the kernels of pyscore launched since `forget` keep in memory."""
    return sum(int(getattr(kernel, "n_spills", 0) or 0) for cache in _caches() for kernel in cache.values())


def _functions() -> list[Any]:
    modules = [module for name, module in sys.modules.items() if name.startswith("pyscore.kernels.")]
    found = [value for module in modules for value in vars(module).values() if hasattr(value, "device_caches")]
    return list({id(value): value for value in found}.values())


def _caches() -> list[dict[Any, Any]]:
    """Compiled kernels of each function on each device, by their options; the first thing that Triton keeps of them."""
    return [kept[0] for function in _functions() for kept in function.device_caches.values()]


def forget() -> None:
    """Drop what was launched before: a kernel that comes again is read from Triton's cache on disk."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()  # Triton may unload a kernel that it forgets while it still runs.
    for function in _functions():
        function.device_caches.clear()


def verify_linear(lab: Lab, config: LinearConfig, d: int, v: int, dtype: torch.dtype) -> str | None:
    """Why a config can't be used, None if it can: results, bits of its two tiles, and spills, on fresh data."""
    few, many = config.few.block_n, 2 * config.many.block_n + 3
    inputs = lab.fresh(many, d, v, dtype)
    rows = sample(many)
    expected = truth(logits_of(inputs, rows), inputs.targets[rows.to(lab.device)]).logprob
    offsets = torch.arange(many + 1, device=lab.device)
    forget()
    try:
        with poisoned():
            wide = linear_logprobs(*inputs, offsets, config=config)
            first = inputs.hidden[:few], inputs.weight, inputs.targets[:few], offsets[: few + 1]
            narrow = linear_logprobs(*first, config=config)
            gathered = linear_logprobs(*first, target_logits(*first, config=config), config=config)
    except Exception as caught:  # A config that doesn't compile or launch is rejected.
        return why(caught)
    error = logprob_error(wide.logprob[rows.to(lab.device)], expected)
    if not error <= LARGEST_ERROR:
        return f"logprob is off by {error:.2e}"
    if not torch.equal(wide.logprob[:few], narrow.logprob):
        return "bits of the two tiles differ"
    if not torch.equal(gathered.logprob, narrow.logprob):
        return "bits of the gathered targets differ"
    found = spills()
    return f"spills {found} registers" if found else None


def times_of(
    lab: Lab, candidates: Sequence[C], calls: Callable[[C, int], list[Call]], rows: Sequence[int], budget: float
) -> dict[C, dict[int, float]]:
    """Median seconds of each candidate at each N, the candidates taking turns."""
    found: dict[C, dict[int, float]] = {candidate: {} for candidate in candidates}
    for n in rows:
        timed, count = {}, 1
        for index, candidate in enumerate(candidates):
            ready = calls(candidate, n)
            lab.clock.seconds(ready)
            if n <= _CAPTURED:
                count = len(ready)
                ready = [lab.clock.capture(ready)[0]]
            timed[str(index)] = ready
        turns = take_turns(lab.clock, timed, budget=budget, rounds=(1, 1) if lab.rehearsal else (3, 9))
        for index, candidate in enumerate(candidates):
            found[candidate][n] = spread(turns[str(index)])[0] / (count if n <= _CAPTURED else 1)
    return found


def _print(stage: str, times: Mapping[C, Mapping[int, float]], rejected: Mapping[C, str], before: C, chosen: C) -> None:
    """The table of what a stage tried, best first, each by what it changes of the config before."""
    found = scores(times)
    print(f"  {stage}: geometric mean over the best, milliseconds at each N", flush=True)
    for candidate in sorted(found, key=lambda one: found[one]):
        cells = " ".join(f"{n}:{seconds * 1e3:.4g}" for n, seconds in times[candidate].items())
        print(f"  {'*' if candidate == chosen else ' '} {found[candidate]:.3f}  {cells}  {changes(candidate, before)}")
    for candidate, reason in rejected.items():
        print(f"    rejected: {reason}  {changes(candidate, before)}")


def linear_search(
    lab: Lab,
    d: int,
    v: int,
    dtype: torch.dtype,
    *,
    deadline: float,
    stages: Sequence[str] = STAGES,
    targets: Sequence[Tile] = TARGET_TILES,
) -> dict[str, Any]:
    """The table's row for hidden [*, d] and weight [v, d]: a descent from the present config, stage by stage."""
    name, limits = architecture(lab.device), Limits.of(lab.device)
    best = linear_config(name, dtype, d, v)
    known: dict[LinearConfig, str | None] = {}
    rows = TOY_ROWS if lab.rehearsal else ROWS
    offsets = torch.arange(max(rows) + 1, device=lab.device)
    inputs = {n: lab.rotated(n, d, v, dtype) for n in rows}

    def calls(config: LinearConfig, n: int) -> list[Call]:
        return [partial(linear_logprobs, *one, offsets[: n + 1], config=config) for one in inputs[n]]

    for stage in stages:
        if time.monotonic() > deadline:
            print(f"  {stage}: no time left")
            continue
        tried = [best, *neighbours(best, limits, dtype.itemsize, (stage,))]
        _compile(lab, [config for config in tried if config not in known], inputs, offsets)
        for config in tried:
            if config not in known and time.monotonic() <= deadline:
                known[config] = verify_linear(lab, config, d, v, dtype)
        usable = [config for config in tried if config in known and known[config] is None]
        rejected = {config: reason for config in tried if (reason := known.get(config))}
        times = times_of(lab, usable, calls, rows, _BUDGET)
        before, best = best, choose(times, best)
        _print(stage, times, rejected, before, best)
    best = _target_stage(lab, best, targets, inputs[max(rows)][0], offsets)
    if reason := verify_linear(lab, best, d, v, dtype):
        print(f"  the best config found is no good on other data, the present one stays: {reason}")
        best = linear_config(name, dtype, d, v)
    return linear_row(best, name, dtype.itemsize, d, v)


def _compile(
    lab: Lab, configs: Sequence[LinearConfig], inputs: Mapping[int, Sequence[LinearInputs]], offsets: Tensor
) -> None:
    """Fill Triton's cache from several threads, as most of a search is compilation; what fails, fails again later."""

    def run(config: LinearConfig) -> None:
        for n in (min(inputs), max(inputs)):
            with suppress(Exception):
                linear_logprobs(*inputs[n][0], offsets[: n + 1], config=config)

    if not lab.rehearsal:  # Triton's interpreter runs in one thread only.
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            list(pool.map(run, configs))
        torch.cuda.synchronize()


def _target_stage(lab: Lab, best: LinearConfig, tiles: Sequence[Tile], inputs: Any, offsets: Tensor) -> LinearConfig:
    """The tile of the candidates' logits: its rows are candidates, not the batch's."""
    hidden, weight, targets = inputs
    v, d = weight.shape
    candidates, rejected = [best], {}
    for tile in tiles:
        config = best._replace(target=tile)
        reason = verify_linear(lab, config, d, v, weight.dtype)
        if reason:
            rejected[config] = reason
        elif config != best:
            candidates.append(config)

    def calls(config: LinearConfig, n: int) -> list[Call]:
        return [partial(target_logits, hidden[:n], weight, targets[:n], offsets[: n + 1], config=config)]

    times = times_of(lab, candidates, calls, [n for n in TARGETS if n <= hidden.shape[0]], _BUDGET)
    chosen = choose(times, best)
    _print("target", times, rejected, best, chosen)
    return chosen


def ready_search(lab: Lab, v: int, dtype: torch.dtype) -> dict[str, Any]:
    """The table's row for logits [*, v]: every candidate, with all outputs."""
    name = architecture(lab.device)
    present = ready_config(name, dtype, v)
    rows = TOY_ROWS if lab.rehearsal else (1, 16, 256, 4096)
    inputs = {n: [_ready_inputs(lab, n, v, dtype) for _ in range(2)] for n in rows}
    candidates, rejected = [], {}
    for config in dict.fromkeys([present, *ready_candidates()]):
        logits, targets, offsets = inputs[max(rows)][0]
        forget()
        try:
            with poisoned():
                found = logprobs(logits, targets, offsets, config=config).logprob
            error = logprob_error(found[:64], truth(logits[:64], targets[:64]).logprob)
            reason = f"logprob is off by {error:.2e}" if not error <= LARGEST_ERROR else spills() and "spills"
        except Exception as caught:
            reason = why(caught)
        if reason:
            rejected[config] = reason
        else:
            candidates.append(config)

    def calls(config: ReadyConfig, n: int) -> list[Call]:
        wanted = Wanted(entropy=True, rank=True)
        return [partial(logprobs, *one, wanted=wanted, config=config) for one in inputs[n]]

    times = times_of(lab, candidates, calls, rows, _BUDGET)
    chosen = choose(times, present)
    _print("ready", times, rejected, present, chosen)
    return ready_row(chosen, name, dtype.itemsize, v)


def _ready_inputs(lab: Lab, n: int, v: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    return lab.randn(n, v, dtype=dtype, scale=SPREAD), lab.targets(n, v), torch.arange(n + 1, device=lab.device)
