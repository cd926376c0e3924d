"""The compiled backend: checked CPU tensors cross to pyscore._C as NumPy views of the same memory."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from pyscore._extension import _C
from pyscore.ops.backend import Backend, CompareOptions, ComparisonTensors, ScoreOptions, TokenTensors, register

__all__ = ["CPU", "register_cpu"]

# NumPy has no bfloat16: 16-bit floats cross as their bits, beside the name of the dtype
_NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


def _objection(device: torch.device, dtype: torch.dtype) -> str | None:
    if device.type != "cpu":
        return f"it runs on the cpu, and the tensors are on {device}"
    if dtype == torch.float64:
        return "float64 is served by the reference backend only"
    if dtype not in _NAMES:
        return f"it computes with float32, bfloat16 and float16, not {dtype}"
    return None


def _numpy(tensor: Tensor) -> NDArray[Any]:
    """The tensor's own memory, whether or not it requires grad; copied where it is a view of negated values."""
    array: NDArray[Any] = tensor.numpy(force=True)
    return array


def _view(tensor: Tensor) -> NDArray[Any]:
    """The tensor's own memory and strides."""
    return _numpy(tensor if tensor.itemsize != 2 else tensor.resolve_neg().view(torch.uint16))


def _vector(tensor: Tensor, dtype: torch.dtype) -> NDArray[Any]:
    """A contiguous vector; copied where it isn't one, as it is small."""
    if tensor.dtype != dtype or not tensor.is_contiguous():
        tensor = tensor.to(dtype).contiguous()
    return _numpy(tensor)


def _optional_vector(tensor: Tensor | None, dtype: torch.dtype) -> NDArray[Any] | None:
    return None if tensor is None else _vector(tensor, dtype)


def _rows(matrix: Tensor) -> Tensor:
    """The matrix itself where its rows are contiguous, as dot products read them."""
    return matrix if matrix.stride(1) == 1 or matrix.shape[1] <= 1 else matrix.contiguous()


def _logprobs(
    logits: Tensor, targets: Tensor, target_offsets: Tensor | None, temperature: Tensor | None, options: ScoreOptions
) -> TokenTensors:
    results = _C.logprobs(
        logits=_view(logits),
        dtype=_NAMES[logits.dtype],
        targets=_vector(targets, torch.int64),
        target_offsets=_optional_vector(target_offsets, torch.int64),
        temperature=_optional_vector(temperature, torch.float32),
        softcap=options.softcap,
        ignore_index=options.ignore_index,
        vocab_start=options.vocab_start,
        entropy=options.entropy,
        rank=options.rank,
        top_k=options.top_k,
        threads=torch.get_num_threads(),
    )
    return TokenTensors(*map(torch.from_numpy, results))


def _linear_arguments(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    target_offsets: Tensor | None,
    temperature: Tensor | None,
    options: ScoreOptions,
) -> dict[str, Any]:
    return {
        "hidden": _view(_rows(hidden)),
        "weight": _view(_rows(weight)),
        "dtype": _NAMES[hidden.dtype],
        "bias": _optional_vector(bias, torch.float32),
        "targets": _vector(targets, torch.int64),
        "target_offsets": _optional_vector(target_offsets, torch.int64),
        "temperature": _optional_vector(temperature, torch.float32),
        "softcap": options.softcap,
        "logit_scale": options.logit_scale,
        "ignore_index": options.ignore_index,
        "vocab_start": options.vocab_start,
        "threads": torch.get_num_threads(),
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
    arguments = _linear_arguments(hidden, weight, bias, targets, target_offsets, temperature, options)
    return torch.from_numpy(_C.target_logits(**arguments))


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
    arguments = _linear_arguments(hidden, weight, bias, targets, target_offsets, temperature, options)
    results = _C.linear_logprobs(
        **arguments,
        target_logit=_optional_vector(target_logit, torch.float32),
        entropy=options.entropy,
        rank=options.rank,
        top_k=options.top_k,
    )
    return TokenTensors(*map(torch.from_numpy, results))


def _score_answers(
    token_logprob: Tensor,
    answer_offsets: Tensor,
    question_offsets: Tensor,
    is_matching: Tensor,
    divisor: Tensor | None,
    unconditional: Tensor | None,
    options: CompareOptions,
) -> ComparisonTensors:
    results = _C.score_answers(
        token_logprob=_vector(token_logprob, token_logprob.dtype),
        answer_offsets=_vector(answer_offsets, torch.int64),
        question_offsets=_vector(question_offsets, torch.int64),
        is_matching=_vector(is_matching, torch.bool),
        divisor=_optional_vector(divisor, torch.float64),
        unconditional=_optional_vector(unconditional, torch.float64),
        sets=options.sets,
        ties=options.ties,
        threads=torch.get_num_threads(),
    )
    return ComparisonTensors(*map(torch.from_numpy, results))


CPU = Backend("cpu", _objection, _logprobs, _target_logits, _linear_logprobs, _score_answers)


def register_cpu() -> None:
    """Offer the compiled kernels to ``backend="cpu"`` and ``"auto"``."""
    register(CPU)
