"""Prompt templates: how a question's text becomes the text that a model sees."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template

    from .question import Question

__all__ = ["TEMPLATES", "render"]

TEMPLATES = {
    "plain": "the question's text, nothing added",
    "human-assistant": r"\n\nHuman: {question}\n\nAssistant:",
    "chat": "the tokenizer's own chat template, one user message, generation prompt added",
}
"""The named templates and what they produce."""


def render(template: str, question: Question, tokenizer: Any = None) -> str:
    """The text to put before the answers.

    Args:
        template: a name in `TEMPLATES`, or a Jinja string with the variables ``question`` (the prompt text) and
            ``meta`` (the question's mapping). Jinja runs in a sandbox and an undefined variable is an error.
        question: whose prompt to wrap.
        tokenizer: needed by ``"chat"`` only: an object with ``apply_chat_template``, as in Hugging Face transformers.

    Raises:
        ValueError: unknown name, a Jinja string that can't be compiled or rendered, or no chat template.
    """
    if template == "plain":
        return question.prompt
    if template == "human-assistant":
        return f"\n\nHuman: {question.prompt}\n\nAssistant:"
    if template == "chat":
        return _render_chat(question.prompt, tokenizer)
    if "{{" not in template and "{%" not in template:
        raise ValueError(
            f"template {template!r} is unknown: give one of {', '.join(TEMPLATES)}, "
            "or a Jinja string such as 'Question: {{ question }}'"
        )
    return _render_jinja(template, question)


def _render_chat(prompt: str, tokenizer: Any) -> str:
    if tokenizer is None:
        raise ValueError("template 'chat' needs a tokenizer: pass tokenizer=, or use 'plain' or 'human-assistant'")
    if getattr(tokenizer, "chat_template", None) is None:
        name = getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__
        raise ValueError(f"tokenizer {name!r} has no chat template: use 'plain', 'human-assistant' or a Jinja string")
    messages = [{"role": "user", "content": prompt}]
    return str(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def _render_jinja(template: str, question: Question) -> str:
    from jinja2 import TemplateError

    try:
        return _compiled(template).render(question=question.prompt, meta=question.meta)
    # A template can fail in any way an expression can: division by zero, a missing attribute, a wrong type.
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"template {template!r} failed on question {question.id!r}: {error}") from error


@lru_cache(maxsize=64)
def _compiled(template: str) -> Template:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Jinja drops a template's last newline unless told not to; "...\nAnswer:\n" has to stay as it was written.
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(template)
