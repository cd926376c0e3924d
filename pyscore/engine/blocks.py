"""The order in which questions run, and how many of them are planned at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pyscore.tasks import Question

__all__ = ["BLOCK_QUESTIONS", "CHUNK_QUESTIONS", "ahead", "chunk_indices"]

BLOCK_QUESTIONS = 16_384
"""Questions that are sorted together, and stand together in what is written."""
CHUNK_QUESTIONS = 1024
"""Questions that are planned and written together, at most."""
_CHUNK_CHARACTERS = 2_000_000

Item = TypeVar("Item")
Made = TypeVar("Made")


def chunk_indices(questions: Sequence[Question], chunk_questions: int = CHUNK_QUESTIONS) -> Iterator[list[int]]:
    """Indices of the questions of each chunk, the chunks together holding each question once.

    Within a block, questions are sorted by data set and prompt, so that those which begin alike run in one chunk. The
    chunks of the questions that follow a chunk are the same with it and without it, so that a run which is taken up
    again after any chunk has the same chunks, and so the same batches, as one that was never interrupted.
    """
    for start in range(0, len(questions), BLOCK_QUESTIONS):
        block = range(start, min(start + BLOCK_QUESTIONS, len(questions)))
        chunk: list[int] = []
        characters = 0
        for i in sorted(block, key=lambda i: (questions[i].dataset or "", questions[i].prompt)):
            if len(chunk) == chunk_questions or (chunk and characters > _CHUNK_CHARACTERS):
                yield chunk
                chunk, characters = [], 0
            chunk.append(i)
            characters += sum(len(questions[i].prompt) + len(answer) for answer in questions[i].answers)
        yield chunk


def ahead(make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """``make`` of each item, in order; the next one is made in a thread while the last one is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="pyscore-ahead") as pool:
        waiting = None
        for item in items:
            made, waiting = waiting, pool.submit(make, item)
            if made is not None:
                yield made.result()
        if waiting is not None:
            yield waiting.result()
