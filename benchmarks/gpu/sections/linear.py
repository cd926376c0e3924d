"""Log-probabilities from hidden states, from one row to thousands (targets 1 to 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor

from benchmarks.gpu.contest import OURS, Contestant, Outcome, contest
from benchmarks.gpu.lab import Lab
from benchmarks.gpu.peers import CUBLAS, MM, VERL, linear_peers, matrix_product, ours
from benchmarks.gpu.targets import Row
from benchmarks.gpu.truth import LARGEST_ERROR, complaints, logits_of, logprob_error, sample, truth
from pyscore import TokenScores

__all__ = ["check", "large", "linear_row", "middle", "narrow", "small"]

SIZES = ((896, 151936), (2048, 151936), (4096, 128256), (8192, 128256))
TOY = ((32, 150),)
_WRONG = 1.0
"""A peer's log-probability that is further off is another function, and its time means nothing."""


def check(lab: Lab, n: int, d: int, v: int) -> Callable[[Callable[..., Any]], float | None]:
    """Runs a function on fresh inputs; pyscore's result must keep the tolerance."""
    inputs = lab.fresh(n, d, v)
    rows = sample(n)
    logits = logits_of(inputs, rows)
    expected = truth(logits, inputs.targets[rows.to(lab.device)]).logprob

    def error(function: Callable[..., Any]) -> float | None:
        found = function(*inputs)
        if found is None:
            return None
        if isinstance(found, TokenScores):
            if wrong := complaints(found, rows, logits, inputs.targets, LARGEST_ERROR):
                raise AssertionError("; ".join(wrong))
            found = found.logprob
        assert isinstance(found, Tensor)
        difference = logprob_error(found[rows.to(lab.device)], expected)
        if difference > _WRONG:
            raise AssertionError(f"its log-probability is off by {difference:.2g}")
        return difference

    return error


def linear_row(
    lab: Lab, n: int, d: int, v: int, contestants: Sequence[Contestant], *, graph: bool, cases_left: int
) -> Row:
    """One size: checked, timed, with its work counted."""
    case = f"N={n} D={d} V={v}"
    sets = lab.rotated(n, d, v)
    budget = max(lab.left, 0.0) / cases_left / 2  # the other half is for checks, compilation and warming up
    outcomes = contest(lab, case, contestants, sets, check(lab, n, d, v), graph=graph, budget=budget)
    weight = sets[0].weight
    facts = {"n": n, "d": d, "v": v, "flops": 2.0 * n * d * v, "bytes": weight.nbytes, "sets": len(sets)}
    return Row(case, facts, outcomes)


def _peers(lab: Lab, chunks: bool) -> list[Contestant]:
    return linear_peers(backend="eager" if lab.rehearsal else "inductor", chunks=chunks)


def _best(outcomes: dict[str, Outcome], name: str) -> float | None:
    return outcomes[name].best if name in outcomes else None


def large(lab: Lab) -> Iterator[Row]:
    """Target 1: thousands of rows, beside the bare product."""
    cases = [(n, 4096, v) for v in (128256, 262144) for n in (4096, 8192)]
    cases = [(3, *TOY[0])] if lab.rehearsal else cases
    for i, (n, d, v) in enumerate(cases):
        product, chunks = matrix_product(n, v, 2)
        row = linear_row(lab, n, d, v, [ours(), product, *_peers(lab, True)], graph=False, cases_left=len(cases) - i)
        row.facts["chunks of torch.mm"] = chunks
        ours_seconds = _best(row.outcomes, OURS)
        row.measure("mm", _best(row.outcomes, MM), ours_seconds)
        row.measure("verl", _best(row.outcomes, VERL), ours_seconds)
        yield row


def narrow(lab: Lab) -> Iterator[Row]:
    """Target 2: a narrow model, where the pass over the logits costs as much as the product."""
    n, d, v = (3, *TOY[0]) if lab.rehearsal else (4096, 896, 151936)
    product, _ = matrix_product(n, v, 2)
    row = linear_row(lab, n, d, v, [ours(), product, *_peers(lab, True)], graph=False, cases_left=1)
    row.measure("narrow", _best(row.outcomes, CUBLAS), _best(row.outcomes, OURS))
    yield row


def small(lab: Lab) -> Iterator[Row]:
    """Target 3: few rows, where W is read once; times in a CUDA graph, without the host's launches."""
    cases = [(n, d, v) for d, v in SIZES for n in (1, 4, 16, 64)]
    cases = [(n, *TOY[0]) for n in (1, 2)] if lab.rehearsal else cases
    for i, (n, d, v) in enumerate(cases):
        row = linear_row(lab, n, d, v, [ours(), *_peers(lab, False)], graph=True, cases_left=len(cases) - i)
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
        row = linear_row(lab, n, d, v, [ours(), product, *_peers(lab, True)], graph=False, cases_left=len(cases) - i)
        floor = max(row.facts["bytes"] / lab.ceilings.copy, row.facts["flops"] / lab.ceilings.mm)
        row.facts["floor"] = floor
        seconds = _best(row.outcomes, OURS)
        share = floor / seconds if seconds else None
        if n >= 256 or lab.rehearsal:
            row.measures["roofline"] = share
        else:
            row.facts["roofline"] = share  # the target begins at 256 rows
        yield row
