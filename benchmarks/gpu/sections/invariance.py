"""A row's bits at any batch size, and what the table's choice, made without N, costs at each N (target 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

import pyscore
from benchmarks.clock import Call, spread, take_turns
from benchmarks.gpu.contest import OURS, Outcome, why
from benchmarks.gpu.lab import SPREAD, Lab
from benchmarks.gpu.sections.linear import TOY
from benchmarks.gpu.targets import Row
from benchmarks.peers import ALL_OUTPUTS
from pyscore import TokenScores
from tools.tuning import Limits, neighbours

__all__ = ["BATCHES", "invariance"]

BATCHES = tuple(sorted({2**power + step for power in range(14) for step in (-1, 0, 1)} - {0, 8193}))
"""Every power of two up to 8192 and its neighbours, among them every edge between the kernels' tiles."""
SHAPES = ((896, 151936), (4096, 128256), (768, 50257))
COST = (1, 16, 64, 256, 1024, 4096)


def _different(scores: TokenScores, pool: TokenScores, rows: Tensor, names: Sequence[str]) -> int:
    """How many entries differ in their bits; none should be NaN here, so one that is counts as well."""
    count = 0
    for name in names:
        found, expected = getattr(scores, name), getattr(pool, name)[rows]
        if found.is_floating_point():
            count += int(found.isnan().sum())
            found, expected = found.view(torch.int32), expected.view(torch.int32)
        count += int((found != expected).sum())
    return count


def _bits(
    lab: Lab, case: str, most: int, score: Callable[[Tensor, tuple[str, ...]], TokenScores], batches: Sequence[int]
) -> Row:
    """Rows cut out of one batch of ``most``, alone and in permuted batches, with every output and with one."""
    pool = score(torch.arange(most, device=lab.device), ALL_OUTPUTS)
    batches = [n for n in batches if n <= most]
    by_batch: dict[int, int] = {}
    for n in batches:
        for _ in range(3 if n <= 2 else 1):
            rows = torch.randperm(most, generator=lab.generator, device=lab.device)[:n]
            different = _different(score(rows, ALL_OUTPUTS), pool, rows, ALL_OUTPUTS)
            different += _different(score(rows, ("logprob",)), pool, rows, ("logprob",))
            by_batch[n] = by_batch.get(n, 0) + different
    wrong = {n: count for n, count in by_batch.items() if count}
    if wrong:
        lab.fail(f"{case}: bits differ from those in a batch of {most} at N = {', '.join(map(str, wrong))}")
    facts = {"batches": list(by_batch), "different": wrong}
    return Row(case, facts, measures={"bits": float(sum(by_batch.values()))})


def _linear_bits(lab: Lab, d: int, v: int, most: int) -> Row:
    hidden, weight, targets = lab.fresh(most, d, v)

    def score(rows: Tensor, names: tuple[str, ...]) -> TokenScores:
        return pyscore.linear_logprobs(hidden[rows], weight, targets[rows], outputs=names, backend="triton")

    return _bits(lab, f"bits D={d} V={v}", most, score, BATCHES)


def _ready_bits(lab: Lab, v: int, most: int) -> Row:
    logits, targets = lab.randn(most, v, dtype=torch.bfloat16, scale=SPREAD), lab.targets(most, v)

    def score(rows: Tensor, names: tuple[str, ...]) -> TokenScores:
        return pyscore.logprobs(logits[rows], targets[rows], outputs=names, backend="triton")

    return _bits(lab, f"bits of ready logits V={v}", most, score, BATCHES)


def _cost(lab: Lab, n: int, d: int, v: int, budget: float) -> Row:
    """The public call's config beside its neighbours in the tuner's grid, each free to be good at this N alone."""
    from benchmarks.gpu.launchers import linear_logprobs
    from pyscore.kernels.configs import architecture, linear_config

    start = lab.left
    row = Row(f"tuned for N={n} D={d} V={v}", {"n": n, "d": d, "v": v})
    sets = lab.rotated(n, d, v)
    table = linear_config(architecture(lab.device), torch.bfloat16, d, v)
    offsets = torch.arange(n + 1, device=lab.device)
    calls: dict[str, list[Call]] = {}
    for config in [table, *neighbours(table, Limits.of(lab.device), itemsize=2)[: 2 if lab.rehearsal else None]]:
        if calls and start - lab.left > budget * 0.7:
            break
        name = OURS if config == table else repr(config)
        rotated: list[Call] = [partial(linear_logprobs, *inputs, offsets, config=config) for inputs in sets]
        try:
            lab.clock.seconds(rotated)
            calls[name] = [lab.clock.capture(rotated)[0]] if n <= 64 else rotated
        except Exception as caught:  # A candidate that doesn't compile or launch is rejected.
            row.facts.setdefault("rejected", {})[name] = why(caught)
    if OURS not in calls:
        lab.fail(f"{row.case}: {row.facts['rejected'][OURS]}")
        return row
    found = take_turns(lab.clock, calls, budget=budget * 0.3, rounds=lab.rounds)
    scale = len(sets) if n <= 64 else 1
    medians = {name: spread(times)[0] / scale for name, times in found.items()}
    fastest = min(medians, key=medians.__getitem__)
    row.facts |= {"fastest": fastest, "candidates": medians}
    for name, chosen in ((OURS, OURS), ("fastest candidate", fastest)):
        row.outcomes[name] = Outcome(seconds=[value / scale for value in found[chosen]])
    row.measure("tuned", medians[OURS], medians[fastest])
    return row


def invariance(lab: Lab) -> Iterator[Row]:
    """Bits first, which are quick; the rest of the section's time goes to candidates."""
    most = 6 if lab.rehearsal else 8192
    shapes, cost = (TOY, (2,)) if lab.rehearsal else (SHAPES, COST)
    for d, v in shapes:
        yield _linear_bits(lab, d, v, most)
        lab.empty_cache()
    yield _ready_bits(lab, shapes[0][1], most)
    lab.empty_cache()
    d, v = TOY[0] if lab.rehearsal else (4096, 128256)
    for i, n in enumerate(cost):
        yield _cost(lab, n, d, v, max(lab.left, 0.0) / (len(cost) - i))
