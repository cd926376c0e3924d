"""What a server is asked, how often and for how long: the options of the source, checked before anything is sent."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from pyscore.engine.sources.options import refuse_others

__all__ = ["Options", "Price"]

_ENDPOINTS = ("completions", "chat")
_OPENAI = "https://api.openai.com/v1"
_KEY = "OPENAI_API_KEY"
_NO_KEY = ": the key is in the environment variable that api_key_env names, by default OPENAI_API_KEY"
_HINTS = {
    401: _NO_KEY,
    403: _NO_KEY,
    404: ": base_url mostly ends in /v1, and the model is named as the server names it",
}
_OWN_FIELDS = ("model", "prompt", "messages", "echo", "logprobs", "top_logprobs", "temperature", "max_tokens", "stream")


@dataclass(frozen=True)
class Price:
    """Of a million tokens."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1e6


@dataclass(frozen=True)
class Options:
    """Options of the source "openai"; docs/sources.md says what each is for.

    Attributes:
        base_url: where the server is, up to and with "/v1".
        endpoint: "completions" (echoed prompts, exact) or "chat" (the largest log-probabilities of the first token).
        api_key_env: the environment variable that holds the key; None for OPENAI_API_KEY, where there is one.
        tokenizer: folder or name of the model's tokenizer; None for the model's own name.
        context_length: tokens that the model can take, where the server doesn't say.
        served_model: what the server calls the model in its answers, where that isn't the name it is asked by.
        token_ids: whether the server is asked to name tokens by their ids; "auto": it is, unless it refuses that.
        max_tokens: of completions, 0 or 1; "auto": 0, and 1 where the server refuses that.
        assume_not_greedy: take an answer for not greedy where the server doesn't say which tokens are the likeliest.
        top_logprobs: of chat, how many of the largest log-probabilities the server is asked for.
        strip_space: of chat, ask for an answer without its leading space.
        system: of chat, a system message.
        extra_body: further fields of each request.
        concurrency: how many requests wait for their answer at a time.
        timeout: seconds that an answer may take.
        requests_per_minute: at most so many are sent.
        backoff: seconds before the first try again, doubled with each.
        give_up_after: seconds after its first failure when a request is given up.
        price: of a million tokens, {"prompt": 0.15, "completion": 0.6}.
        journal: the folder of answered requests; None for the user's cache, False for none.
        quiet: write no line on requests, tokens and cost to standard error.
    """

    base_url: str = _OPENAI
    endpoint: str = "completions"
    api_key_env: str | None = None
    tokenizer: str | None = None
    context_length: int | None = None
    served_model: str | None = None
    token_ids: bool | str = "auto"
    max_tokens: int | str = "auto"
    assume_not_greedy: bool = False
    top_logprobs: int = 20
    strip_space: bool = True
    system: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    concurrency: int = 16
    timeout: float = 300.0
    requests_per_minute: float | None = None
    backoff: float = 0.5
    give_up_after: float = 600.0
    price: Mapping[str, float] | None = None
    journal: str | bool | None = None
    quiet: bool = False

    @property
    def hints(self) -> Mapping[int, str]:
        """What to do about an error of the server, by its status."""
        return _HINTS

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """The options that ``load`` was called with.

        Raises:
            TypeError, ValueError: one that there is not, or of a value that it can't have.
        """
        names = [each.name for each in fields(cls)]
        if secret := next((name for name in given if name in ("api_key", "key", "token")), None):
            raise ValueError(
                f"{secret}= would be stored with the run: put the key into an environment variable, {_KEY} or the one "
                "that api_key_env names"
            )
        refuse_others("openai", {name: value for name, value in given.items() if name not in names}, names)
        found = cls(**{name: value for name, value in given.items() if name in names})
        found._check()
        return found

    def _check(self) -> None:
        self._check_url()
        _one_of("endpoint", self.endpoint, _ENDPOINTS)
        _one_of("token_ids", self.token_ids, (True, False, "auto"))
        _one_of("max_tokens", self.max_tokens, (0, 1, "auto"))
        for name in ("assume_not_greedy", "strip_space", "quiet"):
            _one_of(name, getattr(self, name), (True, False))
        for name in ("top_logprobs", "concurrency", "context_length"):
            _number(name, getattr(self, name), whole=True, optional=name == "context_length")
        for name in ("timeout", "requests_per_minute", "backoff", "give_up_after"):
            _number(name, getattr(self, name), optional=name == "requests_per_minute")
        for name in ("api_key_env", "tokenizer", "served_model", "system"):
            if not isinstance(getattr(self, name), str | None):
                raise TypeError(f"{name}={getattr(self, name)!r:.60} must be text")
        if self.journal is True or not isinstance(self.journal, str | bool | os.PathLike | None):
            raise TypeError(f"journal={self.journal!r:.60} must be a folder, or False for none")
        self._check_extra()
        _ = self.prices, self.api_key

    def _check_url(self) -> None:
        try:
            parts = urlsplit(self.base_url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except (ValueError, AttributeError, TypeError):
            good = False
        if not good:
            raise ValueError("base_url must be an address such as 'http://localhost:8000/v1'")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError(
                "base_url must hold no user, password or query, for rows name it: put the key into an environment "
                "variable and name that in api_key_env"
            )

    def _check_extra(self) -> None:
        try:
            json.dumps(self.extra_body, allow_nan=False)
            good = isinstance(self.extra_body, Mapping)
        except (TypeError, ValueError):
            good = False
        if not good:
            raise TypeError(f"extra_body={self.extra_body!r:.60} must be a JSON object")
        if taken := sorted(set(self.extra_body) & {*_OWN_FIELDS, "max_completion_tokens"}):
            raise ValueError(f"extra_body can't set {taken[0]!r}: scores depend on what pyscore asks there")

    @property
    def url(self) -> str:
        """Where the server is, without a slash at the end."""
        return self.base_url.rstrip("/")

    @property
    def prices(self) -> Price | None:
        """What tokens cost; None where nobody said."""
        given = self.price
        if given is None:
            return None
        if not isinstance(given, Mapping) or not given or set(given) - {"prompt", "completion"}:
            raise ValueError(f'price={given!r:.60} must be such as {{"prompt": 0.15, "completion": 0.6}}')
        for name, value in given.items():
            _number(f"price[{name!r}]", value, zero=True)
        return Price(**given)

    @property
    def api_key(self) -> str | None:
        """The key, from the environment; None for a server that needs none."""
        name = self.api_key_env or _KEY
        key = os.environ.get(name, "").strip() or None
        if key is None and (self.api_key_env is not None or self.url == _OPENAI):
            hint = "" if self.url != _OPENAI else ", or base_url= if the model is served elsewhere"
            raise ValueError(f"the environment variable {name} must hold the key of {self.url}: set it{hint}")
        if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
            raise ValueError(f"the environment variable {name} holds no key: one has neither spaces nor line breaks")
        return key

    @property
    def scoring(self) -> dict[str, Any]:
        """Those that scores depend on, as JSON."""
        found: dict[str, Any] = {"endpoint": self.endpoint, "extra_body": dict(self.extra_body)}
        if self.endpoint == "chat":
            own = {"top_logprobs": self.top_logprobs, "strip_space": self.strip_space, "system": self.system}
        else:
            own = {"assume_not_greedy": self.assume_not_greedy}
        return found | own


def _one_of(name: str, value: Any, known: tuple[Any, ...]) -> None:
    if not any(type(value) is type(each) and value == each for each in known):
        raise ValueError(f"{name}={value!r:.60} must be one of {', '.join(map(repr, known))}")


def _number(name: str, value: Any, *, whole: bool = False, optional: bool = False, zero: bool = False) -> None:
    if optional and value is None:
        return
    kinds = int if whole else (int, float)
    good = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < 0 or (value == 0 and not zero):
        raise ValueError(f"{name}={value!r:.60} must be a {'whole ' if whole else ''}number above 0")
