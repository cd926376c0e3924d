"""Whole texts: log-probabilities by rolling windows; completions that are compared with nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice, tee
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore._integers import as_int
from pyscore._version import __version__
from pyscore.engine.fingerprint import model_digest
from pyscore.engine.rows import exact_logprobs, total
from pyscore.engine.scorer import ScoredTokens, Scorer
from pyscore.engine.tokenization import tokenizer_hash
from pyscore.engine.turns import turn
from pyscore.metrics import Answers

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Pair", "document_windows", "score_completions", "score_documents", "score_stream", "window_sizes"]

Pair = tuple[Sequence[int], Sequence[int]]
"""Token ids: what is read, and what is scored after it."""

_CHUNK_TOKENS = 2**20  # how many are planned at once: enough to share prefixes, little to hold
_ROWS = 1024  # how many rows become Arrow columns at once
_LENGTHS = ("n_tokens", "n_chars", "n_bytes", "n_words")
_SPACES = re.compile(r"\s+")


def score_documents(
    scorer: Scorer,
    texts: Iterable[str],
    *,
    ids: Iterable[str] | None = None,
    max_length: int | None = None,
    stride: int | None = None,
    score_bos: bool = False,
    token_logprobs: bool = False,
    progress: bool = True,
) -> pa.Table:
    """The log-probability of whole texts, of any length, by rolling windows.

    Every token is scored once. The first window has what the tokenizer puts before a text (BOS where that is nothing,
    EOS where there is no BOS) and the first tokens; each later one goes on where the last one ended and reads as many
    earlier tokens as there is room for beside the ``stride`` tokens that it scores. With ``stride=None`` that is one
    token, but in the last window, which fills up: loglikelihood_rolling of lm-evaluation-harness. A smaller stride
    costs more and gives each token at least ``max_length - stride + 1`` tokens of context (or all there are). Texts are
    read as they are needed, some way ahead.

    Args:
        scorer: the model.
        texts: any iterable of strings, a generator too.
        ids: one string a text, unique; by default its number from 0.
        max_length: tokens of a window; by default as many as the model can take.
        stride: tokens that a window scores, 1 to ``max_length``, the default.
        score_bos: score the tokens that a tokenizer puts before every text as its first ones, after BOS (EOS where
            there is none), and count them: so the harness does. By default they are read and not scored.
        token_logprobs: add the list columns ``token_ids`` and ``token_logprobs``.
        progress: show progress on standard error for every few batches: a bar on a terminal, elsewhere lines.

    Returns:
        One row a text, in order: ``document_id``, ``logprob`` (nats), ``n_tokens``, ``n_chars``, ``n_bytes`` (UTF-8)
        and ``n_words`` (as the harness counts: one more than there are stretches of whitespace). A text without
        tokens has the log-probability 0.

    Raises:
        TypeError: a text or an id is not a string, with its number.
        ValueError: a bad ``max_length`` or ``stride``, or a model that doesn't say how much it can take; ids that are
            repeated, too few or too many; a text that UTF-8 can't hold; a model that gives NaN or a source that gives
            bounds alone, with the document.
    """
    import pyarrow as pa

    length, step = window_sizes(scorer, max_length, stride)
    with turn(scorer.source):  # the weights are read, which another thread's run may have an adapter merged into
        schema = _schema(scorer, length, step, score_bos, token_logprobs)
    documents, ahead = tee(_documents(scorer, texts, ids, score_bos))
    scores = score_stream(
        scorer,
        (window for each in ahead for window in document_windows(each.before, each.tokens, length, step)),
        progress=progress,
    )
    rows = (_row(document, scores) for document in documents)
    batches = []
    while chunk := list(islice(rows, _ROWS)):
        columns = [pa.array([row[field.name] for row in chunk], field.type) for field in schema]
        batches.append(pa.record_batch(columns, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)


def score_completions(
    scorer: Scorer, pairs: Sequence[tuple[str, str]], *, truncate: bool = False, progress: bool = True
) -> Answers:
    """The log-probabilities of completions, each after its prompt, for ``apply_preset`` with a preset of sequences.

    Args:
        scorer: the model.
        pairs: (prompt, completion) texts, tokenised like a question and its answer.
        truncate: cut prompts that are too long for the model from the left instead of raising.
        progress: show progress on standard error for every few batches: a bar on a terminal, elsewhere lines.

    Returns:
        `Answers` of one completion a question, with ``n_tokens``, ``n_chars`` and ``n_bytes``.

    Raises:
        TypeError: an entry is not a pair of strings, with its row.
        ValueError: no pairs; a completion without tokens, a pair too long for the model, a model that gives NaN, a
            source that gives bounds alone, each with its row.
    """
    pairs = [_read_pair(pair, i) for i, pair in enumerate(pairs)]
    if not pairs:
        raise ValueError("pairs is empty: give at least one prompt with its completion")
    tokens = scorer.tokens.encode(pairs, [f"pairs[{i}]" for i in range(len(pairs))], truncate=truncate)
    scores = score_stream(scorer, ((each.context, each.answer) for each in tokens), progress=progress)
    return Answers.of_sequences(
        np.array([total(exact_logprobs(score, f"pairs[{i}]"), f"pairs[{i}]") for i, score in enumerate(scores)]),
        n_tokens=np.array([len(each.answer) for each in tokens]),
        n_chars=np.array([len(completion) for _, completion in pairs]),
        n_bytes=np.array([len(completion.encode()) for _, completion in pairs]),
    )


@dataclass(frozen=True)
class _Document:
    id: str
    text: str
    before: list[int]
    tokens: list[int]


def _documents(scorer: Scorer, texts: Iterable[str], ids: Iterable[str] | None, score_bos: bool) -> Iterator[_Document]:
    if isinstance(texts, str):
        raise TypeError("texts must be strings, got one string: put it in a list")
    names = map(str, count()) if ids is None else iter(ids)
    seen: set[str] = set()
    i = -1
    for i, text in enumerate(texts):
        name = next(names, None)
        if name is None:
            raise ValueError(f"ids has only {i} entries, but there are more texts: give one id a text")
        for value, label in ((text, "texts"), (name, "ids")):
            if not isinstance(value, str):
                raise TypeError(f"{label}[{i}] must be a string, got {type(value).__name__}")
            try:
                value.encode()
            except UnicodeEncodeError as error:
                where = f"lone surrogate at character {error.start}"
                raise ValueError(f"{label}[{i}] can't be written as UTF-8: {where}") from None
        if name in seen:
            raise ValueError(f"the id {name!r} is given twice: ids must be unique")
        seen.add(name)
        before, tokens = scorer.tokens.encode_document(text, score_prefix=score_bos)
        scorer.tokens.check(before, tokens, f"document {name!r}")
        yield _Document(name, text, before, tokens)
    if ids is not None and next(names, None) is not None:
        raise ValueError(f"ids has more entries than there are texts, {i + 1}: give one id a text")


def _row(document: _Document, scores: Iterator[ScoredTokens]) -> dict[str, Any]:
    """The row of the document whose windows come next among the scores."""
    logprobs: list[float] = []
    while len(logprobs) < len(document.tokens):
        logprobs += exact_logprobs(next(scores), f"document {document.id!r}")
    return {
        "document_id": document.id,
        "logprob": total(logprobs, f"document {document.id!r}"),
        "n_tokens": len(logprobs),
        "n_chars": len(document.text),
        "n_bytes": len(document.text.encode()),
        "n_words": len(_SPACES.findall(document.text)) + 1,
        "token_ids": document.tokens,
        "token_logprobs": logprobs,
    }


def _schema(scorer: Scorer, max_length: int, stride: int, score_bos: bool, token_logprobs: bool) -> pa.Schema:
    import pyarrow as pa

    fields = [pa.field("document_id", pa.string(), nullable=False), pa.field("logprob", pa.float64(), nullable=False)]
    fields += [pa.field(name, pa.int64(), nullable=False) for name in _LENGTHS]
    if token_logprobs:
        fields.append(pa.field("token_ids", pa.list_(pa.int32()), nullable=False))
        fields.append(pa.field("token_logprobs", pa.list_(pa.float64()), nullable=False))
    facts = scorer.source.facts
    metadata = {
        "pyscore_version": __version__,
        "model": scorer.name,
        "revision": scorer.revision or "",
        "dtype": facts.dtype,
        "model_fingerprint": model_digest(facts.fingerprint()),
        "tokenizer_hash": tokenizer_hash(scorer.tokenizer),
        "max_length": str(max_length),
        "stride": str(stride),
        "prefix_tokens": " ".join(map(str, scorer.tokens.encode_document([], score_prefix=score_bos)[0])),
        "score_bos": str(score_bos).lower(),
    }
    return pa.schema(fields, metadata=metadata)


def _read_pair(pair: Any, i: int) -> tuple[str, str]:
    if isinstance(pair, str) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
        raise TypeError(f"pairs[{i}] must be a prompt and a completion, two strings, got {pair!r:.60}")
    prompt, completion = pair
    return prompt, completion


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
