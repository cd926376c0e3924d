"""The two results that ops return: TokenScores and Comparison."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

__all__ = ["Array", "Comparison", "TokenScores", "VocabShard"]

Array = Any
"""A torch.Tensor, a numpy.ndarray, or another DLPack array: whatever kind the caller passed in."""


@dataclass(frozen=True)
class VocabShard:
    """What `merge_vocab_shards` needs to know of one vocabulary shard besides its scores.

    Attributes:
        start: id, in the whole vocabulary, of the shard's first entry.
        size: number of vocabulary entries in the shard.
        logsumexp: ``[N]`` over the shard's entries.
        max_logit: ``[N]``, the shard's largest logit.
        max_logprob: ``[N]``, that entry's log-probability in the shard: ``max_logit - logsumexp`` with all its digits,
            which a large logsumexp loses.
        max_id: ``[N]`` int64, the id in the whole vocabulary of the lowest entry that reaches ``max_logit``.
        target_offsets: ``[N + 1]`` where targets are ragged, else None.
    """

    start: int
    size: int
    logsumexp: Array
    max_logit: Array
    max_logprob: Array
    max_id: Array
    target_offsets: Array | None = None


@dataclass(frozen=True)
class TokenScores:
    """Scores of target tokens, as returned by `logprobs` and `linear_logprobs`.

    A field is set only when ``outputs`` (or ``top_k``) asked for it. "Like targets" means the shape of the
    ``targets`` argument; ``[N]`` means the leading dimensions of the logits or hidden states. Log-probabilities,
    logsumexp and entropy are in nats, float32 (float64 for float64 input).

    A row without a distribution (a NaN or +inf logit, or all logits -inf) and an ignored target or row hold NaN in
    floating fields, -1 in integer fields and False in ``is_greedy``.

    Attributes:
        logprob: log-probability of each target, like targets; never above 0.
        logsumexp: log of the sum of exponentiated logits, ``[N]``.
        entropy: entropy of the row's distribution, ``[N]``.
        rank: number of vocabulary entries with a strictly greater logit (0 is best), int64, like targets.
        is_greedy: rank == 0, bool, like targets.
        argmax: id of the largest logit, the lowest id among equals, int64, ``[N]``.
        top_ids: ids of the ``top_k`` largest logits, descending, lowest id first among equals, int64, ``[N, top_k]``.
        top_logprobs: their log-probabilities, ``[N, top_k]``.
        shard: set only for a vocabulary shard (``vocab_start=``); see `merge_vocab_shards`.
    """

    logprob: Array | None = None
    logsumexp: Array | None = None
    entropy: Array | None = None
    rank: Array | None = None
    is_greedy: Array | None = None
    argmax: Array | None = None
    top_ids: Array | None = None
    top_logprobs: Array | None = None
    shard: VocabShard | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Comparison:
    """Per-question comparison of matching with other answers; every field has one entry a question.

    With l_k the log-probability of answer k, M the matching answers of a question and N its other answers:

    Attributes:
        probability: sum over M of exp(l_k) divided by the sum over all compared answers, in [0, 1].
        probability_raw: sum over M of exp(l_k): the mass the model really puts on the matching answers.
        coverage: sum over M and N of exp(l_k): the mass that the compared answers cover. This and ``probability_raw``
            are probabilities only where no answer is the same as another, or its beginning: such mass is counted twice
            here, and once by `pyscore.comparison_from_rows`, which knows the tokens.
        log_odds: logsumexp over M minus logsumexp over N, nats.
        margin: best of M minus best of N, nats.
        prefers: 1 when M beats N, 0 when N beats M, and by the ``ties`` policy when they are equal.
        tie: bool, M and N are exactly equal.
        predicted: int64 index, within the question, of the best answer; the first among equals.
        ties: the policy that ``prefers`` follows, where it is known.
        question_offsets, is_matching: which answers were compared, where it is known.
    """

    probability: Array
    probability_raw: Array
    coverage: Array
    log_odds: Array
    margin: Array
    prefers: Array
    tie: Array
    predicted: Array
    ties: str | None = None
    question_offsets: Tensor | None = field(default=None, repr=False)
    is_matching: Tensor | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.probability)

    @property
    def chance(self) -> Array | None:
        """What ``prefers`` is on average for an answer drawn at random: the share of a question's answers that match.

        float64, one entry a question; None where it is not known which answers were compared. It is computed where it
        is read, since it takes half as long as a small call of `compare_answers`: 20 of 39 microseconds.
        """
        if self.question_offsets is None or self.is_matching is None:
            return None
        from pyscore.ops.chance import matching_shares

        return matching_shares(self.question_offsets, self.is_matching, like=self.probability)
