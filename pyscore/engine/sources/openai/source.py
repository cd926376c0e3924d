"""A model behind a server of OpenAI's protocol, as a source of scores."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pyscore._digest import json_digest
from pyscore.engine.sources.http.client import Client, Refused
from pyscore.engine.sources.http.pace import Pace
from pyscore.engine.sources.openai.chat import Chat
from pyscore.engine.sources.openai.completions import Completions
from pyscore.engine.sources.openai.endpoint import Dialect, Endpoint
from pyscore.engine.sources.openai.journal import Journal, journal_folder
from pyscore.engine.sources.openai.options import Options
from pyscore.engine.sources.openai.session import Asking, OpenAISession, named
from pyscore.engine.sources.openai.tally import Tally
from pyscore.engine.sources.source import Session, Source, SourceFacts

__all__ = ["OpenAISource", "load"]

_FIRST_SECONDS = 10.0  # that a server may take to be there when it is first asked
_KINDS: dict[str, type[Completions] | type[Chat]] = {"completions": Completions, "chat": Chat}


def load(model: str, **options: Any) -> OpenAISource:
    """The source of "openai:MODEL".

    Args:
        model: what the server calls the model.
        options: fields of `Options`.

    Raises:
        ConnectionError: no server answers there.
        ImportError: httpx is missing.
        TypeError, ValueError: a bad option; no tokenizer; the server refuses.
    """
    if not model:
        raise ValueError("'openai:' must be followed by what the server calls the model, as in 'openai:my-model'")
    found = Options.of(options)
    return OpenAISource(model, _tokenizer(model, found), found)


def _tokenizer(model: str, options: Options) -> Any:
    from pyscore.engine.sources.huggingface.load import load_tokenizer
    from pyscore.engine.sources.pretrained_tokenizer import pretrained_tokenizer

    name = options.tokenizer or model
    folder = Path(name).expanduser()
    try:
        # A folder's weights may lie where the server is.
        return pretrained_tokenizer(str(folder)) if folder.is_dir() else load_tokenizer(name)
    except (ValueError, OSError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise ValueError(
            f"openai:{model}: no tokenizer {name!r} ({reason}): give the folder or the name of the tokenizer of the "
            "model that is served as the option tokenizer"
        ) from None


class _Met(NamedTuple):
    """What a server showed when it was checked."""

    dialect: Dialect
    model: str | None
    system_fingerprint: str | None
    card: dict[str, Any]


class OpenAISource(Source):
    """One model of a server.

    Args:
        model: what the server calls it.
        tokenizer: the model's.
        options: checked ones.

    Raises:
        ConnectionError: no server answers there.
        ImportError: httpx is missing.
        ValueError: the server refuses.
    """

    tokenizer: Any = None

    def __init__(self, model: str, tokenizer: Any, options: Options) -> None:
        self.model, self.tokenizer, self.options = model, tokenizer, options
        self._endpoint: Endpoint = _KINDS[options.endpoint](model, tokenizer, options)
        self._just_met: _Met | None = None
        with closing(Client(options, Pace())) as client:
            self._card = self._card_of(client, min(_FIRST_SECONDS, options.give_up_after))

    @property
    def facts(self) -> SourceFacts:
        return SourceFacts(
            self.model,
            None,
            dtype="unknown",
            device="server",
            fingerprint=self._fingerprint,
            context_length=self._context_length(),
            settings=self.options.scoring,
            metadata={"engine": f"openai-compatible server {self.options.url}"},
        )

    def _context_length(self) -> int | None:
        length = self.options.context_length or self._card.get("max_model_len")
        if type(length) is not int or self.options.endpoint == "chat":
            return length if type(length) is int else None
        # All tokens are sent, the last one too, and servers want room for one that they write.
        return max(1, length - 2)

    def _fingerprint(self) -> dict[str, str]:
        with closing(Client(self.options, Pace())) as client:
            self._just_met = self._meet(client)
        return self._components(self._just_met)

    def _components(self, met: _Met) -> dict[str, str]:
        # A service that spreads chats over many machines has several of them at a time.
        own = {} if self.options.endpoint == "chat" else {"system_fingerprint": met.system_fingerprint}
        return {
            "base_url": self.options.url,
            "model": self.model,
            "endpoint": self.options.endpoint,
            "server": json_digest({"card": met.card, "model": met.model, **own}),
        }

    def _card_of(self, client: Client, give_up_after: float) -> dict[str, Any]:
        """What the server says of the model in its list, where it has one that names it."""
        with named(self.model):
            listed = (client.get("models", give_up_after) or {}).get("data")
        cards = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        card = next((each for each in cards if each.get("id") == self.model), {})
        return {name: card.get(name) for name in ("id", "owned_by", "root", "max_model_len") if name in card}

    def _meet(self, client: Client) -> _Met:
        """Check that the server's tokens are the tokenizer's, and find out how it wants to be asked."""
        refused: Refused | None = None
        card = self._card_of(client, self.options.give_up_after)
        with named(self.model):
            for dialect in self._endpoint.dialects:
                try:
                    answer = client.post(self._endpoint.path, self._endpoint.probe(dialect))
                except Refused as error:
                    refused = refused or error
                    continue
                self._check_model(answer, None)
                self._endpoint.check(answer, dialect)
                return _Met(dialect, answer.get("model"), answer.get("system_fingerprint"), card)
            raise refused or ValueError("it can't be asked")

    def _check_model(self, answer: Mapping[str, Any], met: _Met | None) -> None:
        """Raise ValueError if an answer says that another model gave it."""
        told, asked = answer.get("model"), self.options.served_model or self.model
        # A service may answer with the dated name of what it was asked for: gpt-4o, gpt-4o-2024-08-06.
        if isinstance(told, str) and told != asked and not told.startswith(f"{asked}-"):
            raise ValueError(
                f"the model {told!r} answers where {asked!r} was asked: if it is the same, give its name there as the "
                "option served_model"
            )
        if met is None:
            return
        names = {"model": met.model}
        if self.options.endpoint != "chat":
            names["system_fingerprint"] = met.system_fingerprint
        for name, before in names.items():
            if answer.get(name) != before:
                raise ValueError(
                    f"the server's {name} was {before!r} and is {answer.get(name)!r} now: what it serves may be "
                    "another model, so begin another run"
                )

    @contextmanager
    def session(self, state: Mapping[str, Any] | None) -> Iterator[Session]:
        """Ask under one journal: a kept run's own, or one in memory where nobody keeps the run."""
        run, tally = _state_of(state)
        client = Client(self.options, Pace(self.options.requests_per_minute))
        try:
            met, self._just_met = self._just_met or self._meet(client), None
            kept = state is not None and self.options.journal is not False
            given = None if isinstance(self.options.journal, bool) else self.options.journal
            with closing(Journal(journal_folder(given) if kept else None, run)) as journal:
                with ThreadPoolExecutor(self.options.concurrency, thread_name_prefix="pyscore-openai") as pool:
                    asking = Asking(self._endpoint, client, pool, met.dialect, partial(self._check_model, met=met))
                    yield OpenAISession(
                        self.model, asking, journal, tally, run, self._components(met), self.options.prices
                    )
                journal.forget()  # only here: whatever ends a session early leaves its answers to the one that goes on
        finally:
            tally.take_sent(client.sent, client.again)
            client.close()
            if not self.options.quiet and client.sent and sys.stderr is not None:
                with suppress(OSError):
                    sys.stderr.write(f"openai:{self.model}: {tally.line(self.options.prices)}\n")


def _state_of(state: Mapping[str, Any] | None) -> tuple[str, Tally]:
    """The journal's id and the counts so far."""
    given = dict(state or {})
    run, counts = given.pop("journal", None), given.pop("counts", {})
    if given or not isinstance(run, str | None) or run == "" or not isinstance(counts, Mapping):
        raise ValueError(f"the run's state {dict(state or {})!r:.80} is none of a source 'openai': it is damaged")
    return run or uuid.uuid4().hex, Tally.of(counts)
