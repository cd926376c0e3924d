"""Log-probabilities from hidden states, from one row to thousands (targets 1 to 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pyscore
from benchmarks.gpu.contest import OURS, Outcome, contest
from benchmarks.gpu.lab import Lab
from benchmarks.gpu.targets import Row
from benchmarks.gpu.truth import checker, logits_of, sample
from benchmarks.peers import CUBLAS, MM, VERL, Contestant, gpu_linear_peers, matrix_product

__all__ = ["SIZES", "TOY", "large", "middle", "narrow", "small"]

SIZES = ((896, 151936), (2048, 151936), (4096, 128256), (8192, 128256))
TOY = ((32, 150),)


def _row(lab: Lab, n: int, d: int, v: int, contestants: Sequence[Contestant], *, graph: bool, cases_left: int) -> Row:
    """One size: checked, timed, with its work counted."""
    case = f"N={n} D={d} V={v}"
    sets = lab.rotated(n, d, v)
    budget = max(lab.left, 0.0) / cases_left / 2  # the other half is for checks, compilation and warming up
    inputs, rows = lab.fresh(n, d, v), sample(n)
    error = checker(inputs, rows, logits_of(inputs, rows), inputs.targets)
    outcomes = contest(lab, case, contestants, sets, error, graph=graph, budget=budget)
    weight = sets[0].weight
    facts = {"n": n, "d": d, "v": v, "flops": 2.0 * n * d * v, "bytes": weight.nbytes, "sets": len(sets)}
    return Row(case, facts, outcomes)


def _ours() -> Contestant:
    return Contestant(OURS, lambda: partial(pyscore.linear_logprobs, backend="triton"))


def _peers(lab: Lab, chunks: bool) -> list[Contestant]:
    return gpu_linear_peers(backend="eager" if lab.rehearsal else "inductor", chunks=chunks)


def _best(outcomes: dict[str, Outcome], name: str) -> float | None:
    return outcomes[name].best if name in outcomes else None


def large(lab: Lab) -> Iterator[Row]:
    """Target 1: thousands of rows, beside the bare product."""
    cases = [(n, 4096, v) for v in (128256, 262144) for n in (4096, 8192)]
    cases = [(3, *TOY[0])] if lab.rehearsal else cases
    for i, (n, d, v) in enumerate(cases):
        product, chunks = matrix_product(n, v, 2)
        row = _row(lab, n, d, v, [_ours(), product, *_peers(lab, True)], graph=False, cases_left=len(cases) - i)
        row.facts["chunks of torch.mm"] = chunks
        ours_seconds = _best(row.outcomes, OURS)
        row.measure("mm", _best(row.outcomes, MM), ours_seconds)
        row.measure("verl", _best(row.outcomes, VERL), ours_seconds)
        yield row


def narrow(lab: Lab) -> Iterator[Row]:
    """Target 2: a narrow model, where the pass over the logits costs as much as the product."""
    n, d, v = (3, *TOY[0]) if lab.rehearsal else (4096, 896, 151936)
    product, _ = matrix_product(n, v, 2)
    row = _row(lab, n, d, v, [_ours(), product, *_peers(lab, True)], graph=False, cases_left=1)
    row.measure("narrow", _best(row.outcomes, CUBLAS), _best(row.outcomes, OURS))
    yield row


def small(lab: Lab) -> Iterator[Row]:
    """Target 3: few rows, where W is read once; times in a CUDA graph, without the host's launches."""
    cases = [(n, d, v) for d, v in SIZES for n in (1, 4, 16, 64)]
    cases = [(n, *TOY[0]) for n in (1, 2)] if lab.rehearsal else cases
    for i, (n, d, v) in enumerate(cases):
        row = _row(lab, n, d, v, [_ours(), *_peers(lab, False)], graph=True, cases_left=len(cases) - i)
        seconds = _best(row.outcomes, OURS)
        row.measure("bandwidth", row.facts["bytes"] / lab.ceilings.copy, seconds)
        row.measure("cublas", _best(row.outcomes, CUBLAS), seconds)
        yield row


def middle(lab: Lab) -> Iterator[Row]:
    """Target 4: between reading W and computing."""
    cases = [(n, 4096, 128256) for n in (128, 256, 512, 1024)]
    cases = [(3, *TOY[0])] if lab.rehearsal else cases
    for i, (n, d, v) in enumerate(cases):
        product, _ = matrix_product(n, v, 2)
        row = _row(lab, n, d, v, [_ours(), product, *_peers(lab, True)], graph=False, cases_left=len(cases) - i)
        floor = max(row.facts["bytes"] / lab.ceilings.copy, row.facts["flops"] / lab.ceilings.mm)
        row.facts["floor"] = floor
        seconds = _best(row.outcomes, OURS)
        share = floor / seconds if seconds else None
        if n >= 256 or lab.rehearsal:
            row.measures["roofline"] = share
        else:
            row.facts["roofline"] = share  # The target is for 256 rows and more.
        yield row
