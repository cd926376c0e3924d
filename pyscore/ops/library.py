"""The ops as torch.ops.pyscore.*: schema once, one implementation that asks the dispatcher, one fake for tracing.

The implementations check values (ranges, offsets) and then move them to where the work is; the public functions have
checked shapes and dtypes before. So no traced code branches on values, and none waits for a GPU.

Torch's schemas are flat. Saved programs hold them, so they stay as they are; what follows them is all in the first
half of this file: the schemas, a function a op that calls it with a request, and the way back to the request.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod
from typing import Any, get_type_hints

import torch
from torch import Tensor

from pyscore.ops.backend import Backend
from pyscore.ops.dispatch import select
from pyscore.ops.request import (
    AnswerRequest,
    ComparisonTensors,
    Projection,
    Targets,
    TokenRequest,
    TokenTensors,
    Wanted,
)
from pyscore.ops.value_checks import check_answer_values, check_token_values, to_device, visible

__all__ = ["linear_logprobs", "logprobs", "score_answers", "target_logits"]

# Without target_offsets every row has as many targets. All three may be on the host while the rest is on a GPU.
_TARGETS = "Tensor targets, Tensor? target_offsets, Tensor? temperature"
_WANTED = ", ".join(f"{kind.__name__} {name}" for name, kind in get_type_hints(Wanted).items())
_OPTIONS = "str backend, float? softcap, float logit_scale, int ignore_index, int vocab_start, bool sharded, " + _WANTED
_LINEAR = f"Tensor hidden, Tensor weight, Tensor? bias, {_TARGETS}"
_TOKENS = ", ".join(f"Tensor {name}" for name in TokenTensors._fields)
_COMPARED = ", ".join(f"Tensor {name}" for name in ComparisonTensors._fields)
_SCHEMAS = {
    "logprobs": f"(Tensor logits, {_TARGETS}, {_OPTIONS}) -> ({_TOKENS})",
    "target_logits": f"({_LINEAR}, {_OPTIONS}) -> Tensor",
    "linear_logprobs": f"({_LINEAR}, Tensor? target_logit, {_OPTIONS}) -> ({_TOKENS})",
    "score_answers": (
        "(Tensor logprob, Tensor? answer_offsets, Tensor question_offsets, Tensor is_matching, Tensor? divisor, "
        f"Tensor? unconditional, str backend, str sets, str ties) -> ({_COMPARED})"
    ),
}


def logprobs(logits: Tensor, request: TokenRequest, backend: str) -> TokenTensors:
    """torch.ops.pyscore.logprobs."""
    results = torch.ops.pyscore.logprobs.default(logits, *request.targets, backend, *_options(request))
    return TokenTensors(*results)


def target_logits(projection: Projection, request: TokenRequest, backend: str) -> Tensor:
    """torch.ops.pyscore.target_logits; float64, which holds every backend's logits exactly."""
    op = torch.ops.pyscore.target_logits.default
    found: Tensor = op(*projection, *request.targets, backend, *_options(request))
    return found


def linear_logprobs(
    projection: Projection, request: TokenRequest, target_logit: Tensor | None, backend: str
) -> TokenTensors:
    """torch.ops.pyscore.linear_logprobs."""
    op = torch.ops.pyscore.linear_logprobs.default
    return TokenTensors(*op(*projection, *request.targets, target_logit, backend, *_options(request)))


def score_answers(request: AnswerRequest, backend: str) -> ComparisonTensors:
    """torch.ops.pyscore.score_answers."""
    *tensors, sets, ties = request
    return ComparisonTensors(*torch.ops.pyscore.score_answers.default(*tensors, backend, sets, ties))


def _options(request: TokenRequest) -> tuple[Any, ...]:
    return request[1:-1] + request.wanted


def _request(
    ids: Tensor, offsets: Tensor | None, temperature: Tensor | None, backend: str, *options: Any
) -> tuple[TokenRequest, str]:
    softcap, logit_scale, ignore_index, vocab_start, sharded, *wanted = options
    targets = Targets(ids, offsets, temperature)
    return TokenRequest(targets, softcap, logit_scale, ignore_index, vocab_start, sharded, Wanted(*wanted)), backend


def _moved(tensors: tuple[Tensor | None, ...], names: tuple[str, ...], like: Tensor) -> tuple[Any, ...]:
    """The tensors where ``like`` is; themselves where they are there already, as on the CPU always."""
    if like.is_cpu and all([tensor is None or tensor.is_cpu for tensor in tensors]):
        return tensors
    pairs = zip(tensors, names, strict=True)
    return tuple(None if tensor is None else to_device(tensor, name, like.device) for tensor, name in pairs)


def _prepare(
    request: TokenRequest, backend: str, n_rows: int, vocab_size: int, like: Tensor
) -> tuple[TokenRequest, Backend]:
    """The request with checked values, where ``like`` is, and the backend that serves it."""
    device, given = like.device, request.targets
    check_token_values(request, n_rows, vocab_size, device)
    targets = _moved(given, ("targets", "target_offsets", "temperature"), like)
    if targets is not given:
        request = request._replace(targets=Targets(*targets))
    return request, select(backend, device, like.dtype)


