"""A source in use by a run, held to what it promises: its faults are errors that name it, and no numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pyscore.engine.settings import check_metadata
from pyscore.engine.sources.source import ScoreRequest, Session, Source, TokenScore

__all__ = ["open_session"]


@contextmanager
def open_session(source: Source, state: Mapping[str, Any] | None, own: Collection[str] = ()) -> Iterator[Session]:
    """`Source.session`, checked; ``own`` names the metadata that the engine writes and a source can't.

    Raises:
        TypeError, ValueError: a state that is no JSON object; findings that are no text, have other names than in the
            beginning or some of ``own``; scores that don't fit the requests.
    """
    with source.session(state) as session:
        yield _Checked(session, source.facts.name, own)


class _Checked(Session):
    def __init__(self, session: Session, source: str, own: Collection[str]) -> None:
        self._session, self._source, self._own = session, source, own
        self._names = set(session.findings)
        _ = self.findings, self.state  # what is wrong with them is told before anything is scored

    @property
    def findings(self) -> dict[str, str]:
        found = self._session.findings
        check_metadata(found, self._own, f"what {self._source} found out")
        if found.keys() != self._names:
            names = sorted(found.keys() ^ self._names)
            raise ValueError(f"{self._source}: a session's findings must keep their names, {names[0]!r} came or went")
        return found

    @property
    def state(self) -> dict[str, Any]:
        found = self._session.state
        try:
            same = isinstance(found, dict) and json.loads(json.dumps(found, allow_nan=False)) == found
        except (TypeError, ValueError):
            same = False
        if not same:
            raise TypeError(f"{self._source}: the state of a session must be a JSON object, got {found!r:.60}")
        return found

    def prepare(self, requests: Sequence[ScoreRequest]) -> Any:
        return requests, self._session.prepare(requests)

    def run(self, work: Any, advance: Callable[[float], None]) -> list[TokenScore]:
        requests, prepared = work
        scores = self._session.run(prepared, advance)
        if not isinstance(scores, list) or len(scores) != len(requests):
            given = len(scores) if isinstance(scores, list) else type(scores).__name__
            raise ValueError(f"{self._source} must give a list of {len(requests)} scores, one a request, gave {given}")
        for i, (request, score) in enumerate(zip(requests, scores, strict=True)):
            fault = _fault(request, score)
            if fault is not None:
                raise ValueError(f"{self._source}: the score of request {i} of {len(requests)} {fault}")
        return scores


def _fault(request: ScoreRequest, score: Any) -> str | None:
    """What is wrong with a score; NaN is not, because whoever adds it up says which question it belongs to."""
    if not isinstance(score, TokenScore):
        return f"is no TokenScore but {score!r:.60}"
    if len(score.logprobs) != len(request.continuation):
        return f"has {len(score.logprobs)} log-probabilities for {len(request.continuation)} tokens"
    above = next((value for value in score.logprobs if value > 0), None)
    if above is not None:
        return f"has the log-probability {above!r}, above 0"
    if score.lower is not None:
        if len(score.lower) != len(score.logprobs):
            return f"has {len(score.lower)} lower bounds for {len(score.logprobs)} log-probabilities"
        if not all(low <= high for low, high in zip(score.lower, score.logprobs, strict=True)):
            return f"has lower bounds {score.lower!r:.60} that aren't all at most its log-probabilities"
    return None if score.is_greedy in (True, False) else f"has is_greedy={score.is_greedy!r}, which is no bool"
