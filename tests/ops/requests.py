"""Requests of the tests, and backends asked with them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pyscore.ops.backend import Backend
from pyscore.ops.request import (
    AnswerRequest,
    ComparisonTensors,
    Projection,
    Targets,
    TokenRequest,
    TokenTensors,
    Wanted,
)


def ask(
    ids: Tensor,
    offsets: Tensor | None = None,
    temperature: Tensor | None = None,
    *,
    wanted: Wanted | None = None,
    **options: Any,
) -> TokenRequest:
    """A request; options that `Wanted` has go there."""
    extras = {name: options.pop(name) for name in Wanted._fields if name in options}
    wanted = (wanted or Wanted())._replace(**extras)
    return TokenRequest(Targets(ids, offsets, temperature), wanted=wanted, **options)


def ready(backend: Backend, logits: Tensor, request: TokenRequest) -> TokenTensors:
    """The backend's scores under ready logits."""
    out = TokenTensors.empty(logits, len(logits), len(request.targets.ids), request.wanted)
    backend.logprobs(logits, request, out)
    return out


def linear(
    backend: Backend, projection: Projection, request: TokenRequest, target_logit: Tensor | None = None
) -> TokenTensors:
    """Its scores under a projection; it finds the targets' logits in a pass before, where they are not given."""
    known = backend.target_logits(projection, request) if target_logit is None else target_logit
    out = TokenTensors.empty(projection.hidden, len(projection.hidden), len(request.targets.ids), request.wanted)
    backend.linear_logprobs(projection, request, known, out)
    return out


def compared(backend: Backend, request: AnswerRequest) -> ComparisonTensors:
    """Its comparison of answers."""
    out = ComparisonTensors.empty(request.token_logprob, len(request.question_offsets) - 1)
    backend.score_answers(request, out)
    return out
