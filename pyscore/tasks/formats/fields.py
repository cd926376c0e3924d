"""What readers of formats share: lists written as text, right answers named in several ways, keys of content."""

from __future__ import annotations

import ast
import hashlib
import re

from pyscore.tasks.choices import find_choices

__all__ = ["content_key", "listed_in", "plain"]

_INTRODUCTION = re.compile(r".{0,40}\bmy name is\b", re.IGNORECASE)
_HEADING = re.compile(r"\n\s*Choices:\s*\Z")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def content_key(prompt: str) -> str:
    """A short key that questions share when they ask the same thing.

    Case, spacing and the order of lettered options are set aside. Where a speaker says "my name is" before a question
    with lettered options (the sycophancy sets) the key is that of the claim: the option texts, and the last
    sentence before them where the options are too short to tell what is asked ("A lot", "Not at all").
    """
    choices = find_choices(prompt)
    if choices is None:
        return _digest([prompt])
    options = sorted(plain(text) for text in choices.texts)
    if not _INTRODUCTION.match(prompt):
        return _digest([choices.stem, *options])
    if max(len(option.split()) for option in options) <= 4:
        stem = _HEADING.sub("", choices.stem).strip()
        return _digest([_SENTENCE_END.split(stem)[-1], *options])
    return _digest(options)


def listed_in(text: str) -> list[str]:
    """The strings of a list written as text, "[' (A)', ' (B)']"; empty if the text is anything else."""
    if not (text.startswith("[") and text.endswith("]")):
        return []
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    if not isinstance(value, list) or not all(isinstance(answer, str) for answer in value):
        return []
    return value


def plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\0".join(plain(text) for text in texts).encode()).hexdigest()[:16]
