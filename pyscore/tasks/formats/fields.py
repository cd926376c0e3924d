"""What readers of formats share: lists written as text, right answers named in several ways, keys of content."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import tokenize
from collections.abc import Mapping
from io import StringIO
from itertools import pairwise
from string import ascii_uppercase
from typing import Any

from pyscore.tasks.choices import find_choices
from pyscore.tasks.reading import required

__all__ = ["choices_by_letter", "content_key", "listed_in", "plain", "structure_in", "text_in", "texts_in"]

_INTRODUCTION = re.compile(r".{0,40}\bmy name is\b", re.IGNORECASE)
_BEGINNING = 40 + len("my name is")
_HEADING = re.compile(r"\n\s*Choices:\s*\Z")
_SIDE_BY_SIDE = re.compile(r"['\"]\s+['\"]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def content_key(prompt: str) -> str:
    """A short key that questions share when they ask the same thing.

    Case, spacing and the order of lettered options are set aside. Where a speaker says "my name is" before a question
    with lettered options (the sycophancy sets) the key is that of the claim: the option texts, and the last
    sentence before them where the options are too short to tell what is asked ("A lot", "Not at all").
    """
    choices = find_choices(prompt) if "(A)" in prompt else None  # most prompts list nothing
    if choices is None:
        return _digest([plain(prompt)])
    options = sorted([plain(text) for text in choices.texts])
    if not _introduces(prompt):
        return _digest([plain(choices.stem), *options])
    if max(len(option.split()) for option in options) <= 4:
        stem = _HEADING.sub("", choices.stem).strip()
        return _digest([plain(_SENTENCE_END.split(stem)[-1]), *options])
    return _digest(options)


def _introduces(prompt: str) -> bool:
    beginning = prompt[:_BEGINNING]
    # The expression also takes letters that are no ASCII for some that are, such as the long s.
    if beginning.isascii() and "my name is" not in beginning.lower():
        return False
    return _INTRODUCTION.match(prompt) is not None


def listed_in(text: str) -> list[str]:
    """The strings of a list written as text, "[' (A)', ' (B)']"; empty if the text is anything else.

    NumPy leaves the commas out, and so do tables of its arrays that pandas writes as CSV: "[' (A)' ' (B)']".

    Raises:
        ValueError: there are commas between some strings, and none between others.
    """
    value = _written(text) if text.startswith("[") and text.endswith("]") else None
    if not isinstance(value, list) or not all(isinstance(answer, str) for answer in value):
        return []
    return value


def structure_in(values: Mapping[str, Any], key: str) -> Any:
    """The list or dict that a key must hold, as it is or written as text, as Python or JSON write it.

    Raises:
        ValueError: it is missing or something else.
    """
    given = required(values, key, (list, dict, str))
    found = _written(given.strip()) if isinstance(given, str) else given
    if not isinstance(found, list | dict):
        raise ValueError(f"{key!r} must be a list or an object, or a string that holds one, found {given!r:.60}")
    return found


def _written(text: str) -> Any:
    """What a text writes down as JSON or, failing that, as Python; None if it is neither."""
    for read in (json.loads, ast.literal_eval):  # Python reads JSON's "\ud83d\ude00" as two characters, not one
        try:
            found = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        return _of_numpy(text) if read is ast.literal_eval and _SIDE_BY_SIDE.search(text) else found
    return None


def _of_numpy(text: str) -> Any:
    """What a text writes down, where strings side by side, which Python would join, are those of an array of NumPy.

    Raises:
        ValueError: some have commas between them as well.
    """
    kinds = (tokenize.OP, tokenize.STRING)
    tokens = [each for each in tokenize.generate_tokens(StringIO(text).readline) if each.type in kinds]
    strings = [each.string for each in tokens if each.type == tokenize.STRING]
    joined = any(a.type == b.type == tokenize.STRING for a, b in pairwise(tokens))
    if not joined:
        return ast.literal_eval(text)
    if len(strings) + 2 != len(tokens):
        raise ValueError(f"strings stand side by side without a comma in {text!r:.60}: put one between each two")
    return [ast.literal_eval(each) for each in strings]


def texts_in(values: Mapping[str, Any], key: str) -> list[str]:
    """The strings that a key must hold as a list, or as one written as text.

    Raises:
        ValueError: it is missing or something else.
    """
    given = required(values, key, (list, str))
    found = listed_in(given) if isinstance(given, str) else given
    if not found or not all(isinstance(text, str) for text in found):
        raise ValueError(f"{key!r} must be a list of strings, or a string that holds one, found {given!r:.60}")
    return list(found)


def choices_by_letter(values: Mapping[str, Any], key: str) -> list[str]:
    """The texts of choices that a key must hold by their letters, {"A": "...", "B": "..."}, in the order of these.

    Raises:
        ValueError: it is missing or something else; the letters have a gap.
    """
    given = required(values, key, dict)
    letters = list(ascii_uppercase[: len(given)])
    if sorted(given) != letters or not all(isinstance(text, str) for text in given.values()):
        raise ValueError(f"{key!r} must give each letter from A on, without a gap, a text; found {given!r:.60}")
    return [given[letter] for letter in letters]


def text_in(values: Mapping[str, Any], key: str) -> str | None:
    """The text of a key that may be missing, null or blank: None then."""
    value = values.get(key)
    return value if isinstance(value, str) and value.strip() else None


def plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _digest(plain_texts: list[str]) -> str:
    return hashlib.sha256("\0".join(plain_texts).encode()).hexdigest()[:16]
