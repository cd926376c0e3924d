"""A source without a model: bytes are tokens, and a hash of all tokens up to one is its log-probability."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pyscore import Scorer
from pyscore.engine.sources.source import ScoreRequest, Session, Source, SourceFacts, TokenScore, Vocabulary


class FakeTokenizer:
    bos_token_id, eos_token_id = 0, 1

    def __call__(self, text: Any, **_: Any) -> dict[str, Any]:
        return {"input_ids": self.encode(text) if isinstance(text, str) else [self.encode(each) for each in text]}

    def __len__(self) -> int:
        return 258

    def encode(self, text: str, **_: Any) -> list[int]:
        return [2 + byte for byte in text.encode()]

    def decode(self, token_ids: Sequence[int], **_: Any) -> str:
        return bytes(token - 2 for token in token_ids if token > 1).decode(errors="replace")

    def convert_ids_to_tokens(self, ids: Any) -> Any:
        return chr(ids) if isinstance(ids, int) else [chr(token) for token in ids]

    def get_vocab(self) -> dict[str, int]:
        return {chr(i): i for i in range(len(self))}


class FakeSource(Source):
    """Scores at once; ``before_run`` is called with the requests of each chunk before they are scored."""

    tokenizer: Any = FakeTokenizer()

    def __init__(
        self, name: str = "fake", *, context_length: int = 256, before_run: Callable[[Any], None] = lambda _: None
    ) -> None:
        self.before_run, self.n_scored = before_run, 0
        self._facts = SourceFacts(
            name, None, "float64", "none", lambda: {"source": "fake"}, context_length, Vocabulary(258, 258)
        )

    @property
    def facts(self) -> SourceFacts:
        return self._facts

    def score(self, request: ScoreRequest) -> TokenScore:
        return score_of(*request)

    @contextmanager
    def session(self, state: Mapping[str, Any] | None) -> Iterator[Session]:
        self.n_scored = (state or {}).get("n_scored", 0)
        yield FakeSession(self)


class FakeSession(Session):
    def __init__(self, source: FakeSource) -> None:
        self._source = source

    @property
    def findings(self) -> dict[str, str]:
        return {"how": "by a hash"}

    @property
    def state(self) -> dict[str, Any]:
        return {"n_scored": self._source.n_scored}

    def prepare(self, requests: Sequence[ScoreRequest]) -> Sequence[ScoreRequest]:
        return requests

    def run(self, work: Sequence[ScoreRequest], advance: Callable[[float], None]) -> list[TokenScore]:
        self._source.before_run(work)
        self._source.n_scored += len(work)
        advance(1.0)
        return [self._source.score(request) for request in work]


def score_of(context: Sequence[int], continuation: Sequence[int]) -> TokenScore:
    digests = [
        hashlib.blake2b(bytes(str([*context, *continuation[: i + 1]]), "ascii"), digest_size=4).digest()
        for i in range(len(continuation))
    ]
    logprobs = [-int.from_bytes(digest, "big") / 2**32 - 1e-3 for digest in digests]
    return TokenScore(logprobs, all(logprob > -0.5 for logprob in logprobs))


def fake_scorer(name: str = "fake", **options: Any) -> Scorer:
    return Scorer.from_source(FakeSource(name, **options))
