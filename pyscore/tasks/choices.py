"""Lettered choices, " (A) …" lines: which options a question lists, and comparing all of them."""

from __future__ import annotations

import re
from dataclasses import replace
from string import ascii_uppercase
from typing import NamedTuple

from pyscore.tasks.question import Question

__all__ = ["Choices", "find_choices", "with_listed_choices"]

_OPTION = re.compile(r"^[ \t]*\(([A-Z])\)([^\n]*)", re.MULTILINE)
_FIRST = re.compile(r"[ \t]*\(A\)")
_ANSWER = re.compile(r"(\s*)\(([A-Z])\)(\s*)")


class Choices(NamedTuple):
    """The last block of lettered options in a text, in order, and the text before it."""

    stem: str
    letters: tuple[str, ...]
    texts: tuple[str, ...]


def find_choices(prompt: str) -> Choices | None:
    """The options that a question lists as "(A) …", "(B) …" on lines of their own, or None if there are fewer than two.

    Some written sets hold several questions in one prompt, each with its options: the last block, from the last
    "(A)" on, is the one that is asked. Letters must run without a gap.
    """
    at = prompt.rfind("(A)")
    while at >= 0:
        start = prompt.rfind("\n", 0, at) + 1
        if _FIRST.match(prompt, start):
            break
        at = prompt.rfind("(A)", 0, start)
    else:
        return None
    letters, texts = zip(*_OPTION.findall(prompt, start), strict=True)
    if len(letters) < 2 or not ascii_uppercase.startswith("".join(letters)):
        return None
    return Choices(prompt[:start], letters, texts)


def with_listed_choices(question: Question) -> Question:
    """The same question comparing every option that its text lists; ``choices`` says "listed".

    The matching answers stay; all other listed options become the others, written like the given answers, in the
    order of their letters. A question without lettered options, or whose given answers aren't among them, keeps its
    given answers and stays "given".
    """
    choices = find_choices(question.prompt)
    given = [_ANSWER.fullmatch(answer) for answer in question.answers]
    if choices is None or any(match is None or match[2] not in choices.letters for match in given):
        return question
    written = [match for match in given if match is not None]
    matching = {m[2] for m, is_matching in zip(written, question.is_matching, strict=True) if is_matching}
    if matching == set(choices.letters):
        return question
    before, after = written[0][1], written[0][3]
    return replace(
        question,
        answers=tuple(f"{before}({letter}){after}" for letter in choices.letters),
        is_matching=tuple(letter in matching for letter in choices.letters),
        choices="listed",
    )
