"""Questions divided among ranks, by the tokens that they take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from pyscore.engine.chunks import CHUNK_QUESTIONS
from pyscore.engine.questions import tokenize
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.sources.prefixes import common_prefix
from pyscore.engine.tokenization import AnswerTokenizer, AnswerTokens
from pyscore.tasks import Question

__all__ = ["share_of", "tokenized"]


def tokenized(
    tokens: AnswerTokenizer, questions: Sequence[Question], settings: ScoreSettings
) -> list[list[AnswerTokens]]:
    """The answers of each question as tokens, some questions at a time: the tokenizer keeps all texts of one call."""
    found: list[list[AnswerTokens]] = []
    for start in range(0, len(questions), CHUNK_QUESTIONS):
        found += tokenize(tokens, questions[start : start + CHUNK_QUESTIONS], settings)
    return found


def share_of(answers: Sequence[Sequence[AnswerTokens]], index: int, count: int) -> list[int]:
    """Indices of the questions of one share, in their order; every question is in exactly one share.

    Questions whose tokens begin alike stay together. A question costs the tokens that it adds to those before it, and
    shares cost about the same.

    Args:
        answers: the answers of each question, as tokens.
        index, count: which share, of how many.
    """
    order = sorted(range(len(answers)), key=lambda i: answers[i][0].context)
    costs = []
    before: Sequence[int] = ()
    for i in order:
        context = answers[i][0].context
        costs.append(len(context) - common_prefix(before, context) + sum(len(each.answer) for each in answers[i]))
        before = context
    total = sum(costs)
    # A question belongs where its middle lies.
    middles = (2 * end - cost for end, cost in zip(accumulate(costs), costs, strict=True))
    return sorted(i for i, middle in zip(order, middles, strict=True) if middle * count // (2 * total) == index)
