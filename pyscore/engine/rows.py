"""The table of rows: one an answer, in the order in which questions and answers were given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from pyscore.engine.questions import dataset_of
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.sources.source import TokenScore
from pyscore.engine.tokenization import AnswerTokens
from pyscore.store.schema import row_schema
from pyscore.tasks import Question

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RunInfo", "build_rows", "exact_logprobs", "lower_total", "related_answers", "total"]


class RunInfo(NamedTuple):
    """The columns that are the same in all rows of a run, beside its settings."""

    run_id: str
    model: str
    revision: str | None


def build_rows(
    questions: Sequence[Question],
    answers: Sequence[AnswerTokens],
    scores: Sequence[TokenScore],
    info: RunInfo,
    settings: ScoreSettings,
) -> pa.Table:
    """The rows of a run; ``answers`` and ``scores`` have one entry an answer of ``questions``, in order.

    Raises:
        ValueError: a log-probability is NaN; the message names the question.
    """
    import pyarrow as pa

    asked = [(question, index) for question in questions for index in range(len(question.answers))]
    every = iter(answers)
    related = [each for question in questions for each in related_answers(islice(every, len(question.answers)))]
    shared = {**info._asdict(), "step": settings.step}
    rows: list[dict[str, Any]] = []
    for (question, index), tokens, relation, score in zip(asked, answers, related, scores, strict=True):
        row = _row(question, index, tokens, score, settings.dataset) | relation
        rows.append(shared | row | ({"token_logprobs": score.logprobs} if settings.token_logprobs else {}))
    return pa.Table.from_pylist(rows, schema=row_schema(token_logprobs=settings.token_logprobs))


def related_answers(answers: Iterable[AnswerTokens]) -> list[dict[str, int | None]]:
    """The columns ``same_as`` and ``extends`` of one question's answers, which have one context."""
    tokens = [tuple(each.answer) for each in answers]
    first: dict[tuple[int, ...], int] = {}
    for i, own in enumerate(tokens):
        first.setdefault(own, i)
    lengths = sorted({len(own) for own in tokens}, reverse=True)
    return [
        {
            "same_as": first[own],
            "extends": next((first[own[:n]] for n in lengths if n < len(own) and own[:n] in first), None),
        }
        for own in tokens
    ]


def _row(
    question: Question, index: int, tokens: AnswerTokens, score: TokenScore, dataset: str | None
) -> dict[str, Any]:
    answer = question.answers[index]
    return {
        "dataset": dataset_of(question, dataset),
        "question_id": question.id,
        "cluster": question.cluster,
        "group": question.group,
        "answer_index": index,
        "answer": answer,
        "is_matching": question.is_matching[index],
        "logprob": total(score.logprobs, f"question {question.id!r}, answer {answer!r}"),
        "logprob_low": lower_total(score),
        "n_tokens": len(tokens.answer),
        "n_chars": len(answer),
        "n_bytes": len(answer.encode()),
        "is_greedy": score.is_greedy,
        "boundary": tokens.boundary,
        "prompt_tokens": len(tokens.context),
        "truncated": tokens.truncated,
    }


def lower_total(score: TokenScore) -> float | None:
    """The lower bound of the sum of log-probabilities whose upper bound `total` is; None where the sum is exact."""
    if score.lower is None:
        return None
    low = float(sum(score.lower))
    return None if low == sum(score.logprobs) else low


def exact_logprobs(score: TokenScore, name: str) -> list[float]:
    """The log-probabilities of its tokens, each of which is known.

    Raises:
        ValueError: of some there are bounds alone; the message says what ``name`` is.
    """
    if score.lower is None:
        return score.logprobs
    bounded = [i for i, (low, high) in enumerate(zip(score.lower, score.logprobs, strict=True)) if low != high]
    if bounded:
        i = bounded[0]
        raise ValueError(
            f"{name}: the source gives only bounds of the log-probabilities of {len(bounded)} of {len(score.logprobs)} "
            f"tokens (the first lies from {score.lower[i]:.4g} to {score.logprobs[i]:.4g}), which have no sum: ask a "
            "source that gives the log-probability of every token. Questions can be scored with bounds, by Scorer.score"
        )
    return score.logprobs


def total(logprobs: Sequence[float], name: str) -> float:
    """Their sum; ValueError, which says what ``name`` is, if the model gave NaN."""
    found = float(sum(logprobs))
    if found != found:
        raise ValueError(
            f"{name}: the model gives NaN as its log-probability; float16 overflows in some models, try another dtype"
        )
    return found
