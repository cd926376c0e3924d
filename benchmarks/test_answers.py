"""Ragged sums and the comparison of answers on the CPU, for a million questions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.clock import side_by_side
from pyscore import Comparison, score_answers

QUESTIONS, ANSWERS, TOKENS = 1_000_000, 2, 3


def _dense(tokens: Tensor, *ragged: Tensor) -> tuple[Tensor, ...]:
    """What the kernel computes, where every answer has three tokens and every question two answers."""
    score = tokens.view(QUESTIONS, ANSWERS, TOKENS).double().sum(-1)
    mass, odds = score.exp(), score[:, 0] - score[:, 1]
    return odds.sigmoid(), mass[:, 0], mass.sum(-1), odds, (odds.sign() + 1) / 2, odds == 0, score.argmax(-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_answers(benchmark: Any, dtype: torch.dtype) -> None:
    answers = QUESTIONS * ANSWERS
    ragged = (
        torch.arange(answers + 1) * TOKENS,
        torch.arange(QUESTIONS + 1) * ANSWERS,
        torch.tensor([True, False]).repeat(QUESTIONS),
    )
    inputs = [(-torch.rand(answers * TOKENS, dtype=dtype), *ragged) for _ in range(3)]
    compiled = torch.compile(_dense, dynamic=False)
    ours: Comparison = score_answers(*inputs[0])
    for dense in (_dense, compiled):
        probability, raw, coverage, odds, prefers, *_ = dense(*inputs[0])
        for mine, theirs in zip(
            (ours.probability, ours.probability_raw, ours.coverage, ours.log_odds, ours.prefers),
            (probability, raw, coverage, odds, prefers),
            strict=True,
        ):
            torch.testing.assert_close(mine.double(), theirs, rtol=1e-6, atol=1e-6)
    side_by_side(
        benchmark, score_answers, {"torch eager": _dense, "torch.compile": compiled}, {}, inputs,
        rounds=15, kind="answers", n=QUESTIONS, dtype=str(dtype), bytes=inputs[0][0].nbytes,
    )  # fmt: skip
