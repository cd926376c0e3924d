"""Chosen and rejected texts: the forms of hh-rlhf, UltraFeedback and TRL ask the same of the same conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore.tasks import load_questions
from pyscore.tasks.formats import format_of
from tests.tasks.formats.harness import read_one

TURNS = "\n\nHuman: Hi!\n\nAssistant: Hello.\n\nHuman: How do I wash wool?"
GOOD, BAD = "In cold water, and gently.", "In fire."
HH = {"chosen": f"{TURNS}\n\nAssistant: {GOOD}", "rejected": f"{TURNS}\n\nAssistant: {BAD}"}
MESSAGES = [
    {"role": "user", "content": "Hi!"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "How do I wash wool?"},
]


def said(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


FORMS: dict[str, dict[str, Any]] = {
    "hh-rlhf": HH,
    "prompt and texts": {"prompt": f"{TURNS}\n\nAssistant:", "chosen": f" {GOOD}", "rejected": f" {BAD}"},
    "prompt repeated": {"prompt": f"{TURNS}\n\nAssistant:", **HH},
    "messages": {"chosen": [*MESSAGES, said(GOOD)], "rejected": [*MESSAGES, said(BAD)]},
    "prompt and messages": {"prompt": MESSAGES, "chosen": [said(GOOD)], "rejected": [said(BAD)]},
    "prompt as text beside whole conversations": {
        "prompt": "How do I wash wool?",
        "chosen": [*MESSAGES, said(GOOD)],
        "rejected": [*MESSAGES, said(BAD)],
        "messages": [*MESSAGES, said(GOOD)],
        "score_chosen": 8.0,
    },
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_asks_the_same(name: str) -> None:
    found = format_of(FORMS[name])
    assert found is not None and found.name == "preference"
    question = read_one("preference", FORMS[name])
    assert question.prompt == f"{TURNS}\n\nAssistant:"
    assert question.answers == (f" {GOOD}", f" {BAD}") and question.is_matching == (True, False)
    assert question.cluster == read_one("preference", HH).cluster
    assert question.meta.get("messages") == (MESSAGES if "messages" in name or "beside" in name else None)


def test_a_prompt_as_text_is_what_a_user_says() -> None:
    row = {"prompt": "How do I wash wool?", "chosen": [said(GOOD)], "rejected": [said(BAD)]}
    assert read_one("preference", row).prompt == "\n\nHuman: How do I wash wool?\n\nAssistant:"
    system = {"role": "system", "content": "Be kind."}
    row = {"chosen": [system, *MESSAGES, said(GOOD)], "rejected": [system, *MESSAGES, said(BAD)]}
    assert read_one("preference", row).prompt == f"Be kind.{TURNS}\n\nAssistant:"


def test_conversations_that_part_early_part_at_the_last_turn_that_they_share() -> None:
    chosen = f"{TURNS}\n\nAssistant: In water.\n\nHuman: Warm?\n\nAssistant: Cold."
    rejected = f"{TURNS}\n\nAssistant: In fire.\n\nHuman: Warm?\n\nAssistant: Cold."
    question = read_one("preference", {"chosen": chosen, "rejected": rejected})
    assert question.prompt == f"{TURNS}\n\nAssistant:"
    assert question.answers[1] == " In fire.\n\nHuman: Warm?\n\nAssistant: Cold."


def test_texts_without_turns_part_at_a_word_and_may_share_nothing() -> None:
    question = read_one("preference", {"chosen": "The sky is blue.", "rejected": "The sky is blunt."})
    assert (question.prompt, question.answers) == ("The sky is", (" blue.", " blunt."))
    first, second = (
        read_one("preference", {"chosen": "Yes, it is.", "rejected": rejected}) for rejected in ("No, it isn't.", "No.")
    )
    assert (first.prompt, first.answers) == ("", ("Yes, it is.", "No, it isn't."))
    assert first.cluster != second.cluster


texts = st.text(st.sampled_from("ab \n:"), min_size=1, max_size=8).map(lambda text: f"{text}x")


@given(turns=st.lists(texts, max_size=3), chosen=texts, rejected=texts.map(lambda text: f"{text}y"))
def test_prompt_and_answers_make_up_the_texts(turns: list[str], chosen: str, rejected: str) -> None:
    before = "".join(f"\n\nHuman: {turn}\n\nAssistant: {turn}" for turn in turns)
    row = {"chosen": f"{before}{chosen}", "rejected": f"{before}{rejected}"}
    question = read_one("preference", row)
    assert [question.prompt + answer for answer in question.answers] == list(row.values())


def test_a_file_of_both_kinds_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in FORMS.values()))
    loaded = load_questions(path)
    assert [question.prompt for question in loaded] == [f"{TURNS}\n\nAssistant:"] * len(FORMS)
    path.write_text(json.dumps({"chosen": "Yes, it is.", "rejected": "No."}))
    assert load_questions(path)[0].prompt == ""


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**HH, "rejected": HH["chosen"]}, "'chosen' and 'rejected' are the same"),
        ({**HH, "rejected": f"{TURNS}\n\nAssistant:"}, "'rejected' holds no text after what both have in common"),
        ({**HH, "rejected": None}, "'rejected' must be str or list, found NoneType"),
        ({**HH, "rejected": [said(BAD)]}, "must both be texts or both be lists of messages"),
        ({**HH, "prompt": " "}, "'prompt' is empty: leave it out"),
        ({**HH, "question": "Why?"}, "the row has 'question' beside .* but no 'prompt': rename it so"),
        ({"chosen": [said(GOOD)], "rejected": [said(BAD)]}, "there is nothing to answer: give 'prompt'"),
        ({**FORMS["messages"], "rejected": MESSAGES}, "'rejected' must end in one message .* found none"),
        ({**FORMS["messages"], "rejected": [*MESSAGES, said(" ")]}, "'rejected' must end in one message .* with some"),
        (
            {**FORMS["messages"], "chosen": [*MESSAGES, {"role": "user", "content": "x"}]},
            "'chosen' must end in one message of the assistant's .* found user",
        ),
        (
            {**FORMS["messages"], "chosen": [{"role": "tool", "content": "x"}]},
            "'chosen': the role 'tool' is unknown: give one of system, user",
        ),
        (
            {**FORMS["messages"], "chosen": [{"from": "user", "value": "x"}]},
            r"'chosen' must be a list of messages \{role, content\}, both text",
        ),
    ],
)
def test_a_malformed_row_is_one_error(row: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("preference", row)
