"""The compiled backend: checked CPU tensors cross to pyscore._C as NumPy views of the same memory."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from pyscore._extension import _C
from pyscore.ops.backend import Backend
from pyscore.ops.request import AnswerRequest, ComparisonTensors, Projection, TokenRequest, TokenTensors

__all__ = ["CPU", "vector"]

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


def _matrix(tensor: Tensor) -> NDArray[Any]:
    """The tensor's own memory and strides."""
    return _numpy(tensor if tensor.itemsize != 2 else tensor.resolve_neg().view(torch.uint16))


def _rows(matrix: Tensor) -> NDArray[Any]:
    """The matrix itself where its rows are contiguous, as dot products read them, or a copy."""
    return _matrix(matrix if matrix.stride(1) == 1 or matrix.shape[1] <= 1 else matrix.contiguous())


def vector(tensor: Tensor | None, dtype: torch.dtype) -> tuple[Tensor, int, int] | None:
    """The tensor as the binding takes a contiguous vector, which is a copy where it isn't one; None for None."""
    if tensor is None:
        return None
    if tensor.dtype != dtype or not tensor.is_contiguous() or tensor.is_neg():
        tensor = tensor.to(dtype).contiguous().resolve_neg()
    return tensor, tensor.data_ptr(), tensor.shape[0] if tensor.ndim == 1 else -1


def _request(request: TokenRequest) -> _C.TokenRequest:
    ids, offsets, temperature = request.targets
    return _C.TokenRequest(
        vector(ids, torch.int64),
        vector(offsets, torch.int64),
        vector(temperature, torch.float32),
        request.softcap,
        request.logit_scale,
        request.ignore_index,
        request.vocab_start,
        request.wanted.top_k,
    )


def _addresses(out: TokenTensors | ComparisonTensors) -> list[int]:
    """Where results go; 0 for a field without entries."""
    return [field.data_ptr() for field in out]


def _logprobs(logits: Tensor, request: TokenRequest, out: TokenTensors) -> None:
    _C.logprobs(_matrix(logits), _NAMES[logits.dtype], _request(request), _addresses(out), torch.get_num_threads())


def _projection(projection: Projection) -> tuple[Any, Any, Any, str]:
    hidden, weight, bias = projection
    return _rows(hidden), _rows(weight), vector(bias, torch.float32), _NAMES[hidden.dtype]


def _target_logits(projection: Projection, request: TokenRequest) -> Tensor:
    out = projection.hidden.new_empty(request.targets.ids.shape, dtype=torch.float32)
    _C.target_logits(*_projection(projection), _request(request), out.data_ptr(), torch.get_num_threads())
    return out


def _linear_logprobs(
    projection: Projection, request: TokenRequest, target_logit: Tensor | None, out: TokenTensors
) -> None:
    known = vector(target_logit, torch.float32)
    _C.linear_logprobs(*_projection(projection), _request(request), known, _addresses(out), torch.get_num_threads())


def _score_answers(request: AnswerRequest, out: ComparisonTensors) -> None:
    token_logprob, answer_offsets, question_offsets, is_matching, divisor, unconditional, *rules = request
    compared = _C.AnswerRequest(
        vector(answer_offsets, torch.int64),
        vector(question_offsets, torch.int64),
        vector(is_matching, torch.bool),
        vector(divisor, torch.float64),
        vector(unconditional, torch.float64),
        *rules,
    )
    _C.score_answers(_numpy(token_logprob.contiguous()), compared, _addresses(out), torch.get_num_threads())


CPU = Backend("cpu", _objection, _logprobs, _target_logits, _linear_logprobs, _score_answers)
