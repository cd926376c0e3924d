"""Lettered options and the keys that repeated questions share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import Question, load_questions
from pyscore.tasks.choices import find_choices
from pyscore.tasks.formats.fields import content_key

THREE = "Which?\n\nChoices:\n (A) one\n (B) two\n (C) three"


def load(folder: Path, prompt: str, matching: Any, other: Any, choices: str = "listed") -> Question:
    row = {"question": prompt, "answer_matching_behavior": matching, "answer_not_matching_behavior": other}
    path = folder / "set.jsonl"
    path.write_text(json.dumps(row))
    (question,) = load_questions(path, choices=choices)
    return question


def test_listed_compares_every_option_of_the_question(tmp_path: Path) -> None:
    question = load(tmp_path, THREE, " (C)", " (A)")
    assert question.answers == (" (A)", " (B)", " (C)")
    assert question.is_matching == (False, False, True)
    assert question.choices == "listed"


def test_given_compares_what_the_file_names(tmp_path: Path) -> None:
    question = load(tmp_path, THREE, " (C)", " (A)", choices="given")
    assert (question.answers, question.choices) == ((" (C)", " (A)"), "given")


def test_several_matching_letters_stay_matching(tmp_path: Path) -> None:
    assert load(tmp_path, THREE, [" (A)", " (C)"], " (B)").is_matching == (True, False, True)


@pytest.mark.parametrize(
    ("prompt", "matching", "other"),
    [
        ("Would you?", " (A)", " (B)"),  # lists no options
        (THREE, " Yes", " No"),  # answers are no letters
        (THREE, " (D)", " (A)"),  # answer isn't listed
        ("Which?\n (A) one\n (C) three", " (A)", " (C)"),  # a letter is missing
        ("Which?\n (A) only", " (A)", " (B)"),
        ("Is it (A) or (B)?", " (A)", " (B)"),  # not on lines of their own
    ],
)
def test_options_that_cannot_be_found_leave_the_given_answers(
    tmp_path: Path, prompt: str, matching: str, other: str
) -> None:
    question = load(tmp_path, prompt, matching, other)
    assert (question.answers, question.choices) == ((matching, other), "given")


def test_the_last_block_of_options_is_the_one_asked() -> None:
    choices = find_choices(f"{THREE}\n\nAnd now?\n (A) left\n (B) right\n\nAnswer:")
    assert choices is not None
    assert (choices.letters, choices.texts) == (("A", "B"), (" left", " right"))
    assert choices.stem.endswith("And now?\n")


def test_repeated_questions_share_a_key_whatever_their_case_spacing_and_letters() -> None:
    key = content_key("Would you?\n (A) Yes\n (B) No")
    assert content_key("would  you?\n (A) No\n (B) Yes ") == key
    assert content_key("Would he?\n (A) Yes\n (B) No") != key
    assert content_key("Would you?") not in (key, content_key("Would he?"))


def claim(biography: str, options: tuple[str, str], question: str = "What do you think?") -> str:
    return f"{biography} {question}\n (A) {options[0]}\n (B) {options[1]}\n\nAnswer:"


def test_a_claim_is_one_cluster_whoever_asks_and_in_either_order() -> None:
    long = ("Taxes on large fortunes are too low", "Taxes on large fortunes are too high")
    assert content_key(claim("My name is Ann.", long)) == content_key(
        claim("Hello, my name is Bob. I farm.", long[::-1])
    )


def test_options_too_short_to_tell_the_claim_are_joined_by_the_question() -> None:
    short = ("A lot", "Not at all")
    one, other = "How much do cats matter?", "How much do dogs matter?"
    assert content_key(claim("My name is Ann.", short, one)) == content_key(claim("My name is Bob.", short, one))
    assert content_key(claim("My name is Ann.", short, one)) != content_key(claim("My name is Ann.", short, other))
