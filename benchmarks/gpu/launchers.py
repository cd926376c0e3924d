"""The launchers of the Triton kernels as functions of tensors, with tile parameters of the caller's choice."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pyscore.kernels import linear_logprobs as linear
from pyscore.kernels import logprobs as ready
from pyscore.kernels import target_logits as gathered
from pyscore.kernels.configs import LinearConfig
from pyscore.ops.request import Projection, Targets, TokenRequest, TokenTensors

__all__ = ["linear_logprobs", "logprobs", "target_logits"]


def linear_logprobs(
    hidden: Tensor, weight: Tensor, targets: Tensor, offsets: Tensor, target_logit: Tensor | None = None,
    *, config: LinearConfig | None = None,
) -> TokenTensors:  # fmt: skip
    """Scores under hidden @ weight.T."""
    request = TokenRequest(Targets(targets, offsets))
    out = TokenTensors.empty(hidden, len(hidden), len(targets), request.wanted)
    linear.linear_logprobs(Projection(hidden, weight), request, target_logit, out, config=config)
    return out


def target_logits(
    hidden: Tensor, weight: Tensor, targets: Tensor, offsets: Tensor, *, config: LinearConfig | None = None
) -> Tensor:
    """The targets' logits alone."""
    return gathered.target_logits(Projection(hidden, weight), TokenRequest(Targets(targets, offsets)), config=config)


def logprobs(logits: Tensor, targets: Tensor, offsets: Tensor, *, config: Any = None, **options: Any) -> TokenTensors:
    """Scores under ready logits; the options are those of a `TokenRequest`."""
    request = TokenRequest(Targets(targets, offsets), **options)
    out = TokenTensors.empty(logits, len(logits), len(targets), request.wanted)
    ready.logprobs(logits, request, out, config=config)
    return out
