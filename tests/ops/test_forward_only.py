"""A caller who may wait for gradients is told once that results carry none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

from pyscore import compare_answers, linear_logprobs, logprobs, score_answers

ROWS, WEIGHT, TARGETS = torch.randn(2, 5), torch.randn(5, 5), torch.tensor([0, 1])
VALUES, QUESTIONS, FLAGS = torch.full((2,), -1.0), [0, 2], [True, False]


def grad(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.clone().requires_grad_()


CALLS: list[tuple[str, Callable[[], Any]]] = [
    ("logprobs .* to logits", lambda: logprobs(grad(ROWS), TARGETS)),
    ("logprobs .* to temperature", lambda: logprobs(ROWS, TARGETS, temperature=grad(torch.ones(2)))),
    ("linear_logprobs .* to hidden, weight", lambda: linear_logprobs(grad(ROWS), torch.nn.Parameter(WEIGHT), TARGETS)),
    ("linear_logprobs .* to bias", lambda: linear_logprobs(ROWS, WEIGHT, TARGETS, bias=grad(ROWS[0]))),
    ("compare_answers .* to answer_logprob", lambda: compare_answers(grad(VALUES), QUESTIONS, FLAGS)),
    ("score_answers .* to token_logprob", lambda: score_answers(grad(VALUES), [0, 1, 2], QUESTIONS, FLAGS)),
]


@pytest.mark.parametrize(("message", "call"), CALLS, ids=[message for message, _ in CALLS])
def test_an_input_that_requires_grad_is_warned_of_once_at_the_callers_line(
    message: str, call: Callable[[], Any]
) -> None:
    with pytest.warns(UserWarning, match=message) as caught:
        scores = call()
    assert not any(value.requires_grad for value in vars(scores).values() if isinstance(value, torch.Tensor))
    assert len(caught) == 1 and caught[0].filename == __file__


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize(("_", "call"), CALLS, ids=[message for message, _ in CALLS])
def test_nothing_is_said_where_no_gradient_is_recorded(
    _: str, call: Callable[[], Any], mode: Callable[[], Any]
) -> None:
    with warnings.catch_warnings(), mode():
        warnings.simplefilter("error")
        call()


def test_nothing_is_said_of_inputs_that_require_none() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        linear_logprobs(ROWS, WEIGHT, TARGETS)


def test_a_call_in_a_loop_warns_once() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            logprobs(grad(ROWS), TARGETS)
    assert len(caught) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_call_warns_and_stays_one_graph() -> None:
    compiled = torch.compile(lambda rows: logprobs(rows, TARGETS).logprob, fullgraph=True, backend="eager")
    with pytest.warns(UserWarning, match="logprobs is forward only"):
        found = compiled(grad(ROWS))
    assert torch.equal(found, logprobs(ROWS, TARGETS).logprob)
