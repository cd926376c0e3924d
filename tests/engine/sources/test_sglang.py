"""Scores by an SGLang server; the one here is a stand-in that answers as SGLang 0.5.23 does.

Its numbers are those of a tiny model of transformers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pyscore import Scorer
from pyscore.engine.sources.http.client import NotThere
from pyscore.engine.sources.sglang import SglangSource
from pyscore.store import metadata_of
from tests.engine.sources.next_tokens import exact_scorer, next_logprobs
from tests.engine.tiny import question, some_questions, tiny_tokenizer

GENERATE = {"input_ids", "token_ids_logprob", "sampling_params", "return_logprob", "logprob_start_len"}
"""Fields of SGLang 0.5.23's GenerateReqInput that are relied on."""


class Server:
    """Answers as SGLang does, and notes how many prompts each request had."""

    def __init__(self, **info: Any) -> None:
        self.info = {"model_path": "org/tiny", "served_model_name": "tiny", "is_generation": True, **info}
        self.batches: list[int] = []

    def __call__(self, path: str, body: Any) -> Any:
        name = path.strip("/")
        if not hasattr(self, name):
            raise NotThere(f"{path} answered 404")
        return getattr(self, name)(body)

    def model_info(self, _: None) -> Any:
        return {"weight_version": "default", "load_format": "auto", **self.info}

    def server_info(self, _: None) -> Any:
        return {"version": "0.5.23", "dtype": "bfloat16", "quantization": None, "kv_cache_dtype": "auto"}

    def tokenize(self, body: Any) -> Any:
        tokens = tiny_tokenizer()(body["prompt"], add_special_tokens=body["add_special_tokens"])["input_ids"]
        return {"tokens": tokens, "count": len(tokens), "max_model_len": 257}

    def generate(self, body: Any) -> Any:
        assert set(body) == GENERATE
        assert body["return_logprob"] is True and body["logprob_start_len"] == -1
        assert body["sampling_params"]["max_new_tokens"] == 1 and body["sampling_params"]["temperature"] == 0
        self.batches.append(len(body["input_ids"]))
        return [self.reply(*each) for each in zip(body["input_ids"], body["token_ids_logprob"], strict=True)]

    def reply(self, prompt: list[int], ids: list[int]) -> Any:
        values = next_logprobs(prompt)
        greedy = values.index(max(values))
        meta = {
            "input_token_logprobs": [],
            "output_token_logprobs": [[values[greedy], greedy, None]],
            "output_token_ids_logprobs": [[[values[token], token, None] for token in ids]],
        }
        return {"text": "", "output_ids": [greedy], "meta_info": meta}


def scorer(server: Any, **options: Any) -> Scorer:
    return Scorer.from_source(SglangSource(server, tiny_tokenizer(), url="http://here", **options))


def test_scores_are_those_of_pyscores_own_engine() -> None:
    asked = some_questions(9)
    ours = scorer(Server()).score(asked, progress=False, token_logprobs=True)
    theirs = exact_scorer().score(asked, progress=False, token_logprobs=True)
    for mine, other in zip(ours.to_pylist(), theirs.to_pylist(), strict=True):
        assert mine["token_logprobs"] == pytest.approx(other["token_logprobs"], abs=1e-4)
        assert mine["is_greedy"] == other["is_greedy"]


def test_prompts_go_in_batches() -> None:
    server = Server()
    scorer(server, batch_size=4).score_tokens([([5, i], [6]) for i in range(3, 13)], progress=False)
    assert server.batches == [4, 4, 2]


def test_rows_say_how_they_were_scored() -> None:
    rows = scorer(Server(), name="tiny").score([question()], progress=False)
    metadata = metadata_of(rows)
    assert (metadata["engine"], metadata["dtype"]) == ("sglang 0.5.23 http://here", "bfloat16")
    assert "token_ids_logprob" in metadata["logprobs"]
    assert metadata["tokens"] == "as the server's"
    assert rows["model"].to_pylist() == ["sglang:tiny"] * 2


def test_the_fingerprint_follows_the_servers_weights() -> None:
    server = Server()
    source = scorer(server).source
    before = source.facts.fingerprint()
    assert source.facts.fingerprint() == before
    server.info["weight_version"] = "2"
    assert source.facts.fingerprint() != before


def test_a_prompt_leaves_room_for_the_token_that_is_generated() -> None:
    with pytest.raises(ValueError, match="more than the model's context of 256"):
        scorer(Server()).score([question("q", "word " * 300)], progress=False)


def test_a_server_that_tells_no_tokens_is_used_and_rows_say_so() -> None:
    class Silent(Server):
        tokenize: Any = property()

    assert metadata_of(scorer(Silent()).score([question()], progress=False))["tokens"].startswith("not compared")


