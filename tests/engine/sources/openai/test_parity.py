"""Scores over the wire are those of the model behind it: exact by echo, within true bounds by chat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pyscore import Scorer
from pyscore.engine.sources.source import ScoreRequest
from pyscore.store import metadata_of
from tests.engine.sources.openai.server import Server, by_formula, scorer, source
from tests.engine.tiny import VOCAB, question, some_questions, tiny_configs, tiny_model, tiny_tokenizer


def served(model: Any) -> Any:
    def rows(ids: Sequence[int]) -> NDArray[np.float64]:
        with torch.inference_mode():
            return model(torch.tensor([list(ids)])).logits[0].double().log_softmax(-1).numpy()

    return rows


@pytest.mark.parametrize("ids", [True, False, None], ids=["by id", "by text", "ids refused"])
def test_echoed_scores_are_those_of_the_hugging_face_source(ids: bool | None) -> None:
    model = tiny_model(tiny_configs()["llama"])
    local, asked = Scorer(model, tiny_tokenizer()), some_questions(6)
    with Server(served(model), ids=ids) as server:
        found = scorer(server).score(asked, token_logprobs=True, progress=False)
    expected = local.score(asked, token_logprobs=True, progress=False)
    for ours, theirs in zip(found.to_pylist(), expected.to_pylist(), strict=True):
        assert ours["token_logprobs"] == pytest.approx(theirs["token_logprobs"], abs=2e-5)
        assert ours["is_greedy"] == theirs["is_greedy"]
    metadata = metadata_of(found)
    assert metadata["logprobs"] == "echoed by the server, exact to its rounding"
    assert metadata["engine"] == f"openai-compatible server {server.base_url}"


def test_a_greedy_continuation_is_told() -> None:
    context = [5, 6, 7]
    best = int(by_formula(context).argmax())
    second = int(np.argsort(by_formula(context))[-2])
    with Server() as server:
        found = scorer(server).score_tokens([(context, [best]), (context, [second])], progress=False)
    assert [score.is_greedy for score in found] == [True, False]


def test_what_a_server_clips_is_bounded_and_not_believed() -> None:
    def change(answer: Any) -> Any:
        answer["choices"][0]["logprobs"]["token_logprobs"][-1] = -9999.0
        return answer

    with Server(change=change) as server:
        (found,) = scorer(server).score_tokens([([5, 6], [7, 8])], progress=False)
    assert found.logprobs[1] == -9999.0
    assert found.lower == [found.logprobs[0], -math.inf]


@given(
    context=st.lists(st.integers(3, VOCAB - 1), min_size=1, max_size=6),
    token=st.integers(3, VOCAB - 1),
    k=st.integers(1, 20),
    ids=st.booleans(),
    decimals=st.integers(4, 9),
)
def test_chat_bounds_contain_the_true_value(context: list[int], token: int, k: int, ids: bool, decimals: int) -> None:
    tokenizer = tiny_tokenizer()
    text = tokenizer.decode(context)
    encoded = tokenizer(text, add_special_tokens=False)["input_ids"]
    answer = tokenizer.decode([token])
    if encoded != context or "\ufffd" in answer or answer.strip() != answer:
        return
    server = Server(ids=ids, decimals=decimals)  # asked without a wire, for there are hundreds of examples
    endpoint = _endpoint(server, k)
    dialect = endpoint.dialects[0]
    request = ScoreRequest(context, [token])
    body = endpoint.body(request, dialect)
    score = endpoint.score(endpoint.read(server.answer("/v1/chat/completions", body), request, dialect), request)
    row = by_formula(encoded)
    slack = 10.0**-decimals
    low = score.logprobs[0] if score.lower is None else score.lower[0]
    assert low - slack <= row[token] <= score.logprobs[0] + slack
    assert score.is_greedy == (row.argmax() == token)
    if token in np.argsort(-row)[:k]:
        assert score.lower is None and score.logprobs[0] == pytest.approx(row[token], abs=slack)
    else:
        assert score.lower == [-math.inf] and score.logprobs[0] < 0


def _endpoint(server: Server, k: int) -> Any:
    from pyscore.engine.sources.openai.chat import Chat
    from pyscore.engine.sources.openai.options import Options

    options = Options.of({"base_url": "http://localhost", "endpoint": "chat", "top_logprobs": k})
    return Chat("tiny", server.tokenizer, options)


def test_a_chat_asks_once_a_prompt_and_for_answers_without_their_space() -> None:
    asked = [question(f"q{i}", f"Question {i}: which? Answer:", (" Yes", " No", " you")) for i in range(4)]
    with Server() as server:
        rows = scorer(server, endpoint="chat").score(asked, progress=False).to_pylist()
        assert len(server.asked) == 4 and server.n == 4
    context = server.tokenizer(asked[0].prompt, add_special_tokens=False)["input_ids"]
    row = by_formula(context)
    for found in rows[:3]:
        (token,) = server.tokenizer(found["answer"].strip(), add_special_tokens=False)["input_ids"]
        assert found["logprob"] >= row[token] - 1e-9
        if token in np.argsort(-row)[:20]:
            assert found["logprob"] == pytest.approx(row[token])


def test_tokens_of_the_same_text_are_not_told_apart_by_text() -> None:
    class Doubled:
        """Two ids of each letter: as a byte, and as a character."""

        bos_token_id, eos_token_id, all_special_ids = None, None, ()

        def __call__(self, text: str, **_: Any) -> Any:
            return {"input_ids": [ord(c) - 65 for c in text]}

        def __len__(self) -> int:
            return 8

        def decode(self, ids: Any, **_: Any) -> str:
            return "".join(chr(65 + i % 4) for i in ids)

        def convert_ids_to_tokens(self, ids: Any) -> Any:
            return [self.decode([i]) for i in ids]

    endpoint = _endpoint(Server(), 3)
    endpoint._tokenizer = Doubled()
    request = ScoreRequest([0, 1], [2])

    def score(*top: tuple[str, float]) -> Any:
        entries = [{"token": name, "logprob": value, "bytes": None} for name, value in top]
        content = [{**entries[0], "top_logprobs": entries}]
        answer = {"choices": [{"logprobs": {"content": content}}]}
        return endpoint.score(endpoint.read(answer, request, endpoint.dialects[0]), request)

    both = score(("C", -0.5), ("A", -1.5), ("C", -3.0))
    assert (both.logprobs, both.lower) == ([-0.5], [-3.0])
    one = score(("A", -0.5), ("C", -1.5), ("B", -3.0))
    # A server that keeps one of two tokens of a text may have kept the smaller: the other has what is left at most.
    assert one.logprobs == pytest.approx([math.log(1 - math.exp(-0.5) - math.exp(-3.0))], abs=1e-3)
    assert one.lower == [-math.inf]
    by_id = score(("token_id:6", -0.5), ("token_id:2", -1.5), ("token_id:1", -3.0))
    assert (by_id.logprobs, by_id.lower, by_id.is_greedy) == ([-1.5], None, False)


def test_what_a_chat_cant_score_is_one_clear_error() -> None:
    with Server() as server:
        chat = source(server, endpoint="chat")
        with chat.session(None) as session:
            with pytest.raises(ValueError, match="more than one token"):
                session.prepare([ScoreRequest([5, 6], [7, 8])])
            with pytest.raises(ValueError, match="score with template='plain'"):
                session.prepare([ScoreRequest([0, 5, 1, 6], [7])])
        assert server.n == 0
