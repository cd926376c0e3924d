"""The GPU backend: checked tensors cross to the Triton kernels of pyscore.kernels, which are imported on first use."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from pyscore.ops.backend import Backend
from pyscore.ops.request import AnswerRequest, ComparisonTensors, Projection, TokenRequest, TokenTensors

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


def _vectors(*tensors: Tensor | None) -> tuple[Any, ...]:
    """Contiguous vectors; copied where they aren't, as they are small."""
    return tuple(None if tensor is None else tensor.contiguous() for tensor in tensors)


def _targets(request: TokenRequest, n: int) -> tuple[Any, ...]:
    ids, _, temperature = request.targets
    return _vectors(ids, request.targets.offsets_of(n), temperature)


def _fill(out: tuple[Tensor, ...], results: tuple[Tensor, ...]) -> None:
    for field, result in zip(out, results, strict=True):
        field.copy_(result)


def _options(request: TokenRequest) -> dict[str, Any]:
    names = ("softcap", "logit_scale", "ignore_index", "vocab_start")
    return {name: getattr(request, name) for name in names}


def _logprobs(logits: Tensor, request: TokenRequest, out: TokenTensors) -> None:
    from pyscore.kernels.logprobs import logprobs

    options = _options(request) | {"sharded": request.sharded} | request.wanted._asdict()
    del options["logit_scale"]
    _fill(out, logprobs(logits, *_targets(request, len(logits)), **options))


def _target_logits(projection: Projection, request: TokenRequest) -> Tensor:
    from pyscore.kernels.target_logits import target_logits

    vectors = _targets(request, len(projection.hidden))
    return target_logits(*projection, *vectors, **_options(request))


def _linear_logprobs(
    projection: Projection, request: TokenRequest, target_logit: Tensor | None, out: TokenTensors
) -> None:
    from pyscore.kernels.linear_logprobs import linear_logprobs

    known = None if target_logit is None else target_logit.float().contiguous()
    arguments: tuple[Any, ...] = (*projection, *_targets(request, len(projection.hidden)), known)
    options = _options(request) | {"sharded": request.sharded} | request.wanted._asdict()
    _fill(out, linear_logprobs(*arguments, **options))


def _score_answers(request: AnswerRequest, out: ComparisonTensors) -> None:
    from pyscore.kernels.score_answers import score_answers

    *tensors, sets, ties = request
    _fill(out, score_answers(*_vectors(*tensors), sets=sets, ties=ties))


TRITON = Backend("triton", _objection, _logprobs, _target_logits, _linear_logprobs, _score_answers)
