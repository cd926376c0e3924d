"""Walks ask for every next token that requests need, once, and put the replies together."""

from __future__ import annotations

import hashlib
import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore.engine.sources.source import ScoreRequest, TokenScore
from pyscore.engine.sources.walk import MAX_IDS, Ask, Reply, plan_walk, run_walk

VOCAB = 5
TOKENS = st.integers(0, VOCAB - 1)
REQUESTS = st.lists(
    st.builds(ScoreRequest, st.lists(TOKENS, min_size=1, max_size=4), st.lists(TOKENS, min_size=1, max_size=4)),
    max_size=10,
)


def next_token(prompt: tuple[int, ...]) -> list[float]:
    """Log-probabilities after a prompt, by a hash of all its tokens."""
    weights = [1 + b for b in hashlib.blake2b(bytes(prompt), digest_size=VOCAB).digest()]
    return [math.log(weight / sum(weights)) for weight in weights]


class Model:
    """Replies by `next_token`, and notes the calls."""

    def __init__(self) -> None:
        self.calls: list[Ask] = []

    def __call__(self, asks: list[Ask]) -> list[Reply]:
        self.calls += asks
        return [self.reply(each) for each in asks]

    def reply(self, ask: Ask) -> Reply:
        values = next_token(ask.prompt)
        return Reply([values[i] for i in ask.ids], values.index(max(values)))


def by_brute_force(request: ScoreRequest) -> TokenScore:
    logprobs, greedy = [], []
    for i, token in enumerate(request.continuation):
        values = next_token((*request.context, *request.continuation[:i]))
        logprobs.append(values[token])
        greedy.append(values.index(max(values)) == token)
    return TokenScore(logprobs, all(greedy))


@given(REQUESTS, st.integers(1, VOCAB + 1))
def test_scores_are_those_of_every_request_by_itself(requests: list[ScoreRequest], max_ids: int) -> None:
    assert run_walk(plan_walk(requests, max_ids), Model(), lambda _: None) == list(map(by_brute_force, requests))


@given(REQUESTS, st.integers(1, VOCAB + 1))
def test_every_prompt_is_asked_as_few_times_as_its_tokens_allow(requests: list[ScoreRequest], max_ids: int) -> None:
    model, shares = Model(), list[float]()
    walk = plan_walk(requests, max_ids)
    run_walk(walk, model, shares.append)
    wanted: dict[tuple[int, ...], set[int]] = {}
    for context, continuation in requests:
        for i, token in enumerate(continuation):
            wanted.setdefault((*context, *continuation[:i]), set()).add(token)
    asked: dict[tuple[int, ...], list[int]] = {}
    for ask in model.calls:
        assert 1 <= len(ask.ids) <= max_ids
        asked.setdefault(ask.prompt, []).extend(ask.ids)
    assert {prompt: sorted(ids) for prompt, ids in asked.items()} == {p: sorted(ids) for p, ids in wanted.items()}
    assert len(model.calls) == walk.n_calls == sum(-(-len(ids) // max_ids) for ids in wanted.values())
    assert sum(shares) == pytest.approx(1.0 if requests else 0.0)


@given(REQUESTS)
def test_a_prompt_is_asked_after_its_own_beginnings(requests: list[ScoreRequest]) -> None:
    walk = plan_walk(requests)
    depth_of = {ask.prompt: depth for depth, asks in enumerate(walk.depths) for ask in asks}
    contexts = {tuple(request.context) for request in requests}
    for prompt, depth in depth_of.items():
        assert (depth == 0) == (prompt in contexts)
        assert depth == 0 or depth_of[prompt[:-1]] < depth


@given(REQUESTS, st.randoms())
def test_the_calls_dont_depend_on_the_order_of_requests(requests: list[ScoreRequest], random: Random) -> None:
    shuffled = list(requests)
    random.shuffle(shuffled)
    assert plan_walk(shuffled).depths == plan_walk(requests).depths


def test_more_tokens_than_a_call_takes_are_asked_for_in_several() -> None:
    asks = plan_walk([ScoreRequest([1], [token]) for token in range(MAX_IDS + 2)]).depths
    assert [len(ask.ids) for ask in asks[0]] == [128, 2]


@pytest.mark.parametrize("replies", [[], [Reply([-1.0, -1.0], 0)]])
def test_replies_that_dont_fit_the_calls_are_an_error(replies: list[Reply]) -> None:
    with pytest.raises(ValueError, match="zip"):
        run_walk(plan_walk([ScoreRequest([1], [2])]), lambda _: replies, lambda _: None)
