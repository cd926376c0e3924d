"""Ragged answers of a million questions: one launch beside segment sums in PyTorch (no target of its own)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

import pyscore
from benchmarks.gpu.contest import OURS, contest
from benchmarks.gpu.lab import Lab
from benchmarks.gpu.targets import Row
from benchmarks.peers import Contestant, compiled
from pyscore import Comparison

__all__ = ["answers"]

TOLERANCE = 1e-5


class Answers(NamedTuple):
    """Tokens of answers of questions, as `score_answers` takes them."""

    token_logprob: Tensor
    answer_offsets: Tensor
    question_offsets: Tensor
    is_matching: Tensor


def _offsets(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _inputs(lab: Lab, questions: int) -> Answers:
    """2 to 4 answers a question, the first one matching; 1 to 8 tokens an answer."""

    def counts(low: int, high: int, size: int) -> Tensor:
        return torch.randint(low, high + 1, (size,), generator=lab.generator, device=lab.device)

    question_offsets = _offsets(counts(2, 4, questions))
    n_answers = int(question_offsets[-1])
    answer_offsets = _offsets(counts(1, 8, n_answers))
    tokens = -torch.rand(int(answer_offsets[-1]), generator=lab.generator, device=lab.device) * 4
    matching = torch.zeros(n_answers, dtype=torch.bool, device=lab.device)
    matching[question_offsets[:-1]] = True
    return Answers(tokens, answer_offsets, question_offsets, matching)


def _ours(*inputs: Tensor) -> Comparison:
    return pyscore.score_answers(*inputs, backend="triton")


def _rows_of(offsets: Tensor) -> Tensor:
    rows = torch.arange(offsets.shape[0] - 1, device=offsets.device)
    return rows.repeat_interleave(offsets.diff())


def _torch(tokens: Tensor, answer_offsets: Tensor, question_offsets: Tensor, is_matching: Tensor) -> tuple[Tensor, ...]:
    """What the kernel computes with the default options, as one writes it with scatters."""
    n_questions, n_answers = question_offsets.shape[0] - 1, is_matching.shape[0]
    question = _rows_of(question_offsets)
    score = tokens.new_zeros(n_answers, dtype=torch.float64).index_add_(0, _rows_of(answer_offsets), tokens.double())
    infinity = torch.full((n_questions,), -float("inf"), dtype=torch.float64, device=tokens.device)

    def best(values: Tensor) -> Tensor:
        return infinity.scatter_reduce(0, question, values, "amax")

    def mass(values: Tensor, largest: Tensor) -> Tensor:
        scaled = (values - largest[question]).exp()
        return torch.zeros_like(infinity).index_add_(0, question, scaled)

    matching, other = score.masked_fill(~is_matching, -float("inf")), score.masked_fill(is_matching, -float("inf"))
    best_matching, best_other = best(matching), best(other)
    log_odds = mass(matching, best_matching).log() + best_matching - mass(other, best_other).log() - best_other
    raw, coverage = mass(matching, torch.zeros_like(infinity)), mass(score, torch.zeros_like(infinity))
    margin = best_matching - best_other
    index = torch.arange(n_answers, device=tokens.device)
    reached = score == torch.maximum(best_matching, best_other)[question]
    first = torch.full_like(question_offsets[:-1], n_answers)
    first = first.scatter_reduce(0, question, index.where(reached, n_answers), "amin") - question_offsets[:-1]
    return log_odds.sigmoid(), raw, coverage, log_odds, margin, (margin.sign() + 1) / 2, margin == 0, first


def _check(lab: Lab, questions: int) -> Callable[[Callable[..., Any]], float | None]:
    inputs = _inputs(lab, questions)
    expected = pyscore.score_answers(inputs.token_logprob.double(), *inputs[1:], backend="reference")
    names = ("probability", "probability_raw", "coverage", "log_odds", "margin", "prefers")

    def error(function: Callable[..., Any]) -> float | None:
        found = function(*inputs)
        found = found if isinstance(found, Comparison) else Comparison(*found)
        for name in names:
            # float32 sums differ from float64's by rounding, and results are returned as float32
            torch.testing.assert_close(
                getattr(found, name).double(), getattr(expected, name), rtol=TOLERANCE, atol=TOLERANCE, msg=name
            )
        assert torch.equal(found.predicted, expected.predicted), "predicted"
        return None

    return error


def answers(lab: Lab) -> Iterator[Row]:
    """A million questions, beside PyTorch eager and compiled."""
    questions = 20 if lab.rehearsal else 1_000_000
    case = f"{questions:,} questions"
    sets = [_inputs(lab, questions) for _ in range(2)]
    size = sum(tensor.nbytes for tensor in sets[0])
    backend = "eager" if lab.rehearsal else "inductor"
    contestants = [
        Contestant(OURS, lambda: _ours),
        Contestant("torch eager", lambda: _torch, captures=False),
        Contestant("torch.compile", lambda: compiled(_torch, backend), captures=False),
    ]
    outcomes = contest(lab, case, contestants, sets, _check(lab, questions), graph=True, budget=max(lab.left, 0.0) / 2)
    row = Row(case, {"bytes": float(size)}, outcomes)
    if seconds := outcomes[OURS].best:
        row.facts["share of copy bandwidth"] = size / lab.ceilings.copy / seconds
    yield row
