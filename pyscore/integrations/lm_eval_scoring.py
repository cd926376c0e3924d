"""Log-likelihoods of lm-evaluation-harness by a `pyscore.Scorer`, for its models that have one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from tqdm import tqdm

from pyscore.engine import Scorer
from pyscore.engine.rows import exact_logprobs
from pyscore.engine.sources.huggingface.load import require_transformers
from pyscore.engine.sources.prefixes import common_prefix
from pyscore.engine.tokenization import MERGED, move_trailing_space, split_tokens

require_transformers()  # before lm_eval imports it: from a checkout's root it would take ./kernels for a package

from lm_eval import utils  # noqa: E402
from lm_eval.api.model import TemplateLM  # noqa: E402

__all__ = ["BATCHES_AT_ONCE", "ScoredLM", "chunks_of_work"]

Tokens = list[int]
Request = tuple[Any, Tokens, Tokens]  # what the cache calls it (or None), context, continuation

BATCHES_AT_ONCE = 128
"""Scored before results go to the cache, in `batch_tokens`: a prefix that requests share is run again after as many."""

_log = logging.getLogger(__name__)


class ScoredLM(TemplateLM):  # type: ignore[misc]  # lm_eval has no types
    """A model of the harness whose log-likelihoods, rolling ones as well, come from ``scorer``.

    Attributes:
        scorer: what scores.
        work_at_once: tokens that are scored before results go to the cache.
    """

    scorer: Scorer
    _merged = 0  # requests of this call in which a token spans the join

    @property
    def work_at_once(self) -> int:
        raise NotImplementedError

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """The log-likelihood of each request's continuation, nats, and whether it is greedy; one warning for merges."""
        self._merged = 0
        found: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=disable_tqdm)
        if self._merged:
            _log.warning(
                "%d of %d requests: the context's own tokens don't begin those of context and continuation (a token "
                "spans the join, or the tokenizer ends texts with a token). They are scored as by 'hf', which cuts the "
                "whole after as many tokens as the context has; pyscore.Scorer cuts it at the first that differs",
                self._merged,
                len(requests),
            )
        return found

    def _encode_pair(self, context: str, continuation: str) -> tuple[Tokens, Tokens]:
        """As "hf", but from the first token that differs where "hf" finds none to score and stops."""
        context, continuation = move_trailing_space(context, continuation)
        own, whole = self.tok_encode(context), self.tok_encode(context + continuation)
        before, scored, boundary = split_tokens(own, whole)
        self._merged += boundary == MERGED
        return (own, whole[len(own) :]) if len(whole) > len(own) else (before, scored)

    def _loglikelihood_tokens(
        self, requests: Sequence[Request], disable_tqdm: bool = False, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        pairs = self._fit(requests)
        results: dict[int, tuple[float, bool]] = {}
        hidden = disable_tqdm or self.rank != 0
        with tqdm(total=len(pairs), disable=hidden, desc="Running loglikelihood requests") as bar:
            for chunk in chunks_of_work(pairs, self.work_at_once):
                scored = self.scorer.score_tokens([pairs[i] for i in chunk], progress=False)
                for i, scores in zip(chunk, scored, strict=True):
                    results[i] = sum(exact_logprobs(scores, _name(requests[i], i))), scores.is_greedy
                    if requests[i][0] is not None:  # windows of a rolling request have no name of their own
                        self.cache_hook.add_partial("loglikelihood", requests[i][0], results[i])
                bar.update(len(chunk))
        return [results[i] for i in range(len(pairs))]

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """The log-likelihood of each request's text, nats: the sum over windows of the model's whole context."""
        totals: list[float] = []
        texts: list[str] = [request.args[0] for request in requests]
        hidden = disable_tqdm or self.rank != 0
        with tqdm(total=len(texts), disable=hidden, desc="Running loglikelihood_rolling requests") as bar:
            for some in self._texts_of_work(texts):
                windows = [(None, *window) for _, own in some for window in own]
                scored = iter(self._loglikelihood_tokens(windows, disable_tqdm=True))
                for text, own in some:
                    totals.append(sum(next(scored)[0] for _ in own))
                    self.cache_hook.add_partial("loglikelihood_rolling", (text,), totals[-1])
                bar.update(len(some))
        return totals

    def _texts_of_work(self, texts: Sequence[str]) -> Iterator[list[tuple[str, list[tuple[Tokens, Tokens]]]]]:
        """The texts with their windows, as many at once as are scored before the cache is written."""
        some, work = [], 0
        for text in texts:
            windows = utils.get_rolling_token_windows(
                self.tok_encode(text), prefix_token=self.prefix_token_id, max_seq_len=self.max_length, context_len=1
            )
            some.append((text, [utils.make_disjoint_window(window) for window in windows]))
            work += sum(len(context) + len(continuation) for context, continuation in some[-1][1])
            if work >= self.work_at_once:
                yield some
                some, work = [], 0
        if some:
            yield some

    def _fit(self, requests: Sequence[Request]) -> list[tuple[Tokens, Tokens]]:
        """Contexts and continuations of which the model can take all but the last token, contexts cut on the left."""
        longest, cut, pairs = self.max_length, 0, []
        for i, (_, context, continuation) in enumerate(requests):
            if not context or not continuation:
                missing = "continuation" if context else "context"
                raise ValueError(f"{_name(requests[i], i)}: the {missing} has no tokens, so there is nothing to score")
            self.scorer.tokens.check(context, continuation, _name(requests[i], i))
            if len(continuation) > longest:
                raise ValueError(
                    f"{_name(requests[i], i)}: the continuation has {len(continuation)} tokens, the model takes "
                    f"{longest} (max_length)"
                )
            surplus = max(len(context) + len(continuation) - longest - 1, 0)
            cut += surplus > 0
            pairs.append((context[surplus:], continuation))
        if cut:
            _log.warning("%d of %d requests exceed max_length=%d: cut from the left", cut, len(pairs), longest)
        return pairs


def chunks_of_work(pairs: Sequence[tuple[Tokens, Tokens]], work: int) -> Iterator[list[int]]:
    """Positions of pairs, in chunks that have up to ``work`` tokens (at least one pair), shared prefixes counted once.

    Pairs are sorted by their tokens, so that those with a prefix in common stand together.
    """
    tokens = [context + continuation for context, continuation in pairs]
    chunk: list[int] = []
    done, last = 0, Tokens()
    for i in sorted(range(len(tokens)), key=tokens.__getitem__):
        new = len(tokens[i]) - common_prefix(last, tokens[i])
        if chunk and done + new > work:
            yield chunk
            chunk, done, new = [], 0, len(tokens[i])
        chunk.append(i)
        done, last = done + new, tokens[i]
    if chunk:
        yield chunk


def _name(request: Request, i: int) -> str:
    return f"request {i}" if request[0] is None else f"request {i}, continuation {request[0][1]!r}"
