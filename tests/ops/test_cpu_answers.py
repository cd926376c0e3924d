"""The compiled comparison of answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pyscore.ops.compare import TIES
from pyscore.ops.cpu import CPU
from pyscore.ops.reference import REFERENCE
from pyscore.ops.request import AnswerRequest
from tests.ops.cpu_cases import draw_ids
from tests.ops.requests import compared

pytestmark = pytest.mark.usefixtures("two_threads")


def ragged(n_questions: int, dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Token log-probabilities, answer offsets, question offsets, is_matching; coarse values, so that ties occur."""
    rng = np.random.default_rng(seed)
    per_question = rng.integers(2, 6, n_questions)
    n_answers = int(per_question.sum())
    tokens = rng.integers(0, 5, n_answers)
    logprob = -rng.integers(0, 6, int(tokens.sum())) / 2.0
    logprob[rng.random(logprob.size) < 0.1] = -np.inf
    question_offsets = np.concatenate([[0], per_question.cumsum()])
    matching = rng.random(n_answers) < 0.5
    matching[question_offsets[:-1]] = rng.random(n_questions) < 0.5
    matching[question_offsets[1:] - 1] = ~matching[question_offsets[:-1]]
    return (
        torch.from_numpy(logprob).to(dtype),
        torch.from_numpy(np.concatenate([[0], tokens.cumsum()])),
        torch.from_numpy(question_offsets),
        torch.from_numpy(matching),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("sets", ["max", "sum"])
@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("normalized", [False, True])
def test_answers_agree_with_the_definition(dtype: torch.dtype, sets: str, ties: str, normalized: bool) -> None:
    problem = ragged(1500, dtype)
    n_answers = problem[3].numel()
    divisor = 1 + draw_ids(n_answers, 4).to(dtype) if normalized else None
    unconditional = -draw_ids(n_answers, 4).to(dtype) if normalized else None
    request = AnswerRequest(*problem, divisor, unconditional, sets, ties)
    ours, theirs = compared(CPU, request), compared(REFERENCE, request)
    for name, mine, defined in zip(ours._fields, ours, theirs, strict=True):
        if name in ("tie", "predicted", "prefers", "margin"):
            assert torch.equal(mine, defined), name
        torch.testing.assert_close(mine, defined, rtol=1e-6, atol=1e-12, msg=name)
    assert 0 < ours.tie.sum() < 1500


def test_answers_have_the_same_bits_for_any_number_of_threads_and_any_batch() -> None:
    tokens, answers, questions, matching = ragged(2000, torch.float32)
    request = AnswerRequest(tokens, answers, questions, matching, sets="sum", ties="first")
    whole = compared(CPU, request)
    torch.set_num_threads(3)
    again = compared(CPU, request)
    for mine, other in zip(whole, again, strict=True):
        assert torch.equal(mine, other)
    for q in (0, 999, 1999):
        a, b = questions[q : q + 2].tolist()
        first, last = answers[a], answers[b]
        part = (tokens[first:last], answers[a : b + 1] - first, torch.tensor([0, b - a]), matching[a:b])
        single = compared(CPU, AnswerRequest(*part, sets="sum", ties="first"))
        for mine, other in zip(single, whole, strict=True):
            assert torch.equal(mine, other[q : q + 1])


def test_far_log_probabilities_keep_their_difference() -> None:
    tokens = torch.tensor([-100_000.0, -100_001.0], dtype=torch.float64)
    request = AnswerRequest(tokens, torch.arange(3), torch.tensor([0, 2]), torch.tensor([True, False]))
    scores = compared(CPU, request)
    assert scores.probability.item() == pytest.approx(1 / (1 + np.exp(-1)), rel=1e-15)
    assert scores.coverage.item() == 0.0
