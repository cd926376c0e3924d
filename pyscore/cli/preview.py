"""`pyscore score --dry-run`: the first prompt of each data set, as the model would read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pyscore.cli.output import print_json
from pyscore.cli.text import visible, write_out
from pyscore.engine.preview import Preview, TokenPiece, preview
from pyscore.engine.sources.huggingface.load import load_tokenizer
from pyscore.tasks import ChatTemplate, Question

__all__ = ["print_previews"]


def print_previews(
    questions: Sequence[Question],
    template: str | ChatTemplate,
    model: str,
    as_json: bool,
    *,
    add_bos_token: bool | str,
    **options: Any,
) -> None:
    """Show the first question of each data set; of the model, only its tokenizer is loaded, with these options."""
    first: dict[str | None, Question] = {}
    for question in questions:
        first.setdefault(question.dataset, question)
    tokenizer = load_tokenizer(model, **options)
    found = [
        preview(question, tokenizer, template=template, add_bos_token=add_bos_token) for question in first.values()
    ]
    if as_json:
        print_json({"template": str(template), "model": model, "previews": [asdict(each) for each in found]})
    else:
        write_out("\n".join(_shown(each, str(template)) for each in found))


def _shown(found: Preview, template: str) -> str:
    lines = [
        f"data set {visible(found.dataset or '(no name)')}, question {visible(found.question_id)}",
        "question:",
        *_framed(found.question),
        f"prompt, template {visible(repr(template))}:",
        *_framed(found.prompt),
        _tokens("prompt tokens", found.answers[0].context),
    ]
    for answer in found.answers:
        kind = "matching answer" if answer.is_matching else "other answer"
        lines.append(_tokens(f"{kind} {visible(repr(answer.answer))}, boundary {answer.boundary}", answer.tokens))
    return "".join(f"{line}\n" for line in lines)


def _framed(text: str) -> list[str]:
    """The lines of a text between bars, which show what it begins and ends with: spaces, and empty lines too."""
    return [f"  |{visible(line)}|" for line in text.split("\n")]


def _tokens(label: str, tokens: Sequence[TokenPiece]) -> str:
    return f"{label}, {len(tokens)}: " + " ".join(f"{token.id}:{visible(repr(token.piece))}" for token in tokens)
