"""What the two endpoints have in common: how a server's answer is asked for and read, and how its numbers are."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pyscore.engine.sources.http.client import one_line
from pyscore.engine.sources.source import ScoreRequest, TokenScore

__all__ = ["CLIPPED", "ROUNDING", "Dialect", "Endpoint", "first_choice", "logprob", "token_id"]

CLIPPED = -9999.0
"""What servers write for log-probabilities at and below it, -inf among them: JSON has no infinity."""
ROUNDING = 1e-4
"""Nats by which a server's log-probabilities may be off: of rounding, and of a softmax in low precision."""
_TOKEN_ID = "token_id:"


@dataclass(frozen=True)
class Dialect:
    """How a server is asked.

    Attributes:
        ids: whether it is asked to name tokens by their ids.
        limit: the field, and the value, that keep it from writing more than is needed.
    """

    ids: bool
    limit: tuple[str, int]

    @property
    def fields(self) -> dict[str, Any]:
        """Of the request's body."""
        return {self.limit[0]: self.limit[1], **({"return_tokens_as_token_ids": True} if self.ids else {})}


class Endpoint(Protocol):
    """One kind of request, and how its answer becomes scores."""

    @property
    @abstractmethod
    def path(self) -> str:
        """Behind the server's address."""

    @property
    @abstractmethod
    def dialects(self) -> list[Dialect]:
        """Ways to ask, the next one for servers that refuse the one before."""

    @property
    @abstractmethod
    def how(self) -> str:
        """A sentence on how exact the scores are."""

    @abstractmethod
    def body(self, request: ScoreRequest, dialect: Dialect) -> dict[str, Any]:
        """What is sent for a request; requests of the same body and `split` are sent once.

        Raises:
            ValueError: this endpoint can't score it.
        """

    @abstractmethod
    def split(self, request: ScoreRequest) -> int:
        """What else `read` depends on."""

    @abstractmethod
    def read(self, answer: Mapping[str, Any], request: ScoreRequest, dialect: Dialect) -> Any:
        """What an answer says, as JSON.

        Raises:
            ValueError: it doesn't say what was asked for.
        """

    @abstractmethod
    def score(self, read: Any, request: ScoreRequest) -> TokenScore:
        """What `read` gave, as the scores of a request."""

    @abstractmethod
    def probe(self, dialect: Dialect) -> dict[str, Any]:
        """The body of a request by which the server is checked."""

    @abstractmethod
    def check(self, answer: Mapping[str, Any], dialect: Dialect) -> None:
        """Raise ValueError if the answer to the probe shows that the server's tokens aren't the tokenizer's."""


def first_choice(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one choice of an answer."""
    choices = answer.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise ValueError(f"the answer must have one choice, and has choices={_shown(choices)}")
    return choices[0]


def logprob(value: Any, name: str) -> float:
    """A log-probability as a server writes it; what is above 0 by rounding is 0, what it clipped is `CLIPPED`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a log-probability, and is {_shown(value)}")
    if math.isnan(value):
        raise ValueError(f"{name} is NaN: the model overflows on the server, another dtype may help")
    if value > ROUNDING:
        raise ValueError(f"{name} is {value!r}, which is above 0 and so no log-probability")
    return float(min(0.0, max(value, CLIPPED)))


def token_id(name: Any) -> int | None:
    """The id in "token_id:123"; None for a token that is named by its text."""
    if isinstance(name, str) and name.startswith(_TOKEN_ID) and name[len(_TOKEN_ID) :].isdecimal():
        return int(name[len(_TOKEN_ID) :])
    return None


def _shown(value: Any) -> str:
    return one_line(repr(value), 80)
