"""The template that the options of `pyscore score` describe together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyscore.cli.options import json_or_text, key_values
from pyscore.tasks import ChatTemplate, read_template

__all__ = ["chosen_template"]


def chosen_template(
    template: str,
    system_prompt: str | None,
    template_args: Sequence[str],
    assistant_prefix: str | None,
    template_date: str | None,
) -> str | ChatTemplate:
    """The template, with what --template chat may be given besides.

    Raises:
        FileNotFoundError, ValueError: as `read_template`, in which the system prompt and the prefix are written too;
            options of the chat template without it; an argument that isn't KEY=VALUE, or is given twice.
        ValueError: what `ChatTemplate` refuses.
    """
    if not template:
        raise ValueError("--template is empty: leave it out for the question's text, nothing added")
    chosen = read_template(template)
    given = {
        "--system-prompt": system_prompt is not None,
        "--template-arg": bool(template_args),
        "--assistant-prefix": assistant_prefix is not None,
        "--template-date": template_date is not None,
    }
    if chosen != "chat":
        for option in (option for option, is_given in given.items() if is_given):
            raise ValueError(f"{option} is for --template chat: a Jinja string holds all of the prompt itself")
        return chosen
    try:
        return ChatTemplate(
            system=None if system_prompt is None else read_template(system_prompt),
            arguments=_arguments(template_args),
            assistant_prefix=read_template(assistant_prefix or ""),
            date=template_date,
        )
    except TypeError as error:  # JSON has numbers that Python reads as infinite
        raise ValueError(str(error)) from None


def _arguments(given: Sequence[str]) -> dict[str, Any]:
    return {key: json_or_text(value) for key, value in key_values(given, "--template-arg", "enable_thinking=false")}
