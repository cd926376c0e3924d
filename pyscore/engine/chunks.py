"""Questions in the order in which they run, chunk by chunk: planned, run and stored together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pyscore.engine.progress import Progress
from pyscore.engine.questions import requests_of, tokenize
from pyscore.engine.rows import RunInfo, build_rows
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.skipping import Skips
from pyscore.engine.sources.source import Session, Work
from pyscore.engine.tokenization import AnswerTokenizer, AnswerTokens
from pyscore.tasks import Question

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BLOCK_QUESTIONS", "CHUNK_QUESTIONS", "ahead", "chunk_indices", "score_chunks"]

BLOCK_QUESTIONS = 16_384
"""Questions that are sorted together, and stand together in what is written."""
CHUNK_QUESTIONS = 1024
"""Questions that are planned and written together, at most."""
_CHUNK_CHARACTERS = 2_000_000

Item = TypeVar("Item")
Made = TypeVar("Made")


class _Chunk(NamedTuple):
    indices: list[int]
    questions: list[Question]
    answers: list[AnswerTokens]
    work: Work


def score_chunks(
    session: Session,
    tokens: AnswerTokenizer,
    questions: Sequence[Question],
    settings: ScoreSettings,
    info: RunInfo,
    *,
    done: Collection[int] = (),
    skips: Skips | None = None,
    progress: bool | Callable[[float], None] = True,
    chunk_questions: int = CHUNK_QUESTIONS,
) -> Generator[tuple[list[int], pa.Table], None, None]:
    """Indices of the questions of each chunk, and the rows of their answers.

    While a chunk runs, the next one is tokenised and prepared.

    Args:
        session: scores them.
        tokens, questions, settings, info: of the run.
        done: indices of questions that don't run; the others run in the same chunks as without this.
        skips: what is done with questions that can't be scored; by default the first one raises.
        progress: as for `pyscore.Scorer.score`.
        chunk_questions: how many questions a chunk has, at most.
    """
    chosen = skips or Skips("raise")

    def prepare(indices: list[int]) -> _Chunk:
        made = chosen.each(indices, questions, lambda some: tokenize(tokens, some, settings))
        answers = [answer for _, own in made for answer in own]
        kept = [i for i, _ in made]
        return _Chunk(kept, [questions[i] for i in kept], answers, session.prepare(requests_of(answers)))

    left_out = set(done)
    found = ([i for i in chunk if i not in left_out] for chunk in chunk_indices(questions, chunk_questions))
    asked = [chunk for chunk in found if chunk]
    with Progress("scoring", sum(map(len, asked)), "questions", progress) as bar:
        for indices, chunk in zip(asked, ahead(prepare, asked), strict=True):
            advance = bar.share(len(indices))
            if not chunk.indices:  # all of them were skipped
                advance(1.0)
                continue
            scores = session.run(chunk.work, advance)
            yield chunk.indices, build_rows(chunk.questions, chunk.answers, scores, info, settings)


def chunk_indices(questions: Sequence[Question], chunk_questions: int = CHUNK_QUESTIONS) -> Iterator[list[int]]:
    """Indices of the questions of each chunk, the chunks together holding each question once.

    Within a block, questions are sorted by data set and prompt, so that those which begin alike run in one chunk. The
    chunks that follow a chunk are the same whether that one runs or not, so that a run which goes on after any chunk
    has the same chunks, and so the same batches, as one that was never interrupted.
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
