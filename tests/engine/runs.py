"""Runs for tests: written somewhere and read back, watched, and broken off."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from pyscore import Scorer
from pyscore.engine.run import score_to
from pyscore.engine.sources.source import Session
from pyscore.store import read_rows


class Stopped(Exception):
    pass


def run(scorer: Scorer, path: Any, questions: Any, **options: Any) -> pa.Table:
    score_to(scorer, str(path), questions, progress=False, **{"chunk_questions": 5, "token_logprobs": True} | options)
    return read_rows(str(path))


def values(table: pa.Table) -> pa.Table:
    return table.drop_columns(["run_id"]).combine_chunks()


def telling(scorer: Scorer, before_run: Callable[[int], None]) -> Scorer:
    """The scorer again, which calls ``before_run`` with the number of requests of each chunk before it runs."""
    other = copy.copy(scorer)
    other.source = copy.copy(scorer.source)
    open_session = other.source.session

    @contextmanager
    def session(state: Mapping[str, Any] | None) -> Iterator[Session]:
        with open_session(state) as found:
            prepare, run_work = found.prepare, found.run
            found.prepare = lambda requests: (len(requests), prepare(requests))
            found.run = lambda work, advance: (before_run(work[0]), run_work(work[1], advance))[1]
            yield found

    other.source.session = session
    return other


def stopping_after(scorer: Scorer, chunks: int) -> Scorer:
    """The scorer again, whose run breaks off after so many chunks."""
    left = chunks

    def limited(_: int) -> None:
        nonlocal left
        if left == 0:
            raise Stopped
        left -= 1

    return telling(scorer, limited)