def _matrices(logits: Tensor) -> list[Tensor]:
    """2-d views that cover the rows of logits [..., V] in order; a copy could be as large as the logits."""
    if logits.ndim == 2:
        return [logits]
    try:
        return [logits.view(-1, logits.shape[-1])]
    except RuntimeError:
        return [matrix for slab in logits for matrix in _matrices(slab)]


def _starts(targets: Targets, matrices: list[Tensor], device: torch.device) -> list[int] | None:
    """The first target of each matrix and the number of targets; None where only the device knows them."""
    rows = list(accumulate((len(matrix) for matrix in matrices), initial=0))
    if targets.offsets is None:
        return [row * targets.ids.numel() // rows[-1] for row in rows]
    seen = visible(targets.offsets, device)
    return None if seen is None else [int(seen[row]) for row in rows]


def _logprobs(logits: Tensor, *flat: Any) -> TokenTensors:
    given, backend = _request(*flat)
    *leading, vocab_size = logits.shape
    n_rows = prod(leading)
    request, server = _prepare(given, backend, n_rows, vocab_size, logits)
    out = TokenTensors.empty(logits, n_rows, request.targets.ids.shape[0], request.wanted)
    matrices = _matrices(logits)
    starts = None if len(matrices) == 1 else _starts(given.targets, matrices, logits.device)
    if starts is None:
        # One view, or ragged targets that only the device can cut: to copy the logits is dear, but waits for nothing.
        server.logprobs(matrices[0] if len(matrices) == 1 else logits.reshape(n_rows, vocab_size), request, out)
        return out
    start = 0
    for matrix, (first, last) in zip(matrices, pairwise(starts), strict=True):
        positions, of_targets = slice(start, start + len(matrix)), slice(first, last)
        part = request._replace(targets=request.targets.part(positions, of_targets))
        server.logprobs(matrix, part, out.part(positions, of_targets))
        start = positions.stop
    return out


def _fake_logprobs(logits: Tensor, *flat: Any) -> TokenTensors:
    request, _ = _request(*flat)
    return TokenTensors.empty(logits, prod(logits.shape[:-1]), request.targets.ids.shape[0], request.wanted)


def _target_logits(hidden: Tensor, weight: Tensor, bias: Tensor | None, *flat: Any) -> Tensor:
    request, server = _prepare(*_request(*flat), hidden.shape[0], weight.shape[0], hidden)
    # float64 holds every backend's logits exactly, so all shards count ranks against the same value
    return server.target_logits(Projection(hidden, weight, bias), request).double()


def _fake_target_logits(hidden: Tensor, weight: Tensor, bias: Tensor | None, ids: Tensor, *flat: Any) -> Tensor:
    return hidden.new_empty(ids.shape[0], dtype=torch.float64)


def _linear_logprobs(hidden: Tensor, weight: Tensor, bias: Tensor | None, *flat: Any) -> TokenTensors:
    request, server = _prepare(*_request(*flat[:3], *flat[4:]), hidden.shape[0], weight.shape[0], hidden)
    out = TokenTensors.empty(hidden, hidden.shape[0], request.targets.ids.shape[0], request.wanted)
    server.linear_logprobs(Projection(hidden, weight, bias), request, flat[3], out)
    return out


def _fake_linear_logprobs(hidden: Tensor, weight: Tensor, bias: Tensor | None, *flat: Any) -> TokenTensors:
    request, _ = _request(*flat[:3], *flat[4:])
    return TokenTensors.empty(hidden, hidden.shape[0], request.targets.ids.shape[0], request.wanted)


def _score_answers(logprob: Tensor, *flat: Any) -> ComparisonTensors:
    *given, backend, sets, ties = flat
    tensors = tuple(given)
    request = AnswerRequest._make((logprob, *tensors, sets, ties))
    check_answer_values(request)
    names = ("answer_offsets", "question_offsets", "is_matching", "the answer lengths of normalize", "unconditional")
    moved = _moved(tensors, names, logprob)
    if moved is not tensors:
        request = AnswerRequest._make((logprob, *moved, sets, ties))
    out = ComparisonTensors.empty(logprob, request.question_offsets.shape[0] - 1)
    # every backend compares float32 and float64 answers, whatever it says of float64 logits
    select(backend, logprob.device, torch.float32).score_answers(request, out)
    return out


def _fake_score_answers(
    logprob: Tensor, answer_offsets: Tensor | None, question_offsets: Tensor, *flat: Any
) -> ComparisonTensors:
    return ComparisonTensors.empty(logprob, question_offsets.shape[0] - 1)


_LIBRARY: Any = torch.library.Library("pyscore", "DEF")
for _name, _implementation, _fake in (
    ("logprobs", _logprobs, _fake_logprobs),
    ("target_logits", _target_logits, _fake_target_logits),
    ("linear_logprobs", _linear_logprobs, _fake_linear_logprobs),
    ("score_answers", _score_answers, _fake_score_answers),
):
    _LIBRARY.define(_name + _SCHEMAS[_name])
    _LIBRARY.impl(_name, _implementation, "CompositeExplicitAutograd")
    torch.library.register_fake(f"pyscore::{_name}", _fake, lib=_LIBRARY)
