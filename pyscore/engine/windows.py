"""A text as token windows that a model can take, and the scores of any number of them, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pyscore._integers import as_int
from pyscore.engine.scorer import ScoredTokens, Scorer

__all__ = ["Pair", "document_windows", "score_stream", "window_sizes"]

Pair = tuple[Sequence[int], Sequence[int]]
"""Token ids: what is read, and what is scored after it."""

_CHUNK_TOKENS = 2**20  # how many are planned at once: enough to share prefixes, little to hold


def document_windows(before: Sequence[int], tokens: Sequence[int], max_length: int, stride: int) -> Iterator[Pair]:
    """(context, continuation) of the windows that score each token once; see `score_documents`.

    Args:
        before: what is read before the first token, 1 to ``max_length`` tokens.
        tokens: of the text.
        max_length: tokens that a window reads: its context, and its continuation without the last token.
        stride: tokens that a window after the first scores, 1 to ``max_length``.
    """
    read, n = [*before, *tokens], len(before)  # tokens[i] comes after read[:n + i]
    done = 0
    while done < len(tokens):
        end = min(done + (stride if done else max_length - n + 1), len(tokens))
        yield read[max(0, end + n - 1 - max_length) : done + n], tokens[done:end]
        done = end


def score_stream(scorer: Scorer, pairs: Iterable[Pair], *, progress: bool) -> Iterator[ScoredTokens]:
    """`Scorer.score_tokens` over any number of pairs, which are read some way ahead of the scores asked for."""
    chunk: list[Pair] = []
    size = 0
    for pair in pairs:
        chunk.append(pair)
        size += len(pair[0]) + len(pair[1])
        if size >= _CHUNK_TOKENS:
            yield from scorer.score_tokens(chunk, progress=progress)
            chunk, size = [], 0
    if chunk:
        yield from scorer.score_tokens(chunk, progress=progress)


def window_sizes(scorer: Scorer, max_length: int | None, stride: int | None) -> tuple[int, int]:
    """How many tokens a window reads, and how many a later one scores; by default both are what the model can take.

    Raises:
        ValueError: either is out of range, or the model doesn't say how much it can take.
    """
    limit, prefix = scorer.tokens.max_length, len(scorer.tokens.prefix)
    if max_length is None and limit is None:
        raise ValueError("the model's configuration doesn't say how many tokens it can take: give max_length=")
    length = _tokens(limit if max_length is None else max_length)
    if not 1 <= length <= (limit or length):
        top = f"from 1 to {limit}, what the model can take" if limit else "of at least 1"
        raise ValueError(f"max_length={max_length!r} must be a whole number {top}")
    if length < prefix:
        raise ValueError(
            f"max_length={length} must be at least {prefix}: the tokenizer puts as many tokens before a text"
        )
    step = length if stride is None else _tokens(stride)
    if not 1 <= step <= length:
        raise ValueError(f"stride={stride!r} must be a whole number from 1 to max_length, {length}")
    return length, step


def _tokens(value: Any) -> int:
    """A number of tokens; 0, which is too few anywhere, for what is no whole number."""
    try:
        return as_int(value, "tokens")
    except TypeError:
        return 0
