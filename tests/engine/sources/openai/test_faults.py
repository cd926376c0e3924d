"""Whatever a server does, no request is lost, doubled or answered by a wrong number; what can't pass is one error."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pyscore.engine import score_to
from pyscore.engine.sources.http.pace import Pace, pause_after, seconds_asked
from pyscore.engine.sources.openai.options import Options
from pyscore.store import metadata_of, read_run
from tests.engine.sources.openai.server import Fault, Server, scorer
from tests.engine.tiny import question, some_questions

ASKED = some_questions(24)
ANSWERS = sum(len(each.answers) for each in ASKED)


def logprobs(server: Server, **options: Any) -> list[float]:
    return scorer(server, **options).score(ASKED, progress=False)["logprob"].to_pylist()


@pytest.fixture(scope="module")
def expected() -> list[float]:
    with Server() as server:
        found = logprobs(server)
        assert set(server.asked.values()) == {1} and server.n == len(server.asked) == ANSWERS
    return found


def test_one_request_in_five_is_dropped_and_answered_when_it_comes_again(expected: list[float]) -> None:
    with Server(fault=lambda n, body: Fault() if n % 5 == 0 else None) as server:
        assert logprobs(server) == expected
        assert set(server.answered.values()) == {1} and len(server.answered) == ANSWERS
        assert server.n == ANSWERS + server.n // 5


def test_answers_that_come_late_and_out_of_order_are_those_of_their_requests(expected: list[float]) -> None:
    def slow(n: int, body: Any) -> None:
        time.sleep(0.02 * (n % 3 == 0))

    with Server(fault=slow) as server:
        assert logprobs(server, concurrency=8) == expected == logprobs(server, concurrency=1)


def test_a_server_that_dies_and_comes_back_is_asked_on(expected: list[float]) -> None:
    died = threading.Event()
    server = Server(fault=lambda n, body: died.set() if n == ANSWERS // 2 else None)

    def restart() -> None:
        died.wait(60)
        with server.down():
            time.sleep(0.05)

    with server:
        thread = threading.Thread(target=restart)
        thread.start()
        assert logprobs(server) == expected
        thread.join()


def test_errors_that_pass_are_waited_for_and_counted(expected: list[float], capsys: Any) -> None:
    statuses = {3: 429, 7: 503, 11: 408, 13: 500}

    def fault(n: int, body: Any) -> Fault | None:
        return Fault(statuses[n], b"busy", {"Retry-After": "0.01"}) if n in statuses else None

    with Server(fault=fault) as server:
        table = scorer(server, price={"prompt": 2.0, "completion": 5.0}, quiet=False).score(ASKED, progress=False)
    assert table["logprob"].to_pylist() == expected
    found = metadata_of(table)
    tokens = sum(len(json.loads(key)["prompt"]) for key in server.asked)
    assert (found["requests_sent"], found["requests_sent_again"]) == (str(ANSWERS + 4), "4")
    assert (found["server_prompt_tokens"], found["server_completion_tokens"]) == (str(tokens), "0")
    assert float(found["cost"]) == pytest.approx(2e-6 * tokens, rel=1e-5)
    assert f"{ANSWERS + 4} requests sent (4 of them again)" in capsys.readouterr().err


def test_what_doesnt_pass_is_given_up_with_the_servers_words_and_what_is_stored_stays(tmp_path: Path) -> None:
    half = ANSWERS // 2

    def fault(n: int, body: Any) -> Fault | None:
        return Fault(503, b'{"error": {"message": "out of\\nmemory"}}') if n > half else None

    with Server(fault=fault) as server:
        options = {"give_up_after": 0.02, "concurrency": 1, "journal": str(tmp_path / "journal")}
        with pytest.raises(ConnectionError, match=r"openai:tiny: .* answers 503: out of memory; given up after \d+ tr"):
            score_to(scorer(server, **options), tmp_path / "run", ASKED, chunk_questions=8, progress=False)
        stored = read_run(tmp_path / "run").num_rows
        assert 0 < stored <= half
        server.fault = lambda n, body: None
        answered = set(server.answered)
        score_to(scorer(server, **options), tmp_path / "run", ASKED, chunk_questions=8, resume=True, progress=False)
    assert read_run(tmp_path / "run").num_rows == ANSWERS
    assert {server.answered[key] for key in answered} == {1}


def test_a_pause_that_is_too_long_is_not_waited_for() -> None:
    with (
        Server(fault=lambda n, body: Fault(429, b"later", {"Retry-After": "3600"})) as server,
        pytest.raises(ConnectionError, match="asks to wait 3600 s"),
    ):
        logprobs(server)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_told_at_once_and_never_shows_the_key(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    words = b'{"error": {"message": "no: sk-secret\\nis bad"}}'
    with Server(fault=lambda n, body: Fault(status, words)) as server:
        with pytest.raises(ValueError, match=rf"answers {status}: no: \*\*\* is bad") as caught:
            logprobs(server, api_key_env="MY_KEY", concurrency=1)
        assert server.n == 1
    assert "sk-secret" not in repr(caught.value)
    assert {each["authorization"] for each in server.headers} == {"Bearer sk-secret"}


def test_no_row_manifest_or_journal_holds_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with Server(fault=lambda n, body: Fault(404) if n == ANSWERS else None) as server:
        options = {"journal": str(tmp_path / "journal"), "concurrency": 1}
        with pytest.raises(ValueError):
            score_to(scorer(server, **options), tmp_path / "run", ASKED, chunk_questions=8, progress=False)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"manifest.json", "answers.sqlite"} <= {path.name for path in files}
    assert not any(b"sk-secret" in path.read_bytes() for path in files)


def _told(name: str, value: Any) -> Any:
    def change(answer: Any) -> Any:
        told = answer["choices"][0]["logprobs"]
        told[name] = value(told[name])
        return answer

    return change


HOSTILE: dict[str, tuple[Any, str]] = {
    "no object": (lambda answer: [1], "answers with no JSON object"),
    "no choices": (lambda answer: {**answer, "choices": []}, "must have one choice"),
    "no logprobs": (lambda answer: {**answer, "choices": [{"text": "x"}]}, "endpoint='chat'"),
    "an error as an answer": (lambda answer: {"error": {"message": "out of quota"}}, "out of quota"),
    "NaN": (_told("token_logprobs", lambda old: [*old[:-1], float("nan")]), "is NaN"),
    "null": (_told("token_logprobs", lambda old: [*old[:-1], None]), "must be a log-probability, and is None"),
    "above 0": (_told("token_logprobs", lambda old: [*old[:-1], 0.5]), "above 0"),
    "another model": (lambda answer: {**answer, "model": "gpt-2"}, "option served_model"),
    "too few tokens": (
        lambda answer: _told("top_logprobs", lambda x: x[1:])(
            _told("token_logprobs", lambda x: x[1:])(_told("tokens", lambda x: x[1:])(answer))
        ),
        "tells of",
    ),
    "lists of two lengths": (_told("tokens", lambda old: old[1:]), "of the same length"),
    "another number of tokens read": (lambda answer: {**answer, "usage": {"prompt_tokens": 1}}, "such as BOS"),
    "other ids": (_told("tokens", lambda old: [*old[:-1], "token_id:1"]), "where .* was sent"),
    "no likeliest tokens": (_told("top_logprobs", lambda old: None), "assume_not_greedy=True"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_that_cant_be_believed_is_one_clear_error(name: str) -> None:
    change, why = HOSTILE[name]
    with Server(change=change) as server, pytest.raises(ValueError, match=f"openai:tiny: .*{why}") as caught:
        logprobs(server)
    assert "\n" not in str(caught.value)


def test_a_page_of_html_is_no_answer() -> None:
    words = "no JSON object but '<html> <h1>Welcome"
    page = Fault(200, b"<html>\n<h1>Welcome to the proxy</h1></html>", {"Content-Type": "text/html"})
    with (
        Server(fault=lambda n, body: page) as server,
        pytest.raises(ValueError, match=words),
    ):
        logprobs(server)


def test_another_model_behind_the_same_address_ends_the_run() -> None:
    def change(answer: Any) -> Any:
        return {**answer, "system_fingerprint": "another"} if server.n > 5 else answer

    with (
        Server(change=change) as server,
        pytest.raises(ValueError, match="system_fingerprint was 'stand-in 1' and is 'another' now"),
    ):
        logprobs(server, concurrency=1)


def test_the_servers_tokens_must_be_the_tokenizers() -> None:
    with (
        Server(ids=False, change=_told("tokens", lambda old: ["Wer", *old[1:]])) as server,
        pytest.raises(ValueError, match="token 0 of a text is 'Wer' there"),
    ):
        logprobs(server)


def test_a_server_that_isnt_there_is_told_soon() -> None:
    with Server() as server:
        pass
    with pytest.raises(ConnectionError, match=r"openai:tiny: http://127.0.0.1:\d+/v1/models gives no answer"):
        scorer(server, give_up_after=0.01)


def test_is_greedy_without_the_likeliest_tokens_is_said_only_where_it_is_sure() -> None:
    with Server(change=_told("top_logprobs", lambda old: None)) as server:
        rows = scorer(server, assume_not_greedy=True).score([question()], progress=False).to_pylist()
    assert all(row["logprob"] > -1 or not row["is_greedy"] for row in rows)


def _refusing(*fields: tuple[str, Any]) -> type[Server]:
    class Refusing(Server):
        def refuses(self, body: dict[str, Any]) -> bool:
            return any(name in body and body[name] == value for name, value in fields)

    return Refusing


def test_a_server_is_asked_in_the_way_that_it_takes(expected: list[float]) -> None:
    with _refusing(("max_tokens", 0), ("return_tokens_as_token_ids", True))() as server:
        assert logprobs(server) == expected
        assert all(json.loads(key)["max_tokens"] == 1 for key in server.asked)
    with _refusing(("max_tokens", 1))() as server:
        rows = scorer(server, endpoint="chat").score([question()], progress=False)
        assert rows.num_rows == 2 and all("max_completion_tokens" in json.loads(key) for key in server.asked)
    with _refusing(("max_tokens", 0), ("max_tokens", 1))() as server:
        with pytest.raises(ValueError, match="answers 400: Unrecognized request argument"):
            logprobs(server)
        assert server.n == 0


BAD_OPTIONS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"api_key": "sk-1"}, ValueError, "environment variable"),
    ({"colour": 1}, TypeError, "no option 'colour'"),
    ({"dtype": "float16"}, ValueError, "means nothing"),
    ({"base_url": "localhost:8000"}, ValueError, "http://localhost:8000/v1"),
    ({"base_url": "http://me:secret@host/v1"}, ValueError, "no user, password"),
    ({"endpoint": "embeddings"}, ValueError, "'completions', 'chat'"),
    ({"concurrency": 0}, ValueError, "whole number above 0"),
    ({"timeout": float("inf")}, ValueError, "number above 0"),
    ({"extra_body": {"temperature": 1}}, ValueError, "can't set 'temperature'"),
    ({"price": {"input": 1}}, ValueError, "completion"),
    ({"api_key_env": "NO_SUCH_KEY"}, ValueError, "NO_SUCH_KEY must hold the key"),
    ({"journal": True}, TypeError, "folder, or False"),
]


@pytest.mark.parametrize(("options", "kind", "why"), BAD_OPTIONS, ids=[next(iter(each[0])) for each in BAD_OPTIONS])
def test_a_bad_option_is_told_before_anything_is_sent(options: Any, kind: type[Exception], why: str) -> None:
    with pytest.raises(kind, match=why):
        Options.of({"base_url": "http://localhost:1/v1", **options})


def test_what_cant_be_a_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret\nmore")
    with pytest.raises(ValueError, match="MY_KEY holds no key") as caught:
        Options.of({"base_url": "http://localhost:1/v1", "api_key_env": "MY_KEY"})
    assert "secret" not in str(caught.value)


def test_requests_are_spaced_and_pauses_that_a_server_asks_for_hold_for_all() -> None:
    now = 100.0
    pace = Pace(120, clock=lambda: now)
    assert [pace.reserve() for _ in range(3)] == [0.0, 0.5, 1.0]
    pace.hold(9.0)
    assert pace.reserve() == 9.0
    now = 200.0
    assert pace.reserve() == 0.0


def test_pauses_grow_and_differ() -> None:
    for tries, longest in ((1, 0.5), (2, 1.0), (5, 8.0), (40, 60.0)):
        assert all(longest / 2 <= pause_after(tries, 0.5) <= longest for _ in range(20))


def test_retry_after_is_seconds_or_a_date() -> None:
    assert [seconds_asked({"retry-after": text}) for text in ("2", "-1", "soon", "")] == [2.0, 0.0, 0.0, 0.0]
    assert seconds_asked({"retry-after-ms": "1500"}) == 1.5
    assert seconds_asked({"retry-after": "Thu, 01 Jan 2099 00:00:00 GMT"}) > 1e9


def test_a_request_that_is_not_valid_to_a_server_is_not_sent_again() -> None:
    words = b'{"error": {"message": "33 validation errors: string_type", "type": "internal_server_error"}}'
    with Server(fault=lambda n, body: Fault(500, words)) as server:
        with pytest.raises(ValueError, match="answers 500: 33 validation errors"):
            logprobs(server)
        assert set(server.asked.values()) == {1}


def test_a_server_that_keeps_the_token_that_it_wrote_to_itself_is_refused() -> None:
    def cut(answer: dict[str, Any]) -> dict[str, Any]:
        told = answer["choices"][0]["logprobs"]
        for name in ("tokens", "token_logprobs", "top_logprobs"):
            told[name] = told[name][:-1]
        return answer

    shifted = "may be those of the places after: try the option endpoint='chat'"
    with Server(change=cut) as server, pytest.raises(ValueError, match=shifted):
        logprobs(server, max_tokens=1)
