"""What a backend is: a record of functions, registered by name, with a reason when it can't serve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    "Backend",
    "CompareOptions",
    "ComparisonTensors",
    "ScoreOptions",
    "TokenTensors",
    "offsets_of_rows",
    "register",
    "registered",
]


class ScoreOptions(NamedTuple):
    """How logits become scores: z = softcap * tanh(s / softcap) / temperature, and which results are wanted.

    The fields are the last arguments of torch.ops.pyscore.*, in this order.
    """

    softcap: float | None = None
    logit_scale: float = 1.0  # linear ops only: s = logit_scale * (hidden @ weight.T + bias)
    ignore_index: int = -100
    vocab_start: int = 0  # id of the first vocabulary entry; targets and returned ids are ids of the whole
    sharded: bool = False  # the entries are a shard of a larger vocabulary, so a target may lie outside
    entropy: bool = False
    rank: bool = False
    top_k: int = 0


class TokenTensors(NamedTuple):
    """What a token-scoring backend returns; contiguous, float32 (float64 for float64 input), int64 for ids.

    M flat targets, N rows. A field that was not asked for is an empty tensor.
    """

    logprob: Tensor  # [M] NaN where ignored; -inf where the target is outside of this vocabulary shard
    logsumexp: Tensor  # [N]
    max_logit: Tensor  # [N]
    argmax: Tensor  # [N]
    entropy: Tensor  # [N] or [0]
    rank: Tensor  # [M] or [0]; ready logits give -1 where another shard holds the target
    top_ids: Tensor  # [N, top_k]
    top_logprobs: Tensor  # [N, top_k]


class CompareOptions(NamedTuple):
    """How answers are compared; see `pyscore.compare_answers`."""

    sets: str = "max"  # "max" | "sum"
    ties: str = "half"  # "half" | "strict" | "first"


class ComparisonTensors(NamedTuple):
    """What a comparing backend returns, one entry a question, in the order of `Comparison`'s fields.

    Floating fields have the dtype of the log-probabilities (float32 or float64).
    """

    probability: Tensor
    probability_raw: Tensor
    coverage: Tensor
    log_odds: Tensor
    margin: Tensor
    prefers: Tensor
    tie: Tensor  # bool
    predicted: Tensor  # int64


@dataclass(frozen=True)
class Backend:
    """One implementation of the ops. Its functions get checked tensors on one device and don't check again.

    Attributes:
        name: what ``backend=`` and ``PYSCORE_BACKEND`` call it.
        objection: (device, dtype) -> why the backend can't serve them, or None if it can.
        logprobs: (logits [N, V], targets [M], target_offsets [N + 1] or None where every row has M / N targets,
            temperature [N] or None, ScoreOptions) -> TokenTensors. Logits may have any strides. On a GPU the
            values of targets are not checked: one outside of a vocabulary that is no shard gives NaN and rank -1.
        target_logits: (hidden [N, D], weight [V, D], bias [V] or None, targets [M], target_offsets, temperature,
            ScoreOptions) -> final logits z of the targets, [M]; NaN where ignored, -inf where outside of
            this vocabulary shard. The bits equal those that linear_logprobs sees inside its pass.
        linear_logprobs: the arguments of target_logits, then target_logit [M], of the dtype that target_logits gave
            or widened to float64, or None where the backend finds them itself -> TokenTensors.
        score_answers: (token_logprob [T], answer_offsets [A + 1], question_offsets [Q + 1], is_matching [A] bool,
            divisor [A] or None, unconditional [A] or None, CompareOptions) -> ComparisonTensors. An answer's
            log-probability is the sum of its tokens; it is compared by (sum - unconditional) / divisor.
    """

    name: str
    objection: Callable[[torch.device, torch.dtype], str | None]
    logprobs: Callable[[Tensor, Tensor, Tensor | None, Tensor | None, ScoreOptions], TokenTensors]
    target_logits: Callable[[Tensor, Tensor, Tensor | None, Tensor, Tensor | None, Tensor | None, ScoreOptions], Tensor]
    linear_logprobs: Callable[
        [Tensor, Tensor, Tensor | None, Tensor, Tensor | None, Tensor | None, ScoreOptions, Tensor | None], TokenTensors
    ]
    score_answers: Callable[
        [Tensor, Tensor, Tensor, Tensor, Tensor | None, Tensor | None, CompareOptions], ComparisonTensors
    ]


def offsets_of_rows(target_offsets: Tensor | None, n_rows: int, targets: Tensor) -> Tensor:
    """The offsets [N + 1] that a backend was given, or those of rows that have as many targets each."""
    if target_offsets is not None:
        return target_offsets
    each = len(targets) // max(n_rows, 1)
    return torch.arange(n_rows + 1, dtype=torch.int64, device=targets.device) * each


_BACKENDS: dict[str, Backend] = {}


def register(backend: Backend) -> None:
    """Add a backend; the order of registration is the order in which ``backend="auto"`` asks them."""
    _BACKENDS[backend.name] = backend


def registered() -> dict[str, Backend]:
    """The backends by name, in the order in which ``backend="auto"`` asks them."""
    return _BACKENDS
