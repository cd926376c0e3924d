"""The questions of a run: checked, tokenised, and as requests of a source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from operator import index

from pyscore.engine.settings import ScoreSettings
from pyscore.engine.sources.source import ScoreRequest
from pyscore.engine.tokenization import AnswerTokenizer, AnswerTokens
from pyscore.store.questions import content_digest
from pyscore.tasks import Question, render

__all__ = ["checked_questions", "content_digest", "dataset_of", "given_request", "requests_of", "tokenize"]


def dataset_of(question: Question, dataset: str | None) -> str | None:
    """The data set that a question names, else the run's."""
    return dataset if question.dataset is None else question.dataset


def checked_questions(questions: Iterable[Question], dataset: str | None) -> list[Question]:
    """The questions as a list, each with an id of its own in its data set."""
    if isinstance(questions, Question):
        raise TypeError("questions must be a sequence of Question, got one Question: pass [question]")
    checked: list[Question] = []
    seen: set[tuple[str | None, str]] = set()
    for i, question in enumerate(questions):
        if not isinstance(question, Question):
            raise TypeError(f"questions[{i}] must be a Question, got {type(question).__name__}")
        named = dataset_of(question, dataset)
        if (named, question.id) in seen:
            where = f" in the data set {named!r}" if named is not None else ""
            raise ValueError(f"the question id {question.id!r} is used twice{where}: ids must be unique")
        seen.add((named, question.id))
        checked.append(question)
    return checked


def tokenize(
    tokens: AnswerTokenizer, questions: Sequence[Question], settings: ScoreSettings
) -> list[list[AnswerTokens]]:
    """The answers of each question, as tokens."""
    pairs, names = [], []
    for question in questions:
        prompt = render(settings.template, question, tokens.tokenizer)
        pairs += [(prompt, answer) for answer in question.answers]
        names += [question.id] * len(question.answers)
    sizes = [len(question.answers) for question in questions]
    answers = iter(tokens.encode(pairs, names, sizes=sizes, truncate=settings.truncate))
    return [list(islice(answers, size)) for size in sizes]


def requests_of(answers: Iterable[AnswerTokens]) -> list[ScoreRequest]:
    return [ScoreRequest(each.context, each.answer) for each in answers]


def given_request(
    tokens: AnswerTokenizer, context: Sequence[int], continuation: Sequence[int], name: str
) -> ScoreRequest:
    """A pair of token ids, checked.

    Raises:
        TypeError, ValueError: there is no context or no continuation, or a token that is no integer or none of the
            model's; ``name`` says in which pair.
    """
    if not len(context) or not len(continuation):
        raise ValueError(f"{name} must have a context and a continuation of at least one token each")
    try:
        request = ScoreRequest([*map(index, context)], [*map(index, continuation)])
    except TypeError as error:
        raise TypeError(f"{name} must hold token ids: {error}") from None
    tokens.check(*request, name)
    return request
