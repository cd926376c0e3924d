"""What pyscore is compared with, each a function of the same arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pyscore import linear_logprobs, logprobs

__all__ = ["ALL_OUTPUTS", "OURS_ALL", "OURS_LINEAR", "OURS_READY", "linear_peers", "ready_peers"]

ALL_OUTPUTS = ("logprob", "logsumexp", "entropy", "rank", "is_greedy", "argmax")
Peer = Callable[..., Any]


def OURS_READY(logits: Tensor, targets: Tensor, **options: Any) -> Tensor:
    return logprobs(logits, targets, **options).logprob


def OURS_LINEAR(hidden: Tensor, weight: Tensor, targets: Tensor, **options: Any) -> Tensor:
    return linear_logprobs(hidden, weight, targets, **options).logprob


OURS_ALL = {"outputs": ALL_OUTPUTS}


def _logprob(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.float().log_softmax(-1).gather(1, targets[:, None])[:, 0]


def _all(logits: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
    z = logits.float()
    logprob = z.log_softmax(-1)
    target = z.gather(1, targets[:, None])
    entropy = -(logprob.exp() * logprob).sum(-1)
    rank = (z > target).sum(-1)
    return logprob.gather(1, targets[:, None])[:, 0], z.logsumexp(-1), entropy, rank, rank == 0, z.argmax(-1)


def _linear(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return _logprob(hidden @ weight.T, targets)


def _linear_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return -F.linear_cross_entropy(hidden, weight, targets, reduction="none")


def _compiled(function: Peer) -> Peer:
    torch._dynamo.reset()  # a fresh compile for each shape: past eight, dynamo would run the function uncompiled
    return torch.compile(function, dynamic=False)


def ready_peers(every_output: bool) -> dict[str, Peer]:
    """Peers from ready logits: the log-prob alone, or every output."""
    function = _all if every_output else _logprob
    return {"torch eager": function, "torch.compile": _compiled(function)}


def linear_peers() -> dict[str, Peer]:
    """Peers from hidden states. The bare product isn't one: it has no log-prob, and is the first part of the others."""
    peers: dict[str, Peer] = {"torch eager": _linear, "torch.compile": _compiled(_linear)}
    if hasattr(F, "linear_cross_entropy"):
        peers["linear_cross_entropy"] = _linear_cross_entropy
    return peers
