"""A model that a running SGLang server has: exact log-probabilities of the tokens that are asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pyscore.engine.sources.http.client import Client, NotThere
from pyscore.engine.sources.http.pace import Pace
from pyscore.engine.sources.options import refuse_others
from pyscore.engine.sources.pretrained_tokenizer import pretrained_tokenizer
from pyscore.engine.sources.source import Session, Source, SourceFacts, Vocabulary
from pyscore.engine.sources.walk import Ask, Reply, WalkSession

__all__ = ["Post", "SglangSource", "load"]

Post: TypeAlias = Callable[[str, Any], Any]
"""Sends JSON (None: asks) to a path of the server and returns the JSON that it says; `NotThere` where it has none."""

_OWN = ("api_key_env", "base_url", "batch_size", "give_up_after", "timeout", "tokenizer")
_PROBES = ("Question: Is 12 + 7 less than 20?\n\nAnswer: It is 19.", " (A)", "It's  naïve: 3.14159, 日本語 and 😀.")
# A server may be started with other values for what a request leaves out, and penalties change log-probabilities.
_SAMPLING = {
    "temperature": 0.0,
    "max_new_tokens": 1,
    "min_new_tokens": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "repetition_penalty": 1.0,
}
_LOGPROBS = "raw log-probs of float32 logits by the server (token_ids_logprob), all tokens"


class SglangSource(Source):
    """A model behind an SGLang server's ``/generate``, which keeps what prompts and answers begin with alike.

    Every inner node of the tree of answers is one prompt, with ``token_ids_logprob`` for its candidates. ``/v1/score``
    isn't used: it gives probabilities, of which a small one has lost its digits or is 0, and none at all of what is
    greedy.

    Args:
        post: talks to the server.
        tokenizer: of Hugging Face transformers; the server's own must give the same tokens.
        url: of the server, for rows and messages.
        name: what the model is called, "" for whatever the server has.
        batch_size: prompts of a request to the server.

    Raises:
        ValueError: the server has another model, one that doesn't generate, or another tokenizer.
    """

    tokenizer: Any = None

    def __init__(self, post: Post, tokenizer: Any, *, url: str, name: str = "", batch_size: int = 256) -> None:
        self.post, self.tokenizer, self._url, self._batch_size = post, tokenizer, url, batch_size
        info, server = post("/model_info", None), post("/server_info", None)
        if not info.get("is_generation", True):
            raise ValueError(
                f"{url} serves {info.get('model_path')!r}, which doesn't generate: scoring needs one that does"
            )
        served = [str(info[key]) for key in ("served_model_name", "model_path") if info.get(key)]
        if name and name not in served:
            raise ValueError(
                f"{url} serves {' or '.join(map(repr, served))}, not {name!r}: give its name or its base_url"
            )
        self._name = f"sglang:{name or served[0]}"
        self._server = {key: server.get(key) for key in ("version", "dtype", "quantization", "kv_cache_dtype")}
        self._length, self._checked = self._check_tokenizer()

    def _check_tokenizer(self) -> tuple[int | None, str]:
        """The longest sequence that the server says it takes, and whether its tokens could be compared."""
        length = None
        for text in _PROBES:
            try:
                found = self.post("/tokenize", {"prompt": text, "add_special_tokens": False})
            except NotThere:
                return None, "not compared: the server has no /tokenize"
            ours = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
            if found["tokens"] != ours:
                raise ValueError(
                    f"{self._name}: the tokenizer makes {ours} of {text!r}, the server's {found['tokens']}: "
                    "give tokenizer=, the folder or hub name of the model that is served"
                )
            length = found.get("max_model_len")
        return length, "as the server's"

    @property
    def facts(self) -> SourceFacts:
        n_vocab = len(self.tokenizer)  # the server refuses candidates beyond the model's own
        return SourceFacts(
            self._name,
            None,
            dtype=str(self._server["dtype"] or "unknown"),
            device=self._url,
            fingerprint=self._fingerprint,
            context_length=None if self._length is None else int(self._length) - 1,  # a place is for what it generates
            vocabulary=Vocabulary(n_vocab, n_vocab),
            metadata={"engine": f"sglang {self._server['version']} {self._url}", "tokens": self._checked},
        )

    def _fingerprint(self) -> dict[str, str]:
        """What the server says of its model now: weights can't be read, and may be updated while it runs."""
        info = self.post("/model_info", None)
        of_weights = [info.get("model_path"), info.get("weight_version"), info.get("load_format")]
        numbers = [self._server[key] for key in ("dtype", "quantization", "kv_cache_dtype")]
        return {"source": "sglang", "weights": json.dumps(of_weights), "configuration": json.dumps(numbers)}

    @contextmanager
    def session(self, state: Mapping[str, Any] | None) -> Iterator[Session]:
        yield WalkSession(self.ask, _LOGPROBS)

    def ask(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """The log-probabilities that are asked for, in requests of some prompts each."""
        for start in range(0, len(asks), self._batch_size):
            some = asks[start : start + self._batch_size]
            replies = self.post(
                "/generate",
                {
                    "input_ids": [list(ask.prompt) for ask in some],
                    "token_ids_logprob": [list(ask.ids) for ask in some],
                    "sampling_params": _SAMPLING,
                    "return_logprob": True,
                    # Of the token that comes next only: those of the prompt would be computed anew, past the cache.
                    "logprob_start_len": -1,
                },
            )
            if not isinstance(replies, list) or len(replies) != len(some):
                raise ValueError(
                    f"{self._name}: the server gave no reply for each of {len(some)} prompts: {replies!r:.200}"
                )
            yield from map(self._reply, some, replies)

    def _reply(self, ask: Ask, reply: Any) -> Reply:
        try:
            meta = reply["meta_info"]
            found = {token: value for value, token, *_ in meta["output_token_ids_logprobs"][0]}
            return Reply([float(found[token]) for token in ask.ids], int(meta["output_token_logprobs"][0][1]))
        except (KeyError, IndexError, TypeError, ValueError):
            raise ValueError(
                f"{self._name}: the server gave no log-probabilities of the tokens asked for "
                f"(output_token_ids_logprobs): {reply!r:.200}"
            ) from None


def load(
    model: str,
    *,
    base_url: str = "http://localhost:30000",
    tokenizer: str | None = None,
    api_key_env: str | None = None,
    batch_size: int = 256,
    timeout: float = 600.0,
    give_up_after: float = 600.0,
    revision: str | None = None,
    trust_remote_code: bool = False,
    **options: Any,
) -> SglangSource:
    """The source of a model that an SGLang server has; what stands behind "sglang:".

    Args:
        model: the name that the server has for it, which is also that of the tokenizer.
        base_url: of the server.
        tokenizer: a folder or a name on the model hub, where it isn't the model's name.
        api_key_env: the environment variable that holds the key that the server asks for.
        batch_size: prompts of a request to the server.
        timeout: seconds that a request may take.
        give_up_after: seconds after its first failure when a request is given up.
        revision, trust_remote_code: of the tokenizer.
        options: those of `pyscore.Scorer.from_pretrained` that mean nothing here.

    Raises:
        ConnectionError: there is no server.
        ImportError, TypeError, ValueError: one line says why it can't be used.
    """
    if "api_key" in options:
        raise ValueError(
            "api_key= would be stored with the run: put the key into an environment variable, which api_key_env names"
        )
    refuse_others("sglang", options, _OWN)
    if type(batch_size) is not int or batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r} is not an integer from 1 on")
    if not str(base_url).startswith(("http://", "https://")):
        raise ValueError(f"base_url={base_url!r} is no URL: give one as http://localhost:30000")
    if not (model or tokenizer):
        raise ValueError("sglang: names no model: give sglang:NAME, or tokenizer= for whatever the server has")
    url = base_url.rstrip("/").removesuffix("/v1")
    own = pretrained_tokenizer(tokenizer or model, revision=revision, trust_remote_code=trust_remote_code)
    server = _Server(url, _key(api_key_env), timeout=timeout, give_up_after=give_up_after)
    return SglangSource(_post(server), own, url=url, name=model, batch_size=batch_size)


@dataclass(frozen=True)
class _Server:
    """How the server is reached; see `pyscore.engine.sources.http.client.Server`."""

    url: str
    api_key: str | None = field(repr=False)
    timeout: float
    give_up_after: float
    concurrency: int = 1
    backoff: float = 0.5

    @property
    def hints(self) -> Mapping[int, str]:
        return {status: ": the key is in the environment variable that api_key_env names" for status in (401, 403)}


def _key(name: str | None) -> str | None:
    if name is None:
        return None
    if not os.environ.get(name):
        raise ValueError(f"the environment variable {name} must hold the key of the server: it is not set")
    return os.environ[name]


def _post(server: _Server) -> Post:
    client = Client(server, Pace())

    def post(path: str, body: Any) -> Any:
        if body is not None:
            return client.post(path.lstrip("/"), body, list if path == "/generate" else dict)
        found = client.get(path.lstrip("/"), min(10.0, server.give_up_after))
        if found is None:
            raise ValueError(f"{server.url}{path} isn't there: is it an SGLang server?")
        return found

    return post
