"""Chat templates: what they are given, what is recorded of them, dates that stay, and one error where they fail."""

from __future__ import annotations

import json
import pickle
from datetime import date
from typing import Any

import numpy as np
import pytest

from pyscore.tasks import ChatTemplate, Question, render
from tests.engine.tiny import tiny_tokenizer, transformers

SIMPLE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content | trim }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% if thinking is defined and not thinking %}<think></think>{% endif %}"
    "{% endif %}"
)
QUESTION = Question("q", "Why?", (" Yes", " No"), (True, False))


def chat_tokenizer(chat_template: Any) -> Any:
    backend = tiny_tokenizer().backend_tokenizer
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, chat_template=chat_template, name_or_path="some/model"
    )


def test_chat_and_a_chat_template_without_options_are_the_same() -> None:
    tokenizer = chat_tokenizer(SIMPLE)
    assert (
        render("chat", QUESTION, tokenizer) == render(ChatTemplate(), QUESTION, tokenizer) == "<user>Why?\n<assistant>"
    )
    assert str(ChatTemplate()) == "chat"


def test_system_message_arguments_and_prefix_stand_where_they_belong() -> None:
    template = ChatTemplate("Be brief. ", {"thinking": False}, "My answer is")
    text = "<system>Be brief.\n<user>Why?\n<assistant><think></think>My answer is"
    assert render(template, QUESTION, chat_tokenizer(SIMPLE)) == text


def test_an_empty_system_message_is_one() -> None:
    assert render(ChatTemplate(""), QUESTION, chat_tokenizer(SIMPLE)) == "<system>\n<user>Why?\n<assistant>"
    assert str(ChatTemplate("")) == 'chat {"system": ""}'


def test_what_is_recorded_names_every_difference_and_not_the_order_of_arguments() -> None:
    one = ChatTemplate("Sé breve", {"a": 1, "b": [True, None]}, "So", "2024-07-26")
    other = ChatTemplate("Sé breve", {"b": (True, None), "a": 1}, "So", "2024-07-26")
    assert one == other and str(one) == str(other) and hash(one) == hash(other)
    word, _, recorded = str(one).partition(" ")
    assert word == "chat"
    assert ChatTemplate(**json.loads(recorded)) == one == pickle.loads(pickle.dumps(one))


def test_arguments_that_change_later_do_not_change_the_template() -> None:
    arguments: dict[str, Any] = {"tools": [{"name": "a"}]}
    template = ChatTemplate(arguments=arguments)
    arguments["tools"][0]["name"] = "b"
    assert template.arguments == {"tools": [{"name": "a"}]}


DATED = (
    "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}{{ date_string }}"
)
FORMATS = ("%Y-%m-%d", "%A, %B %-d", "100%% %%d %j %H:%M", "%x %y", "")


@pytest.mark.parametrize("day", [date(2024, 7, 26), date(2024, 2, 29), date(1999, 12, 3)])
def test_a_date_is_what_strftime_gives_on_that_day(day: date) -> None:
    printed = "{% macro now(f) %}{{ strftime_now(f) }}{% endmacro %}" + "|".join(
        f"{{{{ now({form!r}) }}}}" for form in FORMATS
    )
    text = render(ChatTemplate(date=day.isoformat()), QUESTION, chat_tokenizer(printed + SIMPLE))
    assert text == "|".join(map(day.strftime, FORMATS)) + "<user>Why?\n<assistant>"


def test_a_date_is_date_string_unless_an_argument_is() -> None:
    tokenizer = chat_tokenizer(DATED + SIMPLE)
    assert render(ChatTemplate(date="2024-07-26"), QUESTION, tokenizer).startswith("26 Jul 2024<user>")
    own = ChatTemplate(date="2024-07-26", arguments={"date_string": "today"})
    assert render(own, QUESTION, tokenizer).startswith("today<user>")


@pytest.mark.parametrize(
    "beginning", ["", "\n", "  {% if true %}\n a\n  {% endif %}\n", "\n\n  b\n", " {# c #}\n", "{%- if 1 %}{% endif %}"]
)
def test_a_date_changes_nothing_in_a_template_without_one(beginning: str) -> None:
    tokenizer = chat_tokenizer(beginning + SIMPLE)
    assert render(ChatTemplate(date="2024-07-26"), QUESTION, tokenizer) == render("chat", QUESTION, tokenizer)


