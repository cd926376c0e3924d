"""What pyscore is compared with, each a function of the same arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pyscore import linear_logprobs, logprobs

__all__ = [
    "ALL_OUTPUTS", "compiled", "linear_peers", "ready_peers", "score_hidden", "score_logits", "score_logits_all",
    "torch_all", "torch_logprob",
]  # fmt: skip

ALL_OUTPUTS = ("logprob", "logsumexp", "entropy", "rank", "is_greedy", "argmax")
Peer = Callable[..., Any]


def score_logits(logits: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
    """pyscore's log-prob from ready logits."""
    return (logprobs(logits, targets).logprob,)


def score_logits_all(logits: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
    """Every output of pyscore from ready logits."""
    scores = logprobs(logits, targets, outputs=ALL_OUTPUTS)
    return tuple(getattr(scores, name) for name in ALL_OUTPUTS)


def score_hidden(hidden: Tensor, weight: Tensor, targets: Tensor, outputs: tuple[str, ...] = ("logprob",)) -> Tensor:
    """pyscore's log-prob from hidden states."""
    return linear_logprobs(hidden, weight, targets, outputs=outputs).logprob


def torch_logprob(logits: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
    """The log-prob as one writes it in PyTorch."""
    return (logits.float().log_softmax(-1).gather(1, targets[:, None])[:, 0],)


def torch_all(logits: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
    """Every output as one writes it in PyTorch, in the order of ALL_OUTPUTS."""
    z = logits.float()
    logprob = z.log_softmax(-1)
    target = z.gather(1, targets[:, None])
    entropy = -(logprob.exp() * logprob).sum(-1)
    rank = (z > target).sum(-1)
    return logprob.gather(1, targets[:, None])[:, 0], z.logsumexp(-1), entropy, rank, rank == 0, z.argmax(-1)


def _linear(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return torch_logprob(hidden @ weight.T, targets)[0]


def _linear_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return -F.linear_cross_entropy(hidden, weight, targets, reduction="none")


def compiled(function: Peer, backend: str = "inductor") -> Peer:
    """torch.compile for the shapes of the next call."""
    torch._dynamo.reset()  # a fresh compile for each shape: past eight, dynamo would run the function uncompiled
    return torch.compile(function, dynamic=False, backend=backend)


def ready_peers(every_output: bool) -> dict[str, Peer]:
    """Peers from ready logits: the log-prob alone, or every output."""
    function = torch_all if every_output else torch_logprob
    return {"torch eager": function, "torch.compile": compiled(function)}


def linear_peers() -> dict[str, Peer]:
    """Peers from hidden states. The bare product isn't one: it has no log-prob, and is the first part of the others."""
    peers: dict[str, Peer] = {"torch eager": _linear, "torch.compile": compiled(_linear)}
    if hasattr(F, "linear_cross_entropy"):
        peers["linear_cross_entropy"] = _linear_cross_entropy
    return peers
