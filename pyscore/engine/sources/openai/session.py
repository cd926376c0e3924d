"""A server in use by one run: what was answered before is taken from the journal, the rest is asked in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from typing import Any, NamedTuple

from pyscore._digest import json_digest
from pyscore.engine.sources.http.client import Client, Refused
from pyscore.engine.sources.http.pace import Stopped
from pyscore.engine.sources.openai.endpoint import Dialect, Endpoint
from pyscore.engine.sources.openai.journal import Journal, key_of
from pyscore.engine.sources.openai.options import Price
from pyscore.engine.sources.openai.tally import Tally
from pyscore.engine.sources.source import ScoreRequest, Session, TokenScore

__all__ = ["Asking", "OpenAISession", "named"]


class Asking(NamedTuple):
    """How a session asks: by which endpoint, in which way, and what every answer is held to."""

    endpoint: Endpoint
    client: Client
    pool: ThreadPoolExecutor
    dialect: Dialect
    check: Callable[[Mapping[str, Any]], None]


class _Job(NamedTuple):
    key: str
    body: dict[str, Any]
    request: ScoreRequest


class OpenAISession(Session):
    """A server that was checked, asked in several threads."""

    def __init__(
        self,
        model: str,
        asking: Asking,
        journal: Journal,
        tally: Tally,
        run: str,
        components: Mapping[str, str],
        price: Price | None,
    ) -> None:
        self._model, self._asking, self._journal, self._tally, self._run = model, asking, journal, tally, run
        self._asked_of, self._price = json_digest(dict(components)), price
        self._told: set[str] = set()
        self._counted: set[str] = set()

    @property
    def findings(self) -> dict[str, str]:
        self._tally.take_sent(self._asking.client.sent, self._asking.client.again)
        return {
            "logprobs": self._asking.endpoint.how,
            "system_fingerprint": ",".join(sorted(map(str, self._told))[:5]),
            **self._tally.findings(self._price),
        }

    @property
    def state(self) -> dict[str, Any]:
        self._tally.take_sent(self._asking.client.sent, self._asking.client.again)
        return {"journal": self._run, "counts": self._tally.counts}

    def prepare(self, requests: Sequence[ScoreRequest]) -> list[_Job]:
        jobs, endpoint = [], self._asking.endpoint
        with named(self._model):
            for request in requests:
                body = endpoint.body(request, self._asking.dialect)
                jobs.append(_Job(key_of(self._asked_of, endpoint.path, body, endpoint.split(request)), body, request))
        return jobs

    def run(self, work: list[_Job], advance: Callable[[float], None]) -> list[TokenScore]:
        jobs = {job.key: job for job in work}
        known = self._journal.take_up(jobs)
        for key, entry in known.items():
            if key not in self._counted:
                self._count(key, entry, journal=1)
        advance(len(known) / len(jobs) if jobs else 1.0)
        missing = [job for key, job in jobs.items() if key not in known]
        futures = {self._asking.pool.submit(self._ask, job): job.key for job in missing}
        try:
            for future in as_completed(futures):
                known[futures[future]] = future.result()
                advance(1 / len(jobs))
        except BaseException as error:
            if not isinstance(error, Exception):  # whoever interrupts doesn't want to wait for answers
                self._asking.client.close()
            self._asking.client.pace.stop()
            for future in futures:
                future.cancel()
            wait(futures)
            if isinstance(error, Stopped):  # what the failed request woke was heard of before it
                raise next(e for e in _errors(futures) if not isinstance(e, Stopped)) from None
            raise
        return [self._asking.endpoint.score(known[job.key]["read"], job.request) for job in work]

    def _ask(self, job: _Job) -> dict[str, Any]:
        """Ask the server, and keep what it says before anything else is done with it."""
        try:
            with named(self._model):
                answer = self._asking.client.post(self._asking.endpoint.path, job.body)
                self._asking.check(answer)
                read = self._asking.endpoint.read(answer, job.request, self._asking.dialect)
                entry = {"read": read, "usage": _usage(answer)}
                self._journal.put(job.key, entry)
        except Exception:
            self._asking.client.pace.stop()  # nothing more is sent, and paid for, for a run that ends
            raise
        if answer.get("system_fingerprint") is not None:
            self._told.add(str(answer["system_fingerprint"]))
        self._count(job.key, entry)
        return entry

    def _count(self, key: str, entry: Mapping[str, Any], **more: int) -> None:
        self._counted.add(key)
        prompt, completion = entry["usage"]
        self._tally.add(prompt=prompt, completion=completion, **more)


def _errors(futures: Iterable[Future[Any]]) -> Iterator[BaseException]:
    for future in futures:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            yield error


def _usage(answer: Mapping[str, Any]) -> list[int]:
    usage = answer.get("usage")
    found = [usage.get(f"{kind}_tokens") if isinstance(usage, dict) else 0 for kind in ("prompt", "completion")]
    return [n if type(n) is int and n >= 0 else 0 for n in found]


@contextmanager
def named(model: str) -> Iterator[None]:
    """Errors that say which model was asked."""
    try:
        yield
    except (ValueError, ConnectionError) as error:
        kind = type(error) if isinstance(error, Refused | ConnectionError) else ValueError
        raise kind(f"openai:{model}: {error}") from None
