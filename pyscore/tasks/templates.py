"""Prompt templates: how a question's text becomes the text that a model sees."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyscore.tasks.chat import ChatTemplate, render_chat
from pyscore.tasks.probing import prints, reason_of
from pyscore.tasks.reading.lines import open_file

if TYPE_CHECKING:
    from jinja2 import Template

    from pyscore.tasks.question import Question

__all__ = ["TEMPLATES", "check_prompt_template", "read_template", "render", "render_row"]

TEMPLATES = {
    "plain": "the question's text, nothing added",
    "human-assistant": r"\n\nHuman: {question}\n\nAssistant:",
    "chat": "the tokenizer's own chat template, one user message, generation prompt added",
}
"""The named templates and what they produce."""

_MOST = 10_000_000  # characters printed, numbers counted: loops within loops would take all memory, or for ever
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "@": "@"}
# What Jinja reads itself, escapes in its strings too; or a backslash and what it escapes.
_JINJA_OR_ESCAPE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|\\(.?)", re.DOTALL)


def render(template: str | ChatTemplate, question: Question, tokenizer: Any = None) -> str:
    """The text to put before the answers.

    Args:
        template: a name in `TEMPLATES`; a `ChatTemplate`; or a Jinja string with the variables ``question`` (the prompt
            text) and ``meta`` (the question's mapping). Jinja runs in a sandbox and an undefined variable is an error.
            A Jinja string must print the question. One that makes it from ``meta`` says so by giving ``question``
            another value, ``{% set question = meta.text %}``.
        question: whose prompt to wrap.
        tokenizer: needed by chat templates only: an object with ``apply_chat_template``, as in Hugging Face
            transformers.

    Raises:
        TypeError: template is neither a string nor a `ChatTemplate`.
        ValueError: unknown name; a Jinja string or a chat template that can't be compiled or rendered, or doesn't print
            the question; no chat template.
    """
    if isinstance(template, ChatTemplate):
        return render_chat(template, question, tokenizer)
    if not isinstance(template, str):
        raise TypeError(f"template must be a string or a ChatTemplate, got {type(template).__name__}")
    if template == "plain":
        return question.prompt
    if template == "human-assistant":
        if question.prompt.lstrip().startswith("Human:"):
            raise ValueError(
                f"the question {question.id!r} holds its turns, which template 'human-assistant' would put into turns "
                "once more: use 'plain'"
            )
        return f"\n\nHuman: {question.prompt}\n\nAssistant:"
    if template == "chat":
        return render_chat(ChatTemplate(), question, tokenizer)
    if "{{" not in template and "{%" not in template:
        raise ValueError(
            f"template {template!r} is unknown: give one of {', '.join(TEMPLATES)}, "
            "or a Jinja string such as 'Question: {{ question }}'"
        )
    return _render_jinja(template, question)


def read_template(text: str) -> str:
    r"""A template as it is typed on a command line, where a shell hands on a backslash and an n as two characters.

    "@path" is the text of that file, UTF-8, as it is except for one line end at its very end, which an editor puts
    there. In other text, "\n" is a new line, "\t" a tab, "\\" a backslash and "\@" an at sign; any other backslash is
    an error. Real new lines stay, and so does what stands between the braces of Jinja, which reads the escapes of its
    strings itself.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the path is a folder, or its file is not UTF-8; a backslash that means nothing.
    """
    if text.startswith("@"):
        path = Path(text[1:])
        try:
            with open_file(path) as file:
                return re.sub(r"\r?\n\Z", "", file.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ValueError(f"template {path}: not UTF-8 (byte {error.start} of the file)") from None
        except FileNotFoundError:
            raise FileNotFoundError(f"no such template file: {path} (a template's own @ is written \\@)") from None

    def unescaped(match: re.Match[str]) -> str:
        escaped = match[1]
        if escaped is None:
            return match[0]
        if escaped not in _ESCAPES:
            raise ValueError(
                rf"template {text!r}: \{escaped} means nothing; \n is a new line, \t a tab and \\ a backslash, "
                "and a template in a file, @file, is read without escapes"
            )
        return _ESCAPES[escaped]

    return _JINJA_OR_ESCAPE.sub(unescaped, text)


def check_prompt_template(template: str) -> None:
    """Raise TypeError or ValueError for what is no Jinja that prints fields of a row."""
    if not isinstance(template, str):
        raise TypeError(f"prompt_template must be text, got {type(template).__name__}")
    if "{{" not in template and "{%" not in template:
        raise ValueError(
            f"prompt_template {template!r:.80} prints no field: write Jinja such as 'Question: {{{{ question }}}}'"
        )
    from jinja2 import TemplateError, meta
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    try:
        fields = meta.find_undeclared_variables(ImmutableSandboxedEnvironment().parse(template)) - {"range"}
        _compiled(template)
    except TemplateError as error:
        raise ValueError(f"prompt_template {template!r:.80}: {reason_of(error)}") from error
    if not fields:
        raise ValueError(f"prompt_template {template!r:.80} prints no field: every question would have one prompt")


def render_row(template: str, values: Mapping[str, Any]) -> str:
    """The text that Jinja makes of a row: its fields are variables; ``row`` is all of them, ``row["a name"]``.

    Raises:
        ValueError: the template fails on the row; the message lists the fields that there are.
    """
    variables = {"row": values, **values}
    try:
        return _bounded(_compiled(template)[0], variables)
    except Exception as error:  # as in `_render_jinja`
        names = ", ".join(map(repr, values)) or "none"
        raise ValueError(f"prompt_template failed: {reason_of(error)} (fields: {names})") from error


def _render_jinja(template: str, question: Question) -> str:
    def rendered(prompt: str) -> str:
        # A template can fail in any way that an expression can: division by zero, a wrong type, endless recursion.
        try:
            return _bounded(_compiled(template)[0], {"question": prompt, "meta": question.meta})
        except Exception as error:
            raise ValueError(f"template {template!r} failed on question {question.id!r}: {reason_of(error)}") from error

    import jinja2  # noqa: F401  # where it is missing, that is no failure of the template

    text = rendered(question.prompt)
    if not _compiled(template)[1] and not prints(question.prompt, text, rendered):
        raise ValueError(
            f"template {template!r} doesn't print the question (id {question.id!r}): put {{{{ question }}}} into it; "
            "a template that makes the question from meta says {% set question = meta.text %} and prints that"
        )
    return text


def _bounded(template: Template, variables: Mapping[str, Any]) -> str:
    printed = counted = 0

    def bounded_range(*bounds: int) -> range:
        nonlocal counted
        numbers = range(*bounds)
        counted += len(numbers)
        if counted > _MOST:
            raise ValueError(f"it counts more than {_MOST} numbers with range")
        return numbers

    pieces = []
    for piece in template.generate({**variables, "range": bounded_range}):
        pieces.append(piece)
        printed += len(piece)
        if printed > _MOST:
            raise ValueError(f"it prints more than {_MOST} characters")
    return "".join(pieces)


@lru_cache(maxsize=64)
def _compiled(template: str) -> tuple[Template, bool]:
    """A Jinja string, compiled, and whether it gives ``question`` another value."""
    from jinja2 import StrictUndefined, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Jinja drops a template's last newline unless told not to; "...\nAnswer:\n" has to stay as it was written.
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    names = environment.parse(template).find_all(nodes.Name)
    sets_question = any(name.name == "question" and name.ctx == "store" for name in names)
    return environment.from_string(template), sets_question
