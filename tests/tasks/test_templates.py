"""Templates: what stands before the answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore.tasks import Question, render

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
    ],
)
def test_a_template_that_cannot_work_says_why(template: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("{", r"\{").replace("}", r"\}")):
        render(template, ask("Why?"))


def test_chat_needs_a_tokenizer_with_a_chat_template() -> None:
    with pytest.raises(ValueError, match="needs a tokenizer"):
        render("chat", ask("Why?"))
    tokenizer = ChatTokenizer()
    tokenizer.chat_template = None  # type: ignore[assignment]
    with pytest.raises(ValueError, match="'some/model' has no chat template"):
        render("chat", ask("Why?"), tokenizer)
