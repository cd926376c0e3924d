"""Templates: what stands before the answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore.tasks import Question, read_template, render

ODD = " Is\r\nit {{ here }}?\u200b\u2028\ufffd \n"


def ask(prompt: str, **meta: Any) -> Question:
    return Question("q", prompt, (" Yes", " No"), (True, False), meta=meta)


class ChatTokenizer:
    """As much of a tokenizer as the chat template needs."""

    chat_template = "{{ messages }}"
    name_or_path = "some/model"

    def apply_chat_template(self, messages: list[dict[str, str]], **options: bool) -> str:
        assert options == {"add_generation_prompt": True, "tokenize": False}
        (message,) = messages
        return f"<{message['role']}>{message['content']}<assistant>"


@given(st.text().filter(str.strip).filter(lambda text: text.encode("utf-8", "ignore").decode() == text))
def test_no_template_touches_the_questions_text(prompt: str) -> None:
    assert render("plain", ask(prompt)) == prompt
    assert render("human-assistant", ask(prompt)) == f"\n\nHuman: {prompt}\n\nAssistant:"
    assert render("chat", ask(prompt), ChatTokenizer()) == f"<user>{prompt}<assistant>"
    assert render("{{ question }}", ask(prompt)) == prompt


def test_a_jinja_string_keeps_its_own_newlines_and_sees_meta() -> None:
    assert render("Q: {{ question }} ({{ meta.year }})\nA:\n", ask(ODD, year=2022)) == f"Q: {ODD} (2022)\nA:\n"


def test_text_in_a_question_is_never_read_as_a_template() -> None:
    assert render("{% if true %}{{ question }}{% endif %}", ask("{{ 1 / 0 }}")) == "{{ 1 / 0 }}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("human", "give one of plain, human-assistant, chat, or a Jinja string"),
        ("Q: {question}", "'Question: {{ question }}'"),
        ("{{ question", "template '{{ question' failed"),
        ("{{ questoin }}", "'questoin' is undefined"),
        ("{{ meta.nothing.at_all }}", "has no attribute 'nothing'"),
        ("{{ question.__class__.__mro__ }}", "unsafe"),
        ("{{ meta.update(a=1) }}", "unsafe|not safely callable"),
        ("{{ range(10**9) | list }}", "failed on question 'q'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ question + 1 }}", "failed on question 'q'"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "failed on question 'q': maximum recursion depth exceeded"),
        ("{% for i in range(9999) %}{{ question * 999 }}{% endfor %}", "it prints more than 10000000 characters"),
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
            "it counts more than 10000000",
        ),
        ("{{ range(10**30) | list }}", "failed on question 'q'"),
        ("{{ " + "(" * 5000, "failed on question 'q'"),
    ],
)
def test_a_template_that_cannot_work_says_why(template: str, message: str) -> None:
    with pytest.raises(ValueError, match=message if "|" in message else re.escape(message)):
        render(template, ask("Why?"))


@pytest.mark.parametrize(
    "template",
    [
        "{# {{ #}hello",
        "{{ meta.stem }}",
        "{% if false %}{{ question }}{% endif %}hello",
        "{% if question %}hello{% endif %}",
        "{{ question | length }}",
        "{% set questions = 1 %}hello",
    ],
)
def test_a_template_that_never_prints_the_question_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"doesn't print the question \(id 'q'\): put \{\{ question \}\} into it"):
        render(template, ask("Why is it so?", stem="Why is"))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ question | upper }}", "WHY? AND HOW?"),
        ("{{ question.split('?')[1] }}?", " And how?"),
        ("{{ question | truncate(7, true, '…') }}", "Why? A…"),
    ],
)
def test_a_question_may_be_printed_in_another_form(template: str, text: str) -> None:
    assert render(template, ask("Why? And how?")) == text


def test_a_branch_that_drops_the_question_is_refused_for_the_questions_that_take_it() -> None:
    template = "{% if meta.kind == 'a' %}{{ question }}{% else %}hello{% endif %}"
    assert render(template, ask("Why?", kind="a")) == "Why?"
    with pytest.raises(ValueError, match="doesn't print the question"):
        render(template, ask("Why?", kind="b"))


def test_a_template_may_make_the_question_from_meta_if_it_says_so() -> None:
    template = "{% set question = meta.stem ~ ' (A) yes (B) no' %}Q: {{ question }}"
    assert render(template, ask("Why?", stem="Is it?")) == "Q: Is it? (A) yes (B) no"


def test_a_template_of_another_type_is_named() -> None:
    with pytest.raises(TypeError, match="template must be a string or a ChatTemplate, got int"):
        render(3, ask("Why?"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "template"),
    [
        (r"Q: {{ question }}\nA:", "Q: {{ question }}\nA:"),
        ("Q: {{ question }}\nA:", "Q: {{ question }}\nA:"),
        (r"{{ question }}\t\\n", "{{ question }}\t\\n"),
        (r"\@home: {{ question }}", "@home: {{ question }}"),
        (r"{{ question.split('\n')[0] }}{# \d #}{% if '\d' %}\n{% endif %}", None),
        ("chat", "chat"),
    ],
)
def test_escapes_of_a_typed_template_are_read_outside_of_jinja(typed: str, template: str | None) -> None:
    expected = typed[:-13] + "\n{% endif %}" if template is None else template
    assert read_template(typed) == expected


@pytest.mark.parametrize("typed", [r"\boxed{ {{ question }} }", "{{ question }}\\", "{{ question }}\\\n"])
def test_a_backslash_that_means_nothing_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"means nothing; \\n is a new line.*@file, is read without escapes"):
        read_template(typed)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_template_file_is_read_as_it_is_but_for_the_editors_last_line_end(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "template.txt"
    path.write_bytes("é\\n {{ question }}\nA:\n".encode() + end)
    assert read_template(f"@{path}") == ("é\\n {{ question }}\nA:" + ("\n" if end else ""))


def test_a_template_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "template.txt"
    with pytest.raises(FileNotFoundError, match=r"^no such template file: .*template\.txt"):
        read_template(f"@{path}")
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"template\.txt: not UTF-8 \(byte 0"):
        read_template(f"@{path}")
    with pytest.raises(ValueError, match="is a folder"):
        read_template(f"@{tmp_path}")


def test_chat_needs_a_tokenizer_with_a_chat_template() -> None:
    with pytest.raises(ValueError, match="needs a tokenizer"):
        render("chat", ask("Why?"))
    tokenizer = ChatTokenizer()
    tokenizer.chat_template = None
    with pytest.raises(ValueError, match="'some/model' has no chat template"):
        render("chat", ask("Why?"), tokenizer)


def test_turns_are_not_put_into_turns_once_more() -> None:
    asked = Question("q", "\n\nHuman: What do bees make?\n\nAssistant:", (" Honey", " Wax"), (True, False))
    with pytest.raises(
        ValueError, match="the question 'q' holds its turns, which template 'human-assistant' would put"
    ):
        render("human-assistant", asked)
    assert render("plain", asked) == asked.prompt
