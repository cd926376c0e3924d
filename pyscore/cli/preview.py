"""`pyscore score --dry-run`: what was read of each data set, and its first prompt as the model would read it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pyscore.cli.output import print_json
from pyscore.cli.text import visible, write_out
from pyscore.tasks import ChatTemplate, Question, render
from pyscore.tasks.datasets import PlaceQuestions

__all__ = ["print_previews"]


def print_previews(
    datasets: Sequence[PlaceQuestions],
    template: str | ChatTemplate,
    model: str,
    as_json: bool,
    *,
    add_bos_token: bool | str,
    **options: Any,
) -> None:
    """Show the first question of each data set; of the model, only its tokenizer is loaded, with these options.

    Where the tokenizer can't be had, prompts are shown without tokens, and why.

    Raises:
        ValueError: a template that fails, an answer without tokens, a chat template without a tokenizer.
    """
    tokenizer, reason = _tokenizer(model, **options)
    found = []
    for each in datasets:
        first: dict[str | None, Question] = {}
        for question in each.questions:
            first.setdefault(question.dataset, question)
        found += [_previewed(each, question, template, tokenizer, reason, add_bos_token) for question in first.values()]
    if as_json:
        whole = {"template": str(template), "model": model, "without_tokens": reason, "previews": found}
        print_json(whole)
        return
    why = f"no tokens are shown, for the tokenizer of {visible(model)} can't be loaded: {visible(reason or '')}\n"
    write_out((f"{why}\n" if reason else "") + "\n".join(_shown(each, str(template)) for each in found))


def _previewed(
    read: PlaceQuestions,
    question: Question,
    template: str | ChatTemplate,
    tokenizer: Any,
    reason: str | None,
    add_bos_token: bool | str,
) -> dict[str, Any]:
    """The first question of a data set, and how many there are, as JSON can hold them."""
    own = [each for each in read.questions if each.dataset == question.dataset]
    about = {
        "file": read.place,
        "format": read.format,
        "rows": read.n_rows,
        "rows_left_out": read.n_left_out,
        "questions": len(own),
        "answers": sorted({len(each.answers) for each in own}),
        "clusters": len({each.cluster if each.cluster is not None else (each.id,) for each in own}),
        "groups": len({each.group for each in own if each.group is not None}),
    }
    if tokenizer is not None:
        from pyscore.engine.preview import preview

        return asdict(preview(question, tokenizer, template=template, add_bos_token=add_bos_token)) | {"read": about}
    if not isinstance(template, str) or template == "chat":
        raise ValueError(f"the chat template is the tokenizer's, which can't be loaded: {reason}")
    answers = [
        {"answer": answer, "is_matching": is_matching}
        for answer, is_matching in zip(question.answers, question.is_matching, strict=True)
    ]
    return {
        "dataset": question.dataset,
        "question_id": question.id,
        "question": question.prompt,
        "prompt": render(template, question),
        "answers": answers,
        "read": about,
    }


def _tokenizer(model: str, *, source_options: Mapping[str, Any], **options: Any) -> tuple[Any, str | None]:
    """The tokenizer of a model without its weights, or None and why it can't be had.

    A source of "name:rest" may have a function ``load_tokenizer(rest, **options)``; else its tokenizer is the one that
    the source's option ``tokenizer`` names, or that lies with the model.
    """
    try:
        from pyscore.engine.sources import OWN
        from pyscore.engine.sources.huggingface.load import load_tokenizer

        name, colon, rest = model.partition(":")
        if colon and name in OWN and find_spec(OWN[name]) is not None:
            own = getattr(importlib.import_module(OWN[name]), "load_tokenizer", None)
            if own is not None:
                return own(rest, **options, **source_options), None
        place = rest if colon and not Path(model).expanduser().exists() else model
        return load_tokenizer(str(source_options.get("tokenizer", place)), **options), None
    except (ImportError, OSError, ValueError, TypeError, RuntimeError) as error:
        return None, " ".join(str(error).split()) or type(error).__name__


def _shown(found: Mapping[str, Any], template: str) -> str:
    about = found["read"]
    lines = [
        f"data set {visible(found['dataset'] or '(no name)')}, question {visible(found['question_id'])}",
        _read(about),
        "question:",
        *_framed(found["question"]),
        f"prompt, template {visible(repr(template))}:",
        *_framed(found["prompt"]),
    ]
    answers = found["answers"]
    if "context" in answers[0]:
        lines.append(_tokens("prompt tokens", answers[0]["context"]))
    for answer in answers:
        label = f"{'matching' if answer['is_matching'] else 'other'} answer {visible(repr(answer['answer']))}"
        if "tokens" in answer:
            label = _tokens(f"{label}, boundary {answer['boundary']}", answer["tokens"])
        lines.append(label)
    return "".join(f"{line}\n" for line in lines)


def _read(about: Mapping[str, Any]) -> str:
    """What was recognised in a file, in one line."""
    fewest, most = about["answers"][0], about["answers"][-1]
    counts = [
        _counted(about["questions"], "question"),
        f"{fewest if fewest == most else f'{fewest} to {most}'} answers each",
        _counted(about["clusters"], "cluster"),
    ]
    counts += [_counted(about["groups"], "group")] if about["groups"] else []
    counts += [f"{_counted(about['rows_left_out'], 'row')} left out"] if about["rows_left_out"] else []
    format = "by columns" if about["format"] is None else f"format {about['format']}"
    return f"read from {visible(about['file'])}, {format}: {', '.join(counts)}"


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _framed(text: str) -> list[str]:
    """The lines of a text between bars, which show what it begins and ends with: spaces, and empty lines too."""
    return [f"  |{visible(line)}|" for line in text.split("\n")]


def _tokens(label: str, tokens: Sequence[Mapping[str, Any]]) -> str:
    pieces = " ".join(f"{token['id']}:{visible(repr(token['piece']))}" for token in tokens)
    return f"{label}, {len(tokens)}: {pieces}"
