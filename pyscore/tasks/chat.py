"""Chat prompts: the tokenizer's own chat template, with a system message, arguments, a date, the reply's beginning."""

from __future__ import annotations

import datetime
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from typing import Any

from pyscore.tasks.probing import prints, reason_of
from pyscore.tasks.question import Question, check_utf8

__all__ = ["ChatTemplate", "render_chat"]

_OURS = frozenset(
    {
        *("messages", "conversation", "chat_template", "strftime_now", "add_generation_prompt"),
        *("continue_final_message", "sanitize_control_tokens", "tokenize", "tokenizer_kwargs"),
        *("padding", "truncation", "max_length"),
        *("return_tensors", "return_dict", "return_assistant_tokens_mask"),
    }
)
"""Arguments of apply_chat_template that say what is rendered or returned, which isn't for a template to choose."""


@dataclass(frozen=True)
class ChatTemplate:
    """The tokenizer's chat template: one user message that holds the question, and the generation prompt.

    ``"chat"`` is the same as ``ChatTemplate()``. ``str(template)`` is a stable text, "chat" and, as JSON, what differs
    from the defaults; rows keep it as their metadata "template".

    Attributes:
        system: a system message before the question; None for none, which lets some templates put in their own.
        arguments: variables for the chat template, JSON values such as ``{"enable_thinking": False}``. One that the
            chat template never reads is warned about.
        assistant_prefix: how the model's reply begins, put as it is after the generation prompt. Answers follow it.
        date: the day that the chat template takes for today, "YYYY-MM-DD": what ``strftime_now`` and ``date_string``
            give, so that prompts are the same on another day. None: the day of the run.

    Raises:
        TypeError: a field of another type; arguments that are not JSON values.
        ValueError: no such date; an argument that pyscore sets itself; text that UTF-8 can't hold.
    """

    system: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)
    assistant_prefix: str = ""
    date: str | None = None

    def __post_init__(self) -> None:
        for name, kind in (("system", str | None), ("assistant_prefix", str), ("date", str | None)):
            if not isinstance(getattr(self, name), kind):
                optional = "" if kind is str else " or None"
                raise TypeError(f"{name} must be a string{optional}, got {type(getattr(self, name)).__name__}")
        if not isinstance(self.arguments, Mapping):
            raise TypeError(f"arguments must be a mapping, got {type(self.arguments).__name__}")
        object.__setattr__(self, "arguments", _json_value(self.arguments, "arguments"))
        for name in sorted(_OURS & self.arguments.keys()):
            raise ValueError(f"arguments[{name!r}] can't be given: pyscore sets it, or its fields stand for it")
        if self.date is not None and _iso_date(self.date) != self.date:
            raise ValueError(f"date must be a day written YYYY-MM-DD, such as '2024-07-26', got {self.date!r}")
        check_utf8(str(self))

    def __str__(self) -> str:
        given = {
            name: value
            for name, default in (("system", None), ("arguments", {}), ("assistant_prefix", ""), ("date", None))
            if (value := getattr(self, name)) != default
        }
        return f"chat {json.dumps(given, sort_keys=True, ensure_ascii=False)}" if given else "chat"


def render_chat(template: ChatTemplate, question: Question, tokenizer: Any) -> str:
    """The text of a chat in which the user asks the question, up to the answer.

    Raises:
        ValueError: no tokenizer, or none with a chat template; the chat template fails, or leaves out the question or
            the system message.
    """
    if tokenizer is None:
        raise ValueError("template 'chat' needs a tokenizer: pass tokenizer=, or use 'plain' or 'human-assistant'")
    name = getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__
    if getattr(tokenizer, "chat_template", None) is None:
        raise ValueError(f"tokenizer {name!r} has no chat template: use 'plain', 'human-assistant' or a Jinja string")
    where = f"the chat template of tokenizer {name!r}"

    def rendered(system: str | None, prompt: str) -> str:
        try:
            return _apply(template, system, prompt, tokenizer, where)
        except ImportError:
            raise  # jinja2 is missing or too old.
        # A chat template comes with a model and is code: it may fail in any way, or raise what it likes.
        except Exception as error:
            raise ValueError(f"{where} failed on question {question.id!r}: {reason_of(error)}") from error

    system = template.system
    text = rendered(system, question.prompt)
    if not prints(question.prompt, text, lambda other: rendered(system, other)):
        raise ValueError(f"{where} leaves out the user's message (question {question.id!r}): use another template")
    if system is not None and not prints(system, text, lambda other: rendered(other, question.prompt)):
        raise ValueError(
            f"{where} leaves out the system message (question {question.id!r}): this model takes none, drop system"
        )
    return text + template.assistant_prefix


def _apply(template: ChatTemplate, system: str | None, prompt: str, tokenizer: Any, where: str) -> str:
    messages = [] if system is None else [{"role": "system", "content": system}]
    messages.append({"role": "user", "content": prompt})
    options = dict(template.arguments)
    if template.arguments or template.date is not None:
        source = _source(tokenizer, options.get("tools"))
        for name in template.arguments:
            if name not in source:
                # Once for each line of code, as Python does by default, and not for every question.
                warnings.warn(f"{where} never reads the argument {name!r}: it changes nothing", stacklevel=2)
        if template.date is not None:
            day = datetime.date.fromisoformat(template.date)
            options = {"chat_template": _pinned(day) + source, "date_string": day.strftime("%d %b %Y"), **options}
    return str(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, **options))


def _source(tokenizer: Any, tools: Any) -> str:
    """The text of the chat template that is used, of one or several that a tokenizer has."""
    if isinstance(tokenizer.chat_template, str):
        return tokenizer.chat_template
    return str(tokenizer.get_chat_template(tools=tools))


@lru_cache(maxsize=8)
def _pinned(day: datetime.date) -> str:
    """A Jinja macro ``strftime_now`` for this day, to be put before a chat template.

    transformers hands a chat template data alone, no functions, and its own ``strftime_now`` reads the clock; a macro
    of that name comes first. Its line ends in a newline, which the ``trim_blocks`` of chat templates takes away: so the
    chat template still begins at the beginning of a line, where ``lstrip_blocks`` matters.
    """
    moment = datetime.datetime.combine(day, datetime.time())
    plain = [f"%{letter}" for letter in "aAbBcdDeFfGhHIjklmMpRSTuUVwWxXyYzZ"]
    unpadded = [f"%-{letter}" for letter in "dHIjmMSUWy"]
    # Texts of a date hold no "%", so replacing one directive makes no other.
    replaced = "".join(f".replace({json.dumps(d)},{json.dumps(moment.strftime(d))})" for d in plain + unpadded)
    return (
        "{% macro strftime_now(format) %}{% for part in format.split('%%') %}{{ '' if loop.first else '%' }}"
        "{{ part" + replaced + " }}{% endfor %}{% endmacro %}\n"
    )


def _iso_date(text: str) -> str | None:
    # Python's own reader takes other notations as well from 3.11 on.
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def _json_value(value: Any, where: str) -> Any:
    """A copy of a JSON value, lists for tuples; TypeError for anything else, with where it stands."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where} must have strings as keys, got {key!r}")
        return {key: _json_value(entry, f"{where}[{key!r}]") for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    kind = repr(value) if isinstance(value, float) else type(value).__name__
    raise TypeError(f"{where} must be a JSON value (text, number, true, false, null, list or mapping), got {kind}")
