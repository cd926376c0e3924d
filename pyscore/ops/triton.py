"""The GPU backend: checked tensors cross to the Triton kernels of pyscore.kernels, which are imported on first use."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from pyscore.ops.backend import Backend
from pyscore.ops.request import AnswerRequest, ComparisonTensors, Projection, Targets, TokenRequest, TokenTensors

__all__ = ["TRITON"]

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_ON = {"1", "true", "on", "yes", "y"}
"""Values of TRITON_INTERPRET that Triton takes for true."""


def _objection(device: torch.device, dtype: torch.dtype) -> str | None:
    if find_spec("triton") is None:
        return "triton is not installed"
    interpreted = os.environ.get("TRITON_INTERPRET", "").lower() in _ON
    if device.type == "cpu" and not interpreted:
        return "it needs GPU tensors, or TRITON_INTERPRET=1 set before Triton is imported for CPU tensors"
    if device.type not in ("cpu", "cuda"):
        return f"it runs on CUDA and ROCm GPUs, and the tensors are on {device}"
    if dtype not in _DTYPES:
        return f"it computes with float32, bfloat16 and float16, not {dtype}"
    if device.type == "cuda" and torch.version.hip is None and torch.cuda.get_device_capability(device) < (8, 0):
        return "it needs compute capability 8.0 or newer"
    return None


def _contiguous(record: Iterable[Any]) -> Iterator[Any]:
    """Vectors as kernels read them; copied where they aren't contiguous, as they are small."""
    return (value.contiguous() if isinstance(value, Tensor) else value for value in record)


def _with_offsets(request: TokenRequest, n: int) -> TokenRequest:
    targets = request.targets._replace(offsets=request.targets.offsets_of(n))
    return request._replace(targets=Targets(*_contiguous(targets)))


def _logprobs(logits: Tensor, request: TokenRequest, out: TokenTensors) -> None:
    from pyscore.kernels.logprobs import logprobs

    logprobs(logits, _with_offsets(request, len(logits)), out)


def _target_logits(projection: Projection, request: TokenRequest) -> Tensor:
    from pyscore.kernels.target_logits import target_logits

    return target_logits(projection, _with_offsets(request, len(projection.hidden)))


def _linear_logprobs(
    projection: Projection, request: TokenRequest, target_logit: Tensor | None, out: TokenTensors
) -> None:
    from pyscore.kernels.linear_logprobs import linear_logprobs

    known = None if target_logit is None else target_logit.float().contiguous()
    linear_logprobs(projection, _with_offsets(request, len(projection.hidden)), known, out)


def _score_answers(request: AnswerRequest, out: ComparisonTensors) -> None:
    from pyscore.kernels.score_answers import score_answers

    score_answers(AnswerRequest(*_contiguous(request.with_answer_offsets())), out)


TRITON = Backend("triton", _objection, _logprobs, _target_logits, _linear_logprobs, _score_answers)
