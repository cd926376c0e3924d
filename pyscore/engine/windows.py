"""A text as token windows that a model can take, and the scores of any number of them, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pyscore.engine.scorer import ScoredTokens, Scorer
from pyscore.ops.scalars import as_int

__all__ = ["Pair", "document_tokens", "document_windows", "prefix_token", "score_stream", "window_sizes"]

Pair = tuple[Sequence[int], Sequence[int]]
"""Token ids: what is read, and what is scored after it."""

_CHUNK_TOKENS = 2**20  # how many are planned at once: enough to share prefixes, little to hold


def document_windows(tokens: Sequence[int], prefix: int, max_length: int, stride: int) -> Iterator[Pair]:
    """(context, continuation) of the windows that score each token once; see `score_documents`.

    Args:
        tokens: of the text.
        prefix: a token to read before the first one.
        max_length: tokens that a window reads: its context, and its continuation without the last token.
        stride: tokens that a window after the first scores, 1 to ``max_length``.
    """
    read = [prefix, *tokens]  # read[i] is what precedes tokens[i]
    done = 0
    while done < len(tokens):
        end = min(done + (stride if done else max_length), len(tokens))
        yield read[max(0, end - max_length) : done + 1], tokens[done:end]
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


def prefix_token(tokenizer: Any) -> int:
    """What the first token of a text is conditioned on: BOS, or EOS where the tokenizer has no BOS.

    Raises:
        ValueError: it has neither.
    """
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise ValueError("the tokenizer has neither BOS nor EOS for the first token of a text to follow")


def document_tokens(scorer: Scorer, text: str | Sequence[int], *, score_bos: bool = False) -> list[int]:
    """The tokens of a text, or of its token ids, to score after `prefix_token`, which they don't begin with.

    Args:
        scorer: whose tokenizer to use.
        text: the text or its token ids.
        score_bos: begin with BOS where the tokenizer puts it before a text, and keep the one that a text begins with.
    """
    # verbose=False: longer than the model's context is what windows are for
    ids = (
        scorer.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] if isinstance(text, str) else text
    )
    tokens: list[int] = list(ids)
    if score_bos:
        return scorer.tokens.with_bos(tokens)
    return tokens[1:] if tokens[:1] == [prefix_token(scorer.tokenizer)] else tokens


def window_sizes(scorer: Scorer, max_length: int | None, stride: int | None) -> tuple[int, int]:
    """How many tokens a window reads, and how many a later one scores; by default both are what the model can take.

    Raises:
        ValueError: either is out of range, or the model doesn't say how much it can take.
    """
    limit = scorer.tokens.max_length
    length = limit if max_length is None else max_length
    if length is None:
        raise ValueError("the model's configuration doesn't say how many tokens it can take: give max_length=")
    length = as_int(length, "max_length")
    if not 1 <= length <= (limit or length):
        top = f"from 1 to {limit}, what the model can take" if limit else "of at least 1"
        raise ValueError(f"max_length={length!r} must be a whole number {top}")
    step = length if stride is None else as_int(stride, "stride")
    if not 1 <= step <= length:
        raise ValueError(f"stride={step!r} must be a whole number from 1 to max_length, {length}")
    return length, step
