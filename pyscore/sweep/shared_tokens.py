"""Questions tokenised once for all checkpoints that have one tokenizer."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyscore.engine import Scorer
from pyscore.engine.tokenization import AnswerTokenizer, AnswerTokens, tokenizer_hash

__all__ = ["SharedTokens"]

_MOST_TOKENS = 200_000_000
"""Tokens that are remembered, at four bytes each; then everything is forgotten."""


class SharedTokens:
    """What the scorers of one process have tokenised, by tokenizer.

    Tokenising takes some 15 times as long as planning the batches, which is left to each checkpoint: its memory and
    its self-checks decide on them.
    """

    def __init__(self) -> None:
        self._known: dict[Any, _Memory] = {}

    def adopt(self, scorer: Scorer) -> None:
        """Let a scorer use what others of the same tokenizer, prefix, context length and vocabulary have tokenised.

        Texts and tokens alone are shared. What renders a prompt stays the scorer's own tokenizer: checkpoints of one
        definition may have different chat templates. A tokenizer without a serialised form shares nothing, as nothing
        tells whether another one is the same.
        """
        own, tokenizer = scorer.tokens, scorer.tokenizer
        if getattr(tokenizer, "backend_tokenizer", None) is None:
            return
        # Special tokens are set beside the definition, in the tokenizer's configuration.
        special = (tokenizer.bos_token_id, tokenizer.eos_token_id, getattr(tokenizer, "split_special_tokens", None))
        key = (tokenizer_hash(tokenizer), special, tuple(own.prefix), own.max_length, own.vocabulary)
        if key not in self._known:
            if sum(each.n_tokens for each in self._known.values()) > _MOST_TOKENS:
                self._known.clear()
            self._known[key] = _Memory()
        scorer.tokens = _Remembering(own, self._known[key])


class _Key(NamedTuple):
    prompt: str
    answers: tuple[str, ...]
    truncate: bool
    max_length: int | None


class _Answers(NamedTuple):
    """The tokens of a question: one context, then of each answer its tokens, boundary and whether it was cut."""

    context: array[int]
    answers: tuple[tuple[array[int], str, bool], ...]


class _Memory:
    """What was tokenised, by its texts, and how many tokens that is."""

    def __init__(self) -> None:
        self.found: dict[_Key, _Answers] = {}
        self.n_tokens = 0


class _Remembering(AnswerTokenizer):
    """An AnswerTokenizer that encodes a prompt with its answers once."""

    def __init__(self, tokens: AnswerTokenizer, memory: _Memory) -> None:
        self.__dict__.update(tokens.__dict__)
        self._memory = memory

    def encode(
        self,
        pairs: Sequence[tuple[str, str]],
        names: Sequence[str],
        *,
        sizes: Sequence[int] | None = None,
        truncate: bool = False,
    ) -> list[AnswerTokens]:
        starts: list[range] = []
        keys: list[_Key] = []
        start = 0
        for size in sizes or [1] * len(pairs):
            starts.append(range(start, start + size))
            own_answers = tuple(answer for _, answer in pairs[start : start + size])
            keys.append(_Key(pairs[start][0], own_answers, truncate, self.max_length))
            start += size
        new = [own for own, key in zip(starts, keys, strict=True) if key not in self._memory.found]
        if new:
            chosen = [i for own in new for i in own]
            encoded = super().encode(
                [pairs[i] for i in chosen], [names[i] for i in chosen], sizes=[*map(len, new)], truncate=truncate
            )
            self._remember([key for key in keys if key not in self._memory.found], encoded)
        return [answer for key in keys for answer in _restored(self._memory.found[key])]

    def _remember(self, keys: Sequence[_Key], encoded: list[AnswerTokens]) -> None:
        answers = iter(encoded)
        for key in keys:
            own = [next(answers) for _ in key.answers]
            made = tuple((array("i", each.answer), each.boundary, each.truncated) for each in own)
            self._memory.found[key] = _Answers(array("i", own[0].context), made)
            self._memory.n_tokens += len(own[0].context) + sum(len(each.answer) for each in own)


def _restored(found: _Answers) -> list[AnswerTokens]:
    context = found.context.tolist()
    return [AnswerTokens(context, answer.tolist(), boundary, cut) for answer, boundary, cut in found.answers]
