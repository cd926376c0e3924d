"""The compiled kernels refuse results of another size than the request asks for: they would write beyond them."""

from __future__ import annotations

import pytest
import torch

from pyscore._extension import _C
from pyscore.ops.cpu import CPU, vector
from pyscore.ops.request import (
    AnswerRequest,
    ComparisonTensors,
    Projection,
    Targets,
    TokenRequest,
    TokenTensors,
    Wanted,
)

LOGITS, IDS = torch.zeros(4000, 20), torch.zeros(4000, dtype=torch.int64)
REQUEST = TokenRequest(Targets(IDS))
PROJECTION = Projection(torch.zeros(4000, 3), torch.zeros(20, 3))
OUT = TokenTensors.empty(LOGITS, 4000, 4000, Wanted())
TOP = REQUEST._replace(wanted=Wanted(top_k=3))
RANKED = REQUEST._replace(wanted=Wanted(rank=True))
FOUR = torch.zeros(4, dtype=torch.float64)


@pytest.mark.parametrize(
    ("request_", "out", "message"),
    [
        (TOP, OUT, r"out\.top_ids must have 12000 entries of 8 bytes, as the request asks for"),
        (REQUEST, TokenTensors.empty(LOGITS, 2, 4000, Wanted()), r"out\.logsumexp must have 4000 entries of 4 bytes"),
        (REQUEST, TokenTensors.empty(LOGITS, 4000, 2, Wanted()), r"out\.logprob must have 4000 entries"),
        (RANKED, OUT, r"out\.rank must have 4000 entries"),
        (REQUEST, TokenTensors.empty(LOGITS, 4000, 4000, Wanted(entropy=True)), r"out\.entropy must have 0 entries"),
        (REQUEST, TokenTensors.empty(LOGITS.double(), 4000, 4000, Wanted()), r"out\.logprob must have .* of 4 bytes"),
        (REQUEST, OUT._replace(logprob=torch.zeros(()).expand(4000)), "every field of out must be contiguous"),
        (REQUEST, OUT._replace(max_logit=torch.zeros(8000)[::2]), "every field of out must be contiguous"),
    ],
)
def test_results_that_are_not_what_the_request_asks_for_are_refused(
    request_: TokenRequest, out: TokenTensors, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        CPU.logprobs(LOGITS, request_, out)
    with pytest.raises(ValueError, match=message):
        CPU.linear_logprobs(PROJECTION, request_, None, out)


def test_addresses_that_hold_no_results_are_refused() -> None:
    ids, offsets = vector(IDS, torch.int64), vector(torch.arange(5), torch.int64)
    bound = _C.TokenRequest(ids, None, None, None, 1.0, -100, 0, Wanted())
    hidden, weight = (matrix.numpy() for matrix in PROJECTION[:2])
    answers = _C.AnswerRequest(None, offsets, vector(FOUR == 0, torch.bool), None, None, "max", "half")
    for nowhere in (0, 0), (0, 16000), (OUT.logprob.data_ptr(), -16000):
        with pytest.raises(ValueError, match=r"out\.logprob must have 4000 entries"):
            _C.logprobs(LOGITS.numpy(), "float32", bound, [nowhere] * 8, 1)
        with pytest.raises(ValueError, match=r"out\.logprob must have 4000 entries"):
            _C.linear_logprobs(hidden, weight, None, "float32", bound, None, [nowhere] * 8, 1)
        with pytest.raises(ValueError, match=r"out\.target_logits must have 4000 entries"):
            _C.target_logits(hidden, weight, None, "float32", bound, nowhere, 1)
        with pytest.raises(ValueError, match=r"out\.probability must have 4 entries of 8 bytes"):
            _C.score_answers(FOUR.numpy(), answers, [nowhere] * 8, 1)


def test_comparisons_of_another_size_or_dtype_are_refused() -> None:
    request = AnswerRequest(FOUR, None, torch.arange(5), FOUR == 0)
    for out in ComparisonTensors.empty(FOUR, 3), ComparisonTensors.empty(FOUR.float(), 4):
        with pytest.raises(ValueError, match=r"out\.probability must have 4 entries of 8 bytes"):
            CPU.score_answers(request, out)
    with pytest.raises(ValueError, match=r"out\.tie must have 4 entries of 1 bytes"):
        CPU.score_answers(request, ComparisonTensors.empty(FOUR, 4)._replace(tie=FOUR))
