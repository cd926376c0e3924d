"""Answers: read once, checked by name and row, and summed over questions without underflow."""

from __future__ import annotations

from math import exp, inf, log, nan
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyscore.metrics import Answers
from pyscore.metrics.core.logprob_math import segment_logsumexp, segment_softmax
from pyscore.metrics.question_values import Rule, per_question


@pytest.mark.parametrize("level", [0.0, -374.0, -1e4, -inf])
def test_sums_over_a_question_keep_what_exp_would_lose(level: float) -> None:
    values, offsets = np.array([level, level, level, -2.0]), np.array([0, 3, 4])
    assert segment_logsumexp(values, offsets) == pytest.approx([level + log(3), -2.0])
    assert segment_softmax(values, offsets) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])


def test_lengths_divide_and_the_unconditional_is_taken_off() -> None:
    answers = Answers([-6.0, -7.0], [0, 2], [True, False], [2, 7], [3, 5], [6, 5], unconditional=[-1.0, -4.0])
    scores: dict[str, Any] = {
        "sum": [-6, -7],
        "token": [-3, -1],
        "char": [-2, -1.4],
        "byte": [-1, -1.4],
        "pmi": [-5, -3],
    }
    for normalize, expected in scores.items():
        assert answers.scores(normalize) == pytest.approx(expected)
        assert per_question(answers, "margin", Rule(normalize)) == pytest.approx([expected[0] - expected[1]])
        assert per_question(answers, "coverage", Rule(normalize)) == pytest.approx([exp(-6) + exp(-7)])


def test_torch_numpy_and_lists_are_read_alike() -> None:
    lists = [-1.5, -2.5, -0.5], [0, 3], [False, True, False], [1, 2, 3]
    for kind in (torch.tensor, np.asarray, tuple):
        answers = Answers(*(kind(column) for column in lists))
        assert answers.logprob.dtype == np.float64 and answers.is_matching.dtype == np.bool_
        assert answers.n_tokens.dtype == answers.question_offsets.dtype == np.int64
        assert per_question(answers, "margin", Rule("token")).tolist() == [-1.25 + 0.5 / 3]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6))
def test_turned_twice_answers_are_as_they_were(counts: list[int]) -> None:
    n, offsets = sum(counts), np.concatenate([[0], np.cumsum(counts)])
    answers = Answers(-np.arange(n), offsets, np.arange(n) % 2 == 0, n_chars=np.arange(1, n + 1))
    turned = answers.backwards()
    assert turned.n_answers.tolist() == counts[::-1] and turned.logprob.tolist() == answers.logprob[::-1].tolist()
    for name, column in vars(answers).items():
        assert np.array_equal(getattr(turned.backwards(), name), column) or column is None


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ([2], r"gold\[0\] = 2, but question 0 has the answers 0 to 1"),
        ([-1], r"gold\[0\] = -1"),
        ([0, 1], "must be \\[1\\]"),
    ],
)
def test_a_right_answer_that_is_none_of_the_answers_is_refused(gold: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Answers.with_gold([-1.0, -2.0], [0, 2], gold)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (([0.5, -1.0], [0, 2], [True, False]), "logprob must be at most 0.*row 0 is 0.5"),
        (([-0.5, nan], [0, 2], [True, False]), "logprob must be at most 0.*row 1 is nan"),
        (([-0.5, -1.0], [0, 1], [True, False]), "question_offsets must end at 2"),
        (([-0.5, -1.0], [0, 2], [True]), "is_matching must be"),
        (([-0.5, -1.0], [0, 2], [True, False], [1, 0]), "n_tokens must be positive; row 1 is 0"),
        (([-0.5, -1.0], [0, 0, 2], [True, False]), "question 0 nothing"),
        (([-0.5, -1.0], [0, 2], [True, False], None, None, None, None, [-1.0, -inf]), "unconditional must be.*row 1"),
        (([-0.5, -1.0], [0, 2], [True, False], None, None, None, [1]), r"n_words must be \[2\]"),
    ],
)
def test_bad_answers_are_refused_by_name(fields: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Answers(*fields)
