"""The table of rows: one an answer, in the order in which questions and answers were given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from pyscore.engine.requests import dataset_of
from pyscore.engine.sources.huggingface.forward import TokenResults
from pyscore.engine.tokenization import AnswerTokens
from pyscore.store.schema import row_schema
from pyscore.tasks import Question

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RunInfo", "build_rows", "related_answers", "total"]


class RunInfo(NamedTuple):
    """The columns that are the same in all rows of a run (the data set unless a question names its own)."""

    run_id: str
    model: str
    revision: str | None
    step: int | None
    dataset: str | None


def build_rows(
    questions: Sequence[Question],
    answers: Sequence[AnswerTokens],
    slots: Sequence[Sequence[int]],
    results: TokenResults,
    info: RunInfo,
    *,
    token_logprobs: bool,
) -> pa.Table:
    """The rows of a run; ``answers`` and ``slots`` have one entry an answer of ``questions``, in order.

    Raises:
        ValueError: a log-probability is NaN; the message names the question.
    """
    import pyarrow as pa

    logprob, is_greedy = results.logprob.tolist(), results.is_greedy.tolist()
    asked = [(question, index) for question in questions for index in range(len(question.answers))]
    every = iter(answers)
    related = [each for question in questions for each in related_answers(islice(every, len(question.answers)))]
    rows: list[dict[str, Any]] = []
    for (question, index), tokens, relation, own in zip(asked, answers, related, slots, strict=True):
        scores = [logprob[slot] for slot in own]
        row = _row(question, index, tokens, scores, all(is_greedy[slot] for slot in own), info)
        rows.append(row | relation | ({"token_logprobs": scores} if token_logprobs else {}))
    return pa.Table.from_pylist(rows, schema=row_schema(token_logprobs=token_logprobs))


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
    question: Question, index: int, tokens: AnswerTokens, scores: list[float], is_greedy: bool, info: RunInfo
) -> dict[str, Any]:
    answer = question.answers[index]
    return {
        **info._asdict(),
        "dataset": dataset_of(question, info.dataset),
        "question_id": question.id,
        "cluster": question.cluster,
        "group": question.group,
        "answer_index": index,
        "answer": answer,
        "is_matching": question.is_matching[index],
        "logprob": total(scores, f"question {question.id!r}, answer {answer!r}"),
        "n_tokens": len(tokens.answer),
        "n_chars": len(answer),
        "n_bytes": len(answer.encode()),
        "is_greedy": is_greedy,
        "boundary": tokens.boundary,
        "prompt_tokens": len(tokens.context),
        "truncated": tokens.truncated,
    }


def total(logprobs: Sequence[float], name: str) -> float:
    """Their sum; ValueError, which says what ``name`` is, if the model gave NaN."""
    found = float(sum(logprobs))
    if found != found:
        raise ValueError(
            f"{name}: the model gives NaN as its log-probability; float16 overflows in some models, try another dtype"
        )
    return found
