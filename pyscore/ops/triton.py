"""The GPU backend: checked tensors cross to the Triton kernels of pyscore.kernels, which are imported on first use."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from pyscore.ops.backend import (
    Backend,
    CompareOptions,
    ComparisonTensors,
    ScoreOptions,
    TokenTensors,
    offsets_of_rows,
    register,
)

__all__ = ["TRITON", "register_triton"]

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


def _logprobs(
    logits: Tensor, targets: Tensor, target_offsets: Tensor | None, temperature: Tensor | None, options: ScoreOptions
) -> TokenTensors:
    from pyscore.kernels.logprobs import logprobs

    results = logprobs(
        logits,
        *_vectors(targets, offsets_of_rows(target_offsets, len(logits), targets), temperature),
        softcap=options.softcap,
        ignore_index=options.ignore_index,
        vocab_start=options.vocab_start,
        sharded=options.sharded,
        entropy=options.entropy,
        rank=options.rank,
        top_k=options.top_k,
    )
    return TokenTensors(*results)


def _linear_options(options: ScoreOptions) -> dict[str, Any]:
    return {
        "softcap": options.softcap,
        "logit_scale": options.logit_scale,
        "ignore_index": options.ignore_index,
        "vocab_start": options.vocab_start,
    }


def _target_logits(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    target_offsets: Tensor | None,
    temperature: Tensor | None,
    options: ScoreOptions,
) -> Tensor:
    from pyscore.kernels.target_logits import target_logits

    vectors = _vectors(targets, offsets_of_rows(target_offsets, len(hidden), targets), temperature)
    return target_logits(hidden, weight, bias, *vectors, **_linear_options(options))


def _linear_logprobs(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    target_offsets: Tensor | None,
    temperature: Tensor | None,
    options: ScoreOptions,
    target_logit: Tensor | None,
) -> TokenTensors:
    from pyscore.kernels.linear_logprobs import linear_logprobs

    known = None if target_logit is None else target_logit.float()
    results = linear_logprobs(
        hidden,
        weight,
        bias,
        *_vectors(targets, offsets_of_rows(target_offsets, len(hidden), targets), temperature, known),
        **_linear_options(options),
        sharded=options.sharded,
        entropy=options.entropy,
        rank=options.rank,
        top_k=options.top_k,
    )
    return TokenTensors(*results)


def _score_answers(
    token_logprob: Tensor,
    answer_offsets: Tensor,
    question_offsets: Tensor,
    is_matching: Tensor,
    divisor: Tensor | None,
    unconditional: Tensor | None,
    options: CompareOptions,
) -> ComparisonTensors:
    from pyscore.kernels.score_answers import score_answers

    vectors = _vectors(token_logprob, answer_offsets, question_offsets, is_matching, divisor, unconditional)
    return ComparisonTensors(*score_answers(*vectors, sets=options.sets, ties=options.ties))


TRITON = Backend("triton", _objection, _logprobs, _target_logits, _linear_logprobs, _score_answers)


def register_triton() -> None:
    """Make the backend known to dispatch as "triton"."""
    register(TRITON)
