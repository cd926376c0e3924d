"""What a backend is asked and what it fills: one request object a call, and the tensors of its results.

Backends get these records with checked tensors, all on one device. The records are tuples with names, because a small
call makes several of them: a tuple of seven takes a third of the time of a frozen dataclass. They hold tensors and
numbers only, so that pyscore.kernels reads their attributes without importing this module.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    "OF_TARGETS",
    "AnswerRequest",
    "ComparisonTensors",
    "Projection",
    "Targets",
    "TokenRequest",
    "TokenTensors",
    "Wanted",
    "float_dtype",
]


OF_TARGETS = ("logprob", "rank")
"""Fields of `TokenTensors` with an entry a target; the others have one a token position."""


def float_dtype(values: Tensor) -> torch.dtype:
    """dtype of floating results: float64 for float64 input, else float32."""
    return torch.float64 if values.dtype == torch.float64 else torch.float32


class Targets(NamedTuple):
    """M target ids of N token positions: position n has the candidates ``ids[offsets[n]:offsets[n + 1]]``."""

    ids: Tensor  # [M] int64
    offsets: Tensor | None = None  # [N + 1] int64; None where every position has M / N targets
    temperature: Tensor | None = None  # [N] of the dtype of floating results; None where all are 1

    def offsets_of(self, n: int) -> Tensor:
        """The offsets of n positions, made here where there are none."""
        if self.offsets is not None:
            return self.offsets
        each = len(self.ids) // max(n, 1)
        return torch.arange(n + 1, dtype=torch.int64, device=self.ids.device) * each

    def narrow(self, positions: slice, ids: slice) -> Targets:
        """The targets of these token positions, which are these ids."""
        ends = slice(positions.start, positions.stop + 1)
        offsets = None if self.offsets is None else self.offsets[ends] - ids.start
        return Targets(self.ids[ids], offsets, None if self.temperature is None else self.temperature[positions])


class Wanted(NamedTuple):
    """Which results of `TokenTensors` are computed beside those that every call gives."""

    entropy: bool = False
    rank: bool = False
    top_k: int = 0


class TokenRequest(NamedTuple):
    """How logits become scores: z = softcap * tanh(s / softcap) / temperature, of which targets, and what is wanted."""

    targets: Targets
    softcap: float | None = None
    logit_scale: float = 1.0  # of a projection only: s = logit_scale * (hidden @ weight.T + bias)
    ignore_index: int = -100
    vocab_start: int = 0  # id of the first vocabulary entry; targets and returned ids are ids of the whole vocabulary
    sharded: bool = False  # the entries are a shard of a larger vocabulary, so a target may lie outside
    wanted: Wanted = Wanted()


class Projection(NamedTuple):
    """Logits that are still to be computed: hidden @ weight.T + bias."""

    hidden: Tensor  # [N, D]
    weight: Tensor  # [V, D], of the dtype of hidden
    bias: Tensor | None = None  # [V], of any floating dtype


class TokenTensors(NamedTuple):
    """Results for M flat targets of N token positions; contiguous, floats of `float_dtype`, ids and counts int64.

    A field that was not asked for has no entries.
    """

    logprob: Tensor  # [M] NaN where ignored; -inf where the target is outside of this vocabulary shard
    logsumexp: Tensor  # [N]
    max_logit: Tensor  # [N]
    argmax: Tensor  # [N]
    entropy: Tensor  # [N] or [0]
    rank: Tensor  # [M] or [0]; ready logits give -1 where another shard holds the target
    top_ids: Tensor  # [N, top_k]
    top_logprobs: Tensor  # [N, top_k]

    @classmethod
    def empty(cls, like: Tensor, n: int, m: int, wanted: Wanted) -> TokenTensors:
        """Uninitialised results on the device of ``like``, the logits or hidden states: the only allocation of them.

        Tracing calls it as the ops' fake.
        """
        entropy, rank, k = wanted
        # Only the first tensor of floats and the first of integers are given a dtype, which takes as long as the
        # allocation; the others inherit it.
        logprob, argmax = like.new_empty(m, dtype=float_dtype(like)), like.new_empty(n, dtype=torch.int64)
        floats, ids = logprob.new_empty, argmax.new_empty
        entropies, ranks = floats(n if entropy else 0), ids(m if rank else 0)
        return cls(logprob, floats(n), floats(n), argmax, entropies, ranks, ids(n, k), floats(n, k))

    def narrow(self, positions: slice, targets: slice) -> TokenTensors:
        """The results of these token positions and of these targets: views of the same memory."""
        return TokenTensors(
            *(value[targets if name in OF_TARGETS else positions] for name, value in self._asdict().items())
        )


class AnswerRequest(NamedTuple):
    """Which answers are compared, and how; see `pyscore.score_answers`.

    Answer a has the tokens ``token_logprob[answer_offsets[a]:answer_offsets[a + 1]]``; it is compared by
    (the sum of its tokens - unconditional) / divisor.
    """

    token_logprob: Tensor  # [T] float32 or float64, in which results come too
    answer_offsets: Tensor | None  # [A + 1] int64; None where every answer has one token
    question_offsets: Tensor  # [Q + 1] int64: question q has the answers question_offsets[q]:question_offsets[q + 1]
    is_matching: Tensor  # [A] bool
    divisor: Tensor | None = None  # [A] of token_logprob's dtype; None for 1
    unconditional: Tensor | None = None  # [A] of token_logprob's dtype; None for 0
    sets: str = "max"  # or "sum"
    ties: str = "half"  # or "strict", "first" or "share"

    def with_answer_offsets(self) -> AnswerRequest:
        """The request with its answer_offsets, made here where there are none."""
        if self.answer_offsets is not None:
            return self
        values = self.token_logprob
        return self._replace(answer_offsets=torch.arange(len(values) + 1, dtype=torch.int64, device=values.device))


class ComparisonTensors(NamedTuple):
    """Results of Q compared questions, in the order of `Comparison`'s fields; floats have token_logprob's dtype."""

    probability: Tensor
    probability_raw: Tensor
    coverage: Tensor
    log_odds: Tensor
    margin: Tensor
    prefers: Tensor
    tie: Tensor  # bool
    predicted: Tensor  # int64

    @classmethod
    def empty(cls, like: Tensor, n: int) -> ComparisonTensors:
        """Uninitialised results of n questions, on the device of ``like``, the log-probabilities; as `TokenTensors`."""
        first = like.new_empty(n, dtype=float_dtype(like))
        more = first.new_empty
        tie, predicted = like.new_empty(n, dtype=torch.bool), like.new_empty(n, dtype=torch.int64)
        return cls(first, more(n), more(n), more(n), more(n), more(n), tie, predicted)
