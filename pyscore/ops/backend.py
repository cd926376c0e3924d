"""What a backend is: a record of functions, registered by name, with a reason when it can't serve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pyscore.ops.request import AnswerRequest, ComparisonTensors, Projection, TokenRequest, TokenTensors

__all__ = ["Backend", "register", "registered"]


@dataclass(frozen=True)
class Backend:
    """One implementation of the ops. Its functions get checked tensors on one device and don't check again.

    All but `target_logits` fill the last argument, which `TokenTensors.empty` or `ComparisonTensors.empty` made.

    Attributes:
        name: what ``backend=`` and ``PYSCORE_BACKEND`` call it.
        objection: (device, dtype) -> why the backend can't serve them, or None if it can.
        logprobs: (logits [N, V], request, out). Logits may have any strides. On a GPU the values of targets are not
            checked: one outside of a vocabulary that is no shard gives NaN and rank -1.
        target_logits: (projection, request) -> final logits z of the targets, [M]; NaN where ignored, -inf where
            outside of this vocabulary shard. The bits equal those that linear_logprobs sees inside its pass.
        linear_logprobs: (projection, request, target_logit, out), with target_logit [M] of the dtype that target_logits
            gave or widened to float64, or None where the backend finds them itself.
        score_answers: (request, out).
    """

    name: str
    objection: Callable[[torch.device, torch.dtype], str | None]
    logprobs: Callable[[Tensor, TokenRequest, TokenTensors], None]
    target_logits: Callable[[Projection, TokenRequest], Tensor]
    linear_logprobs: Callable[[Projection, TokenRequest, Tensor | None, TokenTensors], None]
    score_answers: Callable[[AnswerRequest, ComparisonTensors], None]


_BACKENDS: dict[str, Backend] = {}


def register(backend: Backend) -> None:
    """Add a backend; the order of registration is the order in which ``backend="auto"`` asks them."""
    _BACKENDS[backend.name] = backend


def registered() -> dict[str, Backend]:
    """The backends by name, in the order in which ``backend="auto"`` asks them."""
    return _BACKENDS