def test_another_model_or_tokenizer_is_refused() -> None:
    with pytest.raises(ValueError, match="http://here serves 'tiny' or 'org/tiny', not 'other': give its name"):
        scorer(Server(), name="other")
    with pytest.raises(ValueError, match="'org/tiny', which doesn't generate"):
        scorer(Server(is_generation=False))

    class Other(Server):
        def tokenize(self, body: Any) -> Any:
            return {"tokens": [1, 2], "count": 2, "max_model_len": 9}

    with pytest.raises(ValueError, match=r"the tokenizer makes \[.*, the server's \[1, 2\]: give tokenizer="):
        scorer(Other())


@pytest.mark.parametrize("reply", [{}, {"meta_info": {"output_token_logprobs": [[-1.0, 3, None]]}}, None])
def test_replies_without_the_candidates_are_an_error(reply: Any) -> None:
    class Bare(Server):
        def reply(self, prompt: list[int], ids: list[int]) -> Any:
            return reply

    with pytest.raises(ValueError, match="sglang:tiny: the server gave no log-probabilities of the tokens asked for"):
        scorer(Bare()).score([question()], progress=False)


FAILING = {"every": 0, "seen": 0}
"""Which requests the server over HTTP answers with 503: each so many-th of those that it saw."""


class TestOverHttp:
    """The same through a socket."""

    @pytest.fixture
    def url(self) -> Iterator[str]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(None)

            def do_POST(self) -> None:
                self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def answer(self, body: Any) -> None:
                code, said = 200, None
                FAILING["seen"] += 1
                if FAILING["every"] and FAILING["seen"] % FAILING["every"] == 0:
                    code = 503
                elif self.headers.get("Authorization") != "Bearer key":
                    code, said = 401, {"error": "Unauthorized"}
                else:
                    try:
                        said = Server()(self.path, body)
                    except NotThere:
                        code = 404
                self.send_response(code)
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()

    @pytest.fixture
    def tokenizer(self, tmp_path: Path) -> str:
        tiny_tokenizer().save_pretrained(tmp_path)
        return str(tmp_path)

    def test_a_model_is_loaded_by_name(self, url: str, tokenizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINY_KEY", "key")
        options = {"base_url": url, "api_key_env": "TINY_KEY", "tokenizer": tokenizer}
        own = Scorer.from_pretrained("sglang:tiny", source_options=options)
        rows = own.score([question()], progress=False)
        theirs = exact_scorer().score([question()], progress=False)
        assert rows["logprob"].to_pylist() == pytest.approx(theirs["logprob"].to_pylist(), abs=1e-4)
        assert "key" not in json.dumps([own.source.facts.settings, metadata_of(rows)]).replace("keys", "")

    @pytest.mark.parametrize(
        ("options", "error", "match"),
        [
            ({"api_key": "key"}, ValueError, "api_key= would be stored with the run"),
            ({"api_key_env": "NO_SUCH_KEY"}, ValueError, "NO_SUCH_KEY must hold the key"),
            ({"api_key_env": "WRONG_KEY"}, ValueError, r"/model_info answers 401: .*Unauthorized.*api_key_env names"),
            (
                {"base_url": "http://127.0.0.1:9", "give_up_after": 0.01},
                ConnectionError,
                "127.0.0.1:9/.* gives no answer",
            ),
            ({"base_url": "localhost:30000"}, ValueError, "base_url='localhost:30000' is no URL"),
            ({"batch_size": 0}, ValueError, "batch_size=0 is not an integer from 1 on"),
            ({"port": 3}, TypeError, "sglang has no option 'port': it takes api_key_env, base_url"),
        ],
    )
    def test_what_cant_be_is_one_line(
        self,
        url: str,
        tokenizer: str,
        options: dict[str, Any],
        error: type[Exception],
        match: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("TINY_KEY", "key")
        monkeypatch.setenv("WRONG_KEY", "wrong")
        with pytest.raises(error, match=match):
            Scorer.from_pretrained(
                "sglang:tiny",
                source_options={"base_url": url, "api_key_env": "TINY_KEY", "tokenizer": tokenizer, **options},
            )

    def test_every_fifth_request_may_fail_and_nothing_is_lost(
        self, url: str, tokenizer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TINY_KEY", "key")
        monkeypatch.setattr("pyscore.engine.sources.http.client.pause_after", lambda *_: 0.0)
        options = {"base_url": url, "api_key_env": "TINY_KEY", "tokenizer": tokenizer, "batch_size": 1}
        own = Scorer.from_pretrained("sglang:tiny", source_options=options)
        monkeypatch.setitem(FAILING, "seen", 0)
        monkeypatch.setitem(FAILING, "every", 5)
        rows = own.score(some_questions(9), progress=False)
        theirs = exact_scorer().score(some_questions(9), progress=False)
        assert FAILING["seen"] > 10
        assert rows["logprob"].to_pylist() == pytest.approx(theirs["logprob"].to_pylist(), abs=1e-4)
