"""Compared answers against the float64 definition."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pyscore.kernels.score_answers import score_answers
from pyscore.ops.compare import SETS, TIES
from pyscore.ops.reference import REFERENCE
from pyscore.ops.request import AnswerRequest, ComparisonTensors
from tests.kernels.cases import DEVICE, offsets_of
from tests.ops.requests import compared

INF = float("inf")
TOLERANCE = {torch.float32: {"rtol": 1e-6, "atol": 1e-7}, torch.float64: {"rtol": 1e-12, "atol": 1e-12}}
Questions = list[list[tuple[bool, list[float]]]]
POLICIES = list(itertools.product(SETS, TIES))

# a question is a list of answers: (is it a matching one, log-probabilities of its tokens)
EVEN: Questions = [[(True, [-1.0, -0.5]), (False, [-1.5])], [(False, [-0.25]), (True, [-0.25])]]
UNEVEN: Questions = [
    [(False, [-3.0]), (True, [-1.0, -1.0]), (False, [-2.5]), (True, [-2.0])],
    [(True, [-0.125] * 50), (False, [-4.0])],
    [(False, [-800.0]), (True, [-802.0]), (False, [-900.0])],
]
IMPOSSIBLE: Questions = [
    [(False, [-INF]), (True, [-1.0, -INF]), (True, [-INF])],
    [(True, [-INF]), (False, [-2.0])],
    [(True, [-2.0]), (False, [-INF])],
]


NAN = float("nan")
UNKNOWN: Questions = [
    [(True, [NAN]), (False, [NAN])],
    [(True, [NAN]), (False, [-INF])],
    [(True, [NAN]), (True, [-1.0]), (False, [-2.0])],
    [(True, [-1.0]), (False, [-2.0, NAN]), (False, [-3.0])],
    [(True, [-1.0]), (False, [-2.0])],
]


def tensors(questions: Questions, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Token log-probabilities, answer offsets, question offsets and the flags."""
    answers = [answer for question in questions for answer in question]
    tokens = torch.tensor([token for _, answer in answers for token in answer], dtype=dtype, device=DEVICE)
    flags = torch.tensor([matching for matching, _ in answers], dtype=torch.bool, device=DEVICE)
    return tokens, offsets_of([len(answer) for _, answer in answers]), offsets_of([len(q) for q in questions]), flags


def check(
    questions: Questions,
    dtype: torch.dtype = torch.float64,
    divisor: Tensor | None = None,
    unconditional: Tensor | None = None,
    sets: str = "max",
    ties: str = "half",
) -> ComparisonTensors:
    """The kernel's comparison, which agrees with the definition."""
    inputs = (*tensors(questions, dtype), divisor, unconditional)
    request = AnswerRequest(*inputs, sets=sets, ties=ties)
    actual = ComparisonTensors.empty(request.token_logprob, len(questions))
    score_answers(request, actual)
    expected = compared(REFERENCE, request)
    for name, ours, theirs in zip(ComparisonTensors._fields, actual, expected, strict=True):
        limits: dict[str, Any] = TOLERANCE[dtype] if ours.is_floating_point() else {"rtol": 0.0, "atol": 0.0}
        torch.testing.assert_close(ours, theirs, equal_nan=True, msg=f"{name}: {{}}".format, **limits)
    return actual


@pytest.mark.parametrize(("sets", "ties"), POLICIES)
@pytest.mark.parametrize("questions", [EVEN, UNEVEN, IMPOSSIBLE], ids=["even", "uneven", "impossible"])
def test_every_policy_agrees_with_the_definition(questions: Questions, sets: str, ties: str) -> None:
    check(questions, sets=sets, ties=ties)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_normalised_answers_agree_with_the_definition(dtype: torch.dtype) -> None:
    divisor = torch.arange(1, 10, device=DEVICE).to(dtype)
    unconditional = -torch.arange(9, device=DEVICE).to(dtype) / 4
    check(UNEVEN, dtype, divisor=divisor)
    check(UNEVEN, dtype, divisor=divisor, unconditional=unconditional)


def test_equal_answers_tie_and_the_policy_decides() -> None:
    assert [check(EVEN, ties=ties).prefers.tolist() for ties in ("half", "strict", "first")] == [
        [0.5, 0.5], [0.0, 0.0], [1.0, 0.0],
    ]  # fmt: skip
    assert check(EVEN).tie.tolist() == [True, True]


def test_impossible_answers_count_as_equal() -> None:
    scores = check(IMPOSSIBLE)
    assert scores.probability.tolist() == pytest.approx([2 / 3, 0.0, 1.0])
    assert scores.margin.tolist() == [0.0, -INF, INF]


@pytest.mark.parametrize("sets", ["max", "sum"])
def test_a_nan_makes_its_question_unknown(sets: str) -> None:
    scores = check(UNKNOWN, sets=sets)
    assert scores.log_odds.isnan().tolist() == scores.margin.isnan().tolist() == [True] * 4 + [False]
    assert scores.predicted.tolist() == [-1] * 4 + [0]
    assert not scores.tie.any() and scores.prefers.tolist() == [0.0] * 4 + [1.0]


def test_no_questions() -> None:
    assert check([]).tie.shape == (0,)


def test_a_question_does_not_depend_on_its_neighbours() -> None:
    questions = (UNEVEN + EVEN + IMPOSSIBLE) * 4  # more than one program
    together = check(questions)
    for index in (0, 5, len(questions) - 1):
        alone = check([questions[index]])
        assert all(torch.equal(a[index : index + 1], b) for a, b in zip(together, alone, strict=True))


token = st.integers(-40, 0).map(lambda quarter: quarter / 4)
answer = st.lists(token, min_size=1, max_size=20)
matching = st.tuples(st.just(True), answer)
other = st.tuples(st.just(False), answer)
more = st.lists(st.one_of(matching, other), max_size=3)
question = st.tuples(matching, other, more).map(lambda drawn: [*drawn[2], drawn[0], drawn[1]])


@settings(max_examples=20)
@given(drawn=st.lists(question, max_size=4), policy=st.sampled_from(POLICIES))
def test_random_questions(drawn: Questions, policy: tuple[str, str]) -> None:
    check(drawn, sets=policy[0], ties=policy[1])
