"""The waist between questions and models: a source gives sessions, and a session scores requests.

`Scorer`, runs, sweeps and reports know a source by these classes only. What tokens share, how they are batched and
where they run is the source's own matter.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

__all__ = [
    "ScoreRequest",
    "Session",
    "Source",
    "SourceFacts",
    "TokenCounts",
    "TokenScore",
    "Tokenizer",
    "Vocabulary",
    "Work",
]

Work: TypeAlias = Any
"""What a session prepared from requests; only that session looks into it."""


class ScoreRequest(NamedTuple):
    """Token ids: what is read, and what is scored after it; at least one of each."""

    context: list[int]
    continuation: list[int]


class TokenScore(NamedTuple):
    """A continuation's scores.

    Attributes:
        logprobs: the log-probability of each of its tokens, nats.
        is_greedy: every token is the likeliest given those before it.
        lower: None where ``logprobs`` are exact. Else they are upper bounds, and these, one a token, lower ones: equal
            where a token's log-probability is known, -inf where nothing bounds it from below.
    """

    logprobs: list[float]
    is_greedy: bool
    lower: list[float] | None = None


@dataclass(frozen=True)
class TokenCounts:
    """What a run takes, in tokens.

    Attributes:
        distinct: tokens that must be run: the nodes of the prefix tree, without last answer tokens.
        run: tokens run, padding counted.
        padding: tokens of padding among them.
        naive: tokens of one sequence for every answer, without its last token.
    """

    distinct: int = 0
    run: int = 0
    padding: int = 0
    naive: int = 0

    def __add__(self, other: TokenCounts) -> TokenCounts:
        return TokenCounts(*map(sum, zip(astuple(self), astuple(other), strict=True)))


class Vocabulary(NamedTuple):
    """How many token ids a model can read, and of how many it gives the probability; None where it doesn't say.

    They differ where a model reads tokens that it never writes, such as those of images. A tokenizer may have more ids
    than either, which would index past the model's embedding.
    """

    read: int | None = None
    predicted: int | None = None

    def check(self, tokenizer: Any, context: Sequence[int], answer: Sequence[int], name: str) -> None:
        """Raise ValueError if the model can't read these tokens, or can't predict the answer's; ``name`` has them."""
        predicted = min((n for n in self if n is not None), default=None)
        for ids, size in ((context, self.read), (answer, predicted)):
            if not ids or (min(ids) >= 0 and (size is None or max(ids) < size)):
                continue
            bad = next(token for token in ids if token < 0 or (size is not None and token >= size))
            text = f" ({tokenizer.convert_ids_to_tokens(bad)!r})" if 0 <= bad < len(tokenizer) else ""
            known = "from 0 on" if size is None else f"0 to {size - 1}"
            raise ValueError(
                f"{name}: the token {bad}{text} is none of the model's, {known}: "
                "give the tokenizer that belongs to the model"
            )

    def first_known(self, *candidates: int | None) -> int:
        """The first of these token ids that the model can read, 0 if it can read none."""
        return next((i for i in candidates if i is not None and i >= 0 and (self.read is None or i < self.read)), 0)


@dataclass(frozen=True)
class SourceFacts:
    """What rows and runs say of a source, as it is now.

    Attributes:
        name, revision: what rows call the model.
        dtype, device: as text.
        fingerprint: reads what scores depend on, as names and digests. It is a function because that may be a read of
            all weights, and because a model may be trained between two runs.
        context_length: how many tokens the model can take, None where it doesn't say.
        vocabulary: which token ids it knows.
        settings: the source's own options that scores depend on, as JSON. A run goes on only with the same ones.
        metadata: what rows say of the source besides.
    """

    name: str
    revision: str | None
    dtype: str
    device: str
    fingerprint: Callable[[], dict[str, str]]
    context_length: int | None = None
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    settings: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


class Tokenizer(Protocol):
    """The part of the tokenizers of Hugging Face transformers that the engine uses.

    Besides, "chat" as a template needs ``apply_chat_template`` and ``chat_template``, and a tokenizer's hash
    ``backend_tokenizer`` or ``get_vocab``.
    """

    bos_token_id: int | None
    eos_token_id: int | None

    def __call__(self, text: Any, *, add_special_tokens: bool, **options: Any) -> Mapping[str, Any]: ...
    def __len__(self) -> int: ...
    def decode(self, token_ids: Any, **options: Any) -> str: ...
    def convert_ids_to_tokens(self, ids: Any) -> Any: ...


class Session(Protocol):
    """A source in use by one run."""

    @property
    @abstractmethod
    def findings(self) -> dict[str, str]:
        """How it scored so far, as text for the rows' metadata; the names are the same from the beginning."""

    @property
    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What `Source.session` needs to go on in the same way, as JSON. Runs keep it without looking into it."""

    @abstractmethod
    def prepare(self, requests: Sequence[ScoreRequest]) -> Work:
        """What `run` takes. Called in a thread while earlier work runs, so it must not change the session."""

    @abstractmethod
    def run(self, work: Work, advance: Callable[[float], None]) -> list[TokenScore]:
        """The scores of the requests, in order; ``advance`` hears which share of the work was done since its last call.

        Scores must not depend on what else was prepared or run, but by rounding.
        """


@runtime_checkable
class Source(Protocol):
    """Where scores come from. A source is a subclass, `pyscore.Scorer.from_source` takes it."""

    @property
    @abstractmethod
    def facts(self) -> SourceFacts:
        """What is said of it, as it is now; cheap to ask for."""

    @property
    @abstractmethod
    def tokenizer(self) -> Tokenizer:
        """Its tokenizer."""

    @abstractmethod
    def session(self, state: Mapping[str, Any] | None) -> AbstractContextManager[Session]:
        """Score under one set of conditions.

        Args:
            state: `Session.state` of a run that goes on; {} where a run begins whose state will be kept: it must not
                depend on earlier sessions; None where nobody keeps it.

        Raises:
            ValueError: the state is none that a session of this source gave; the message names what is wrong.
        """

    @property
    def exclusive(self) -> Any:
        """What a run must have for itself: sources that share it take turns. It needs a weak reference."""
        return self

    def adapted(self, adapter: str | Path) -> AbstractContextManager[Source]:
        """A source of the same model with an adapter over it, until the end of a ``with`` block.

        Raises:
            TypeError: this kind of source has none.
        """
        raise TypeError(f"{type(self).__name__} takes no adapters: they go over models of Hugging Face's")

    def count(self, chunks: Iterable[Sequence[ScoreRequest]]) -> TokenCounts:
        """How many tokens it would run for these requests.

        Raises:
            ValueError: this kind of source can't tell.
        """
        raise ValueError(f"{self.facts.name}: a {type(self).__name__} can't tell how many tokens a run takes")