def test_a_date_works_with_several_chat_templates() -> None:
    tokenizer = chat_tokenizer({"default": DATED + SIMPLE, "tool_use": "{{ 'tools' }}" + SIMPLE})
    assert render(ChatTemplate(date="2024-07-26"), QUESTION, tokenizer).startswith("26 Jul 2024<user>")
    with_tools = ChatTemplate(date="2024-07-26", arguments={"tools": [{"type": "function"}]})
    assert render(with_tools, QUESTION, tokenizer).startswith("tools<user>")


def test_an_argument_that_a_chat_template_never_reads_is_told() -> None:
    template = ChatTemplate(arguments={"enable_thinkng": False})
    with pytest.warns(UserWarning, match="tokenizer 'some/model' never reads the argument 'enable_thinkng'"):
        render(template, QUESTION, chat_tokenizer(SIMPLE))


@pytest.mark.parametrize(
    ("chat_template", "reason"),
    [
        ("{{ raise_exception('System role not supported') }}", "System role not supported"),
        ("{{ raise_exception('') }}", "TemplateError"),
        ("{% if %}", "Expected an expression, got 'end of statement block'"),
        ("{{ nobody.knows }}", "'nobody' is undefined"),
        ("{{ messages.__class__.__mro__ }}", "unsafe"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 1 + 'a' }}", "unsupported operand type"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "maximum recursion depth exceeded"),
        ({"a": SIMPLE, "b": SIMPLE}, "multiple chat templates with no default"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"date": "2024-07-26"}])
def test_a_chat_template_that_fails_is_one_error(chat_template: Any, reason: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="chat template of tokenizer 'some/model' failed on question 'q': ") as error:
        render(ChatTemplate(**options), QUESTION, chat_tokenizer(chat_template))
    assert reason in str(error.value) and "\n" not in str(error.value)


def test_a_question_or_system_message_that_is_left_out_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"leaves out the user's message \(question 'q'\)"):
        render("chat", QUESTION, chat_tokenizer("hello"))
    with pytest.raises(ValueError, match=r"leaves out the system message \(question 'q'\).* drop system"):
        render(ChatTemplate("Be brief."), QUESTION, chat_tokenizer("<user>{{ messages[-1].content }}"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"system": 3}, TypeError, "system must be a string or None, got int"),
        ({"assistant_prefix": None}, TypeError, "assistant_prefix must be a string, got NoneType"),
        ({"date": date(2024, 7, 26)}, TypeError, "date must be a string or None, got date"),
        ({"arguments": [1]}, TypeError, "arguments must be a mapping, got list"),
        (
            {"arguments": {"a": {"b": [1, {2}]}}},
            TypeError,
            r"arguments\['a'\]\['b'\]\[1\] must be a JSON value.* got set",
        ),
        ({"arguments": {"a": np.float32(1)}}, TypeError, r"arguments\['a'\] must be a JSON value .* got float32"),
        ({"arguments": {"a": float("nan")}}, TypeError, r"arguments\['a'\] must be a JSON value .* got nan"),
        ({"arguments": {"a": {1: 2}}}, TypeError, r"arguments\['a'\] must have strings as keys, got 1"),
        ({"arguments": {"tokenize": True}}, ValueError, r"arguments\['tokenize'\] can't be given"),
        ({"arguments": {"strftime_now": "x"}}, ValueError, r"arguments\['strftime_now'\] can't be given"),
        ({"date": "26 Jul 2024"}, ValueError, "date must be a day written YYYY-MM-DD.* got '26 Jul 2024'"),
        ({"date": "20240726"}, ValueError, "date must be a day written YYYY-MM-DD"),
        ({"date": "2023-02-29"}, ValueError, "date must be a day written YYYY-MM-DD"),
        ({"system": "half \ud83d"}, ValueError, "lone surrogate"),
        ({"arguments": {"a": "\ud83d"}}, ValueError, "lone surrogate"),
    ],
)
def test_a_bad_option_is_named(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ChatTemplate(**options)
