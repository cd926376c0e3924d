"""What a model would read of a question: the prompt and its tokens, found with the tokenizer alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyscore.engine.questions import tokenize
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.tokenization import AnswerTokenizer
from pyscore.tasks import ChatTemplate, Question, render

__all__ = ["AnswerPreview", "Preview", "TokenPiece", "preview"]


@dataclass(frozen=True)
class TokenPiece:
    """A token: its id, and the piece of text that it is in the tokenizer's own writing."""

    id: int
    piece: str


@dataclass(frozen=True)
class AnswerPreview:
    """An answer as it would be scored.

    Attributes:
        answer, is_matching: as in the question.
        boundary: as in rows; see docs/engine.md.
        context: the tokens that it is conditioned on.
        tokens: the tokens whose log-probabilities are added up.
    """

    answer: str
    is_matching: bool
    boundary: str
    context: list[TokenPiece]
    tokens: list[TokenPiece]


@dataclass(frozen=True)
class Preview:
    """A question as a model would read it.

    Attributes:
        dataset, question_id, question: whose it is, and its text.
        prompt: the text with the template applied.
        answers: one entry an answer, in order.
    """

    dataset: str | None
    question_id: str
    question: str
    prompt: str
    answers: list[AnswerPreview]


def preview(
    question: Question,
    tokenizer: Any,
    *,
    template: str | ChatTemplate = "plain",
    add_bos_token: bool | str = "auto",
) -> Preview:
    """The prompt of a question and all tokens, however many the model takes.

    Args:
        question: which one.
        tokenizer: of Hugging Face transformers.
        template: as for `Scorer.score`.
        add_bos_token: as for `Scorer`.

    Raises:
        ValueError: a template that fails, an answer without tokens; as for `Scorer.score`.
    """
    prompt = render(template, question, tokenizer)
    (encoded,) = tokenize(AnswerTokenizer(tokenizer, add_bos=add_bos_token), [question], ScoreSettings(template))

    def pieces(ids: list[int]) -> list[TokenPiece]:
        return [TokenPiece(*pair) for pair in zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True)]

    answers = [
        AnswerPreview(answer, is_matching, tokens.boundary, pieces(tokens.context), pieces(tokens.answer))
        for answer, is_matching, tokens in zip(question.answers, question.is_matching, encoded, strict=True)
    ]
    return Preview(question.dataset, question.id, question.prompt, prompt, answers)
