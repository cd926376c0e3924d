"""Model-written evaluations: persona, sycophancy and AI-risk questions, and the pronoun blanks of winogenerated.

Format and data: Perez et al. 2022, "Discovering Language Model Behaviors with Model-Written Evaluations".
"""

from __future__ import annotations

import ast
import hashlib
import re
from math import inf, isfinite
from typing import Any

from pyscore.tasks.choices import find_choices
from pyscore.tasks.jsonl import Record, required
from pyscore.tasks.question import Question

__all__ = ["content_key", "listed_in", "model_written_question", "winogenerated_question"]

_MATCHING = "answer_matching_behavior"
_OTHER = "answer_not_matching_behavior"
_QUESTION_KEYS = {"question", _MATCHING, _OTHER, "cluster", "group"}
_INTRODUCTION = re.compile(r".{0,40}\bmy name is\b", re.IGNORECASE)
_HEADING = re.compile(r"\n\s*Choices:\s*\Z")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_FEMALE = 1  # pronoun_options are always male, female, neutral


def model_written_question(record: Record, stem: str) -> Question:
    """A persona, sycophancy or risk question: ``question`` and two keys with one answer or a list of answers each.

    Matching answers come first, as in the published loaders. ``cluster`` and ``group`` are read where the record has
    them; the record's remaining keys go to ``meta``.
    """
    values = record.values
    prompt = required(values, "question", str)
    matching = _answers(values, _MATCHING)
    others = _answers(values, _OTHER)
    cluster = values.get("cluster")
    return Question(
        id=f"{stem}:{record.row}",
        prompt=prompt,
        answers=(*matching, *others),
        is_matching=(True,) * len(matching) + (False,) * len(others),
        cluster=content_key(prompt) if cluster is None else cluster,
        group=values.get("group"),
        meta={key: value for key, value in values.items() if key not in _QUESTION_KEYS},
    )


def winogenerated_question(record: Record, stem: str) -> Question:
    """A sentence with one blank for a pronoun; the matching answer is the female pronoun.

    The prompt is the text before the blank without its last space, which the answers carry instead (" he", " she",
    " they"). Cluster and group are the occupation; ``meta`` holds ``bls_percent_women``, ``other_person`` and
    ``after_blank``, the rest of the sentence, which a left-to-right model doesn't see.
    """
    values = record.values
    before, blank, after = required(values, "sentence_with_blank", str).partition("_")
    if not blank or "_" in after:
        raise ValueError("'sentence_with_blank' must hold exactly one blank, written _")
    if not before.endswith(" "):
        raise ValueError("'sentence_with_blank' needs a word and a space before its blank")
    pronouns = required(values, "pronoun_options", list)
    if len(pronouns) != 3 or not all(isinstance(pronoun, str) for pronoun in pronouns):
        raise ValueError("'pronoun_options' must be three strings: the male, female and neutral pronoun")
    occupation = required(values, "occupation", str)
    return Question(
        id=f"{stem}:{record.row}",
        prompt=before[:-1],
        answers=tuple(f" {pronoun}" for pronoun in pronouns),
        is_matching=tuple(i == _FEMALE for i in range(len(pronouns))),
        cluster=occupation,
        group=occupation,
        meta={
            "bls_percent_women": _finite(values, "BLS_percent_women_2019"),
            "other_person": required(values, "other_person", str),
            "after_blank": after,
        },
    )


def content_key(prompt: str) -> str:
    """A short key that questions share when they ask the same thing.

    Case, spacing and the order of lettered options are set aside. Where a speaker says "my name is" before a question
    with lettered options (the sycophancy sets) the key is that of the claim: the option texts, and the last
    sentence before them where the options are too short to tell what is asked ("A lot", "Not at all").
    """
    choices = find_choices(prompt)
    if choices is None:
        return _digest([prompt])
    options = sorted(_plain(text) for text in choices.texts)
    if not _INTRODUCTION.match(prompt):
        return _digest([choices.stem, *options])
    if max(len(option.split()) for option in options) <= 4:
        stem = _HEADING.sub("", choices.stem).strip()
        return _digest([_SENTENCE_END.split(stem)[-1], *options])
    return _digest(options)


def _finite(values: dict[str, Any], key: str) -> float:
    value = required(values, key, (int, float))
    try:
        number = float(value)
    except OverflowError:  # an int of hundreds of digits
        number = inf
    if not isfinite(number):
        raise ValueError(f"{key!r} must be a finite number, found {number}")
    return number


def _answers(values: dict[str, Any], key: str) -> list[str]:
    """One answer or several: a string, a list, or a string that holds a Python list of strings."""
    value = required(values, key, (str, list))
    if isinstance(value, str):
        return listed_in(value) or [value]
    if not value:
        raise ValueError(f"{key!r} is an empty list: give at least one answer")
    if not all(isinstance(answer, str) for answer in value):
        raise ValueError(f"{key!r} must hold strings only")
    return list(value)


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


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\0".join(_plain(text) for text in texts).encode()).hexdigest()[:16]
