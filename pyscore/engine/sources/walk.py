"""Scores by a model that says only how likely given tokens are to come next: one prompt for each inner node of a tree.

Continuations are a tree below their contexts. A node is what has been read so far, with the tokens whose
log-probabilities are wanted there. Nodes are asked depth by depth, contexts first, so that a server that keeps what it
has read finds all but a node's last token in its cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pyscore.engine.sources.source import ScoreRequest, Session, TokenScore

__all__ = ["MAX_IDS", "Ask", "Reply", "Walk", "WalkSession", "plan_walk", "run_walk"]

MAX_IDS = 128
"""How many tokens' log-probabilities one call asks for, unless said otherwise."""

Ids = tuple[int, ...]


class Ask(NamedTuple):
    """One call: the token ids that are read, and those of which one may be next, at least one of each."""

    prompt: Ids
    ids: Ids


class Reply(NamedTuple):
    """What a model says to an `Ask`: the log-probability of each of its ids, nats, and the likeliest token of all."""

    logprobs: Sequence[float]
    likeliest: int


@dataclass(frozen=True)
class Walk:
    """How requests are scored.

    Attributes:
        requests: what is scored.
        depths: the calls: those of contexts, those of contexts with one token of a continuation, and so on.
    """

    requests: list[ScoreRequest]
    depths: list[list[Ask]]

    @property
    def n_calls(self) -> int:
        """How many calls there are."""
        return sum(map(len, self.depths))


def plan_walk(requests: Sequence[ScoreRequest], max_ids: int = MAX_IDS) -> Walk:
    """The calls that score these requests; each pair of a prompt and a token is in one of them only.

    Args:
        requests: what to score.
        max_ids: how many ids a call may ask for: a prompt with more is asked several times.
    """
    depth_of: dict[Ids, int] = {}
    wanted: dict[Ids, dict[int, None]] = {}
    for context, continuation in requests:
        prompt = tuple(context)
        for depth, token in enumerate(continuation):
            # Where one context begins with another, what is a continuation here may be a context there.
            depth_of[prompt] = min(depth, depth_of.get(prompt, depth))
            wanted.setdefault(prompt, {})[token] = None
            prompt = (*prompt, token)
    depths: list[list[Ask]] = [[] for _ in range(max(depth_of.values(), default=-1) + 1)]
    for prompt in sorted(wanted):  # neighbours share most, and the order of the requests doesn't matter
        ids = sorted(wanted[prompt])
        depths[depth_of[prompt]] += [Ask(prompt, tuple(ids[i : i + max_ids])) for i in range(0, len(ids), max_ids)]
    return Walk(list(requests), [asks for asks in depths if asks])


def run_walk(
    walk: Walk, ask: Callable[[list[Ask]], Iterable[Reply]], advance: Callable[[float], None]
) -> list[TokenScore]:
    """The scores of a walk's requests, in order.

    Args:
        walk: from `plan_walk`.
        ask: makes the calls of one depth, and gives a reply a call, in order.
        advance: hears which share of the calls was made since it was last called.

    Raises:
        ValueError: not as many replies as calls, or not as many log-probabilities as ids.
    """
    found: dict[tuple[Ids, int], float] = {}
    likeliest: dict[Ids, int] = {}
    for asks in walk.depths:
        for (prompt, ids), reply in zip(asks, ask(asks), strict=True):
            found.update({(prompt, token): value for token, value in zip(ids, reply.logprobs, strict=True)})
            likeliest[prompt] = reply.likeliest
            advance(1 / walk.n_calls)
    return [_score(request, found, likeliest) for request in walk.requests]


def _score(request: ScoreRequest, found: dict[tuple[Ids, int], float], likeliest: dict[Ids, int]) -> TokenScore:
    prompt, logprobs, is_greedy = tuple(request.context), [], True
    for token in request.continuation:
        logprobs.append(found[prompt, token])
        is_greedy &= likeliest[prompt] == token
        prompt = (*prompt, token)
    return TokenScore(logprobs, is_greedy)


class WalkSession(Session):
    """A session that walks, and keeps nothing from one walk to the next.

    Args:
        ask: makes the calls of one depth, as for `run_walk`.
        logprobs: how exact the log-probabilities are, for the rows' metadata.
    """

    def __init__(self, ask: Callable[[list[Ask]], Iterable[Reply]], logprobs: str) -> None:
        self._ask, self._logprobs = ask, logprobs

    @property
    def findings(self) -> dict[str, str]:
        return {"logprobs": self._logprobs}

    @property
    def state(self) -> dict[str, Any]:
        return {}

    def prepare(self, requests: Sequence[ScoreRequest]) -> Walk:
        return plan_walk(requests)

    def run(self, work: Walk, advance: Callable[[float], None]) -> list[TokenScore]:
        return run_walk(work, self._ask, advance)
