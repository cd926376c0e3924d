"""A stand-in for servers of OpenAI's protocol, in a thread: its log-probabilities come from a function of token ids."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.engine.tiny import VOCAB, tiny_tokenizer

Rows = Callable[[Sequence[int]], NDArray[np.float64]]
"""The log-probabilities [n, V] of the token that follows each of n."""


class Fault(NamedTuple):
    """What is done in place of an answer: a status and a body, or with status 0 the connection is cut."""

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = {}


def by_formula(ids: Sequence[int]) -> NDArray[np.float64]:
    """Peaked log-probabilities that follow from a digest of the ids."""
    seed = int.from_bytes(hashlib.blake2b(bytes(str(list(ids)), "ascii"), digest_size=8).digest(), "big")
    logits = 4 * np.random.default_rng(seed).standard_normal(VOCAB)
    return logits - np.log(np.exp(logits).sum())


def formula_rows(ids: Sequence[int]) -> NDArray[np.float64]:
    """`by_formula` after each token."""
    return np.stack([by_formula(ids[: i + 1]) for i in range(len(ids))])


class Server:
    """Serves "tiny" until the end of a ``with`` block.

    Args:
        rows: what it serves.
        ids: whether it names tokens by ids when asked to; None: it refuses to be asked.
        fault: hears the number of each request that isn't the check of a session, and its body; may return a `Fault`.
        change: changes an answer before it is sent.

    Attributes:
        asked, answered: how often each request came, and was answered whole, by its body.
    """

    def __init__(
        self,
        rows: Rows = formula_rows,
        *,
        ids: bool | None = True,
        fault: Callable[[int, dict[str, Any]], Fault | None] = lambda n, body: None,
        change: Callable[[dict[str, Any]], Any] = lambda answer: answer,
        decimals: int = 9,
    ) -> None:
        self.rows, self.ids, self.fault, self.change, self.decimals = rows, ids, fault, change, decimals
        self.tokenizer: Any = tiny_tokenizer()
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.model, self.n, self.port = "tiny", 0, 0
        self.lock, self.model_lock = threading.Lock(), threading.Lock()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Server:
        self._http = _Http(("127.0.0.1", self.port), _Handler)
        self._http.owner = self
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.cut()
        self._http.server_close()
        self._thread.join()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Dead for a while, and back on the same port."""
        self.__exit__()
        yield
        self.__enter__()

    def refuses(self, body: dict[str, Any]) -> bool:
        """Whether a request has a field, or a value, that this server doesn't know."""
        return self.ids is None and "return_tokens_as_token_ids" in body

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        named = bool(self.ids and body.get("return_tokens_as_token_ids"))
        made = self._completion(body, named) if path.endswith("/v1/completions") else self._chat(body, named)
        made = {"model": self.model, "system_fingerprint": "stand-in 1", **made}
        return self.change(made)

    def _name(self, token: int, named: bool) -> str:
        return f"token_id:{token}" if named else self.tokenizer.decode([token])

    def _completion(self, body: dict[str, Any], named: bool) -> dict[str, Any]:
        written = [0] * body["max_tokens"]  # not the likeliest, for nobody may look at it
        ids = [*body["prompt"], *written]
        with self.model_lock:
            rows = self.rows(ids[:-1])
        pairs = list(zip(rows, ids[1:], strict=True))
        values = [None, *(round(float(row[token]), self.decimals) for row, token in pairs)]
        tops = [None, *(self._top(row, 1, token, named) for row, token in pairs)]
        told = {"tokens": [self._name(token, named) for token in ids], "token_logprobs": values, "top_logprobs": tops}
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(written)}
        return {"choices": [{"index": 0, "text": "", "logprobs": told}], "usage": usage}

    def _top(self, row: NDArray[np.float64], k: int, token: int, named: bool) -> dict[str, float]:
        chosen = {token, *np.argsort(-row)[:k].tolist()}
        return {self._name(each, named): round(float(row[each]), self.decimals) for each in chosen}

    def _chat(self, body: dict[str, Any], named: bool) -> dict[str, Any]:
        text = body["messages"][-1]["content"]
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        with self.model_lock:
            row = self.rows(ids)[-1]
        best = np.argsort(-row)[: body["top_logprobs"]].tolist()
        entries = []
        for token in best:
            name = self._name(token, named)
            entries.append(
                {"token": name, "logprob": round(float(row[token]), self.decimals), "bytes": [*name.encode()]}
            )
        content = [{**entries[0], "top_logprobs": entries}]
        message = {"role": "assistant", "content": self.tokenizer.decode([best[0]])}
        usage = {"prompt_tokens": len(ids) + 7, "completion_tokens": 1}
        return {"choices": [{"index": 0, "message": message, "logprobs": {"content": content}}], "usage": usage}


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    owner: Server

    def __init__(self, *given: Any) -> None:
        self._open: set[Any] = set()
        super().__init__(*given)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """Cut all connections, as a server that dies does."""
        for request in list(self._open):
            self.shutdown_request(request)

    def handle_error(self, *_: Any) -> None:
        pass  # clients that are killed


def is_check(body: Mapping[str, Any]) -> bool:
    """Whether a request is the check of a session, which each one begins with."""
    text = tiny_tokenizer().decode(body["prompt"]) if "prompt" in body else body["messages"][-1]["content"]
    return "12 + 7" in text


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for its headers to be acknowledged
    server: Any

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        card = {"id": self.server.owner.model, "created": 1, "owned_by": "tests", "max_model_len": 258}
        self._send(Fault(200, json.dumps({"object": "list", "data": [card]}).encode()))

    def do_POST(self) -> None:
        owner: Server = self.server.owner
        raw = self.rfile.read(int(self.headers["content-length"]))
        body = json.loads(raw)
        if owner.refuses(body):
            self._send(Fault(400, b'{"error": {"message": "Unrecognized request argument"}}'))
            return
        key, checks, fault = json.dumps(body, sort_keys=True), is_check(body), None
        with owner.lock:
            owner.headers.append({name.lower(): value for name, value in self.headers.items()})
            if not checks:
                owner.asked[key] += 1
                owner.n += 1
            n = owner.n
        if not checks:
            fault = owner.fault(n, body)
        if fault is not None and not fault.status:
            self.close_connection = True
            self.connection.close()
            return
        sent = fault or Fault(200, json.dumps(owner.answer(self.path, body)).encode())
        if fault is None and not checks:
            with owner.lock:
                owner.answered[key] += 1
        self._send(sent)

    def _send(self, what: Fault) -> None:
        self.send_response(what.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(what.body)), **what.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(what.body)


def source(server: Server, **options: Any) -> Any:
    """The source of what a server serves, with short pauses."""
    from pyscore.engine.sources.openai.options import Options
    from pyscore.engine.sources.openai.source import OpenAISource

    given = {"base_url": server.base_url, "backoff": 0.001, "give_up_after": 60.0, "quiet": True, **options}
    return OpenAISource("tiny", server.tokenizer, Options.of(given))


def scorer(server: Server, **options: Any) -> Any:
    """Its scorer."""
    from pyscore import Scorer

    return Scorer.from_source(source(server, **options))
