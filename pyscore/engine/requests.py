"""Questions, and tokens that are given as such, as requests of a source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from operator import index

from pyscore.engine.settings import ScoreSettings
from pyscore.engine.sources.source import ScoreRequest
from pyscore.engine.tokenization import AnswerTokenizer, AnswerTokens
from pyscore.tasks import Question, render

__all__ = ["given_request", "requests_of", "tokenize"]


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
