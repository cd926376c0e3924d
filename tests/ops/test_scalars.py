"""Numbers are taken as callers have them, and a kernel sees what was checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pyscore import linear_logprobs, logprobs
from pyscore.ops.scalars import as_float, as_int
from tests.ops.cases import OUTPUTS, READY, assert_same_bits, every_backend, scores_close

LEAST, GREATEST = 2.0**-126, 2.0**126
LOGITS = torch.tensor([[3.0, 1.0, -2.0, 0.0]])
HIDDEN, WEIGHT = torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    "two", [2, np.int64(2), np.uint8(2), np.array(2), torch.tensor(2), torch.tensor(2, dtype=torch.int16)], ids=repr
)
def test_an_integer_of_any_kind_is_an_integer(two: Any) -> None:
    assert as_int(two, "n") == 2 and type(as_int(two, "n")) is int
    expected = logprobs(LOGITS, [3], top_k=2, vocab_start=2, ignore_index=2)
    assert_same_bits(logprobs(LOGITS, [3], top_k=two, vocab_start=two, ignore_index=two), expected)
    assert_same_bits(linear_logprobs(HIDDEN, WEIGHT, [3], top_k=two), linear_logprobs(HIDDEN, WEIGHT, [3], top_k=2))


@pytest.mark.parametrize(
    "half", [0.5, np.float32(0.5), np.array(0.5), torch.tensor(0.5), torch.tensor(0.5, dtype=torch.bfloat16)], ids=repr
)
def test_a_float_of_any_kind_is_a_float(half: Any) -> None:
    assert as_float(half, "x") == 0.5 and type(as_float(half, "x")) is float
    expected = linear_logprobs(HIDDEN, WEIGHT, [3], temperature=0.5, softcap=0.5, logit_scale=0.5)
    assert_same_bits(linear_logprobs(HIDDEN, WEIGHT, [3], temperature=half, softcap=half, logit_scale=half), expected)


@pytest.mark.parametrize("value", [True, np.True_, torch.tensor(True), np.array([1]), torch.ones(1), None, "1", 1j])
def test_truth_values_and_arrays_are_no_numbers(value: Any) -> None:
    with pytest.raises(TypeError, match="n must be an integer"):
        as_int(value, "n")
    with pytest.raises(TypeError, match="x must be a number"):
        as_float(value, "x")


@every_backend
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")  # of Triton's interpreter
@pytest.mark.parametrize("value", [LEAST, GREATEST])
@pytest.mark.parametrize("name", ["softcap", "temperature", "logit_scale"])
def test_the_least_and_the_greatest_number_taken_score_as_defined(backend: str, name: str, value: float) -> None:
    options: dict[str, Any] = {name: value, "outputs": OUTPUTS, "top_k": 2}
    expected = linear_logprobs(HIDDEN, WEIGHT, [1], backend="reference", **options)
    scores_close(linear_logprobs(HIDDEN, WEIGHT, [1], backend=backend, **options), expected, READY)
    if name != "logit_scale":
        scores_close(logprobs(LOGITS, [1], backend=backend, **options), expected, READY)


def test_a_temperature_of_float64_logits_is_not_rounded() -> None:
    logits = LOGITS.double()
    expected = (logits / 0.7).log_softmax(-1)[0, 1]
    for temperature in (0.7, torch.tensor([0.7], dtype=torch.float64)):
        found = logprobs(logits, [1], temperature=temperature).logprob.item()
        assert found == pytest.approx(expected.item(), rel=1e-14)
