"""Any row with a question, choices and the right one among them, by the names that such columns mostly have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import takewhile
from string import ascii_uppercase
from typing import Any, NamedTuple

from pyscore.tasks.formats.choice import choice_question, kind_of, right_choice
from pyscore.tasks.formats.fields import content_key, structure_in, text_in
from pyscore.tasks.formats.format import Format, Reading
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record, required, whole

__all__ = ["FORMATS", "refuse_without_answers"]

_QUESTIONS = ("question", "query", "input", "stem", "prompt")
_CHOICES = ("choices", "options", "endings", "answers")
_INDICES = ("answer_index", "answer_idx", "correct_index", "gold_index")
_RIGHT = (*_INDICES, "answerKey", "answer", "target", "label", "gold", "correct", "correct_answer")
_CONTEXTS = ("context", "passage", "article", "support", "hint")
_GROUPS = ("subject", "category")
_COLUMNS = tuple(
    tuple(f"{name}{mark}" for mark in marks)
    for names, marks in (
        (("option_", "choice_", "option", "choice"), "abcdefghij"),
        (("option_", "choice_", "option", "choice"), "ABCDEFGHIJ"),
        (("option", "choice", "answer"), "0123456789"),
    )
    for name in names
)
"""Names of columns with a choice each: "option_a", "option_b", ...

Numbers from 1 are left out, since "1" would name one choice by its column and another by its index.
"""


class _Keys(NamedTuple):
    """The keys of a row's parts; of ``choices`` one that holds all of them, or one for each."""

    question: str
    choices: tuple[str, ...]
    right: str
    context: str | None


def _keys(values: Mapping[str, Any]) -> _Keys | None:
    """The keys of a row's parts, of several names each the first one that is there; None: a part is missing."""
    question, listed, right, context = (
        next((key for key in names if key in values), None) for names in (_QUESTIONS, _CHOICES, _RIGHT, _CONTEXTS)
    )
    choices = (listed,) if listed is not None else _columns(values)
    if question is None or not choices or right is None:
        return None
    return _Keys(question, choices, right, context)


def _columns(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of columns with a choice each, two at least; none if there are no such."""
    runs = (tuple(takewhile(values.__contains__, names)) for names in _COLUMNS)
    return next((run for run in runs if len(run) > 1), ())


def _multiple_choice(record: Record, reading: Reading) -> Question:
    """A question, after the text that it is about where there is one, and one or several right choices."""
    values = record.values
    keys = _keys(values)
    if keys is None:
        raise ValueError(
            f"a question ({' or '.join(_QUESTIONS)}), choices ({' or '.join(_CHOICES)}) and the right one "
            f"({' or '.join(_RIGHT)}) are needed (keys found: {', '.join(map(repr, values)) or 'none'})"
        )
    seen = [key for key in values if key.startswith("image") and values[key]]
    if seen:
        raise ValueError(f"{seen[0]!r} holds an image, which the question is about and which can't be read")
    _check_choices(values, keys)
    choices, labels = _choices(values, keys.choices[0]) if len(keys.choices) == 1 else _in_columns(values, keys.choices)
    stem = _question(values, keys.question)
    context = text_in(values, keys.context) if keys.context else None
    metadata = values.get("metadata")
    places = [values, metadata if isinstance(metadata, Mapping) else {}]
    goes_on = keys.choices == ("endings",)
    custom = "text" if goes_on else "letter"
    right = _right(values, keys.right, choices, labels)
    return choice_question(
        record,
        reading,
        stem=stem if context is None else f"{context}\n\n{stem}",
        choices=_without_marks(choices) if kind_of(reading, custom) == "letter" else choices,
        right=right,
        custom=custom,
        by_text="{stem}" if goes_on else "Question: {stem}\nAnswer:",
        used=[keys.question, *keys.choices, keys.right, *([keys.context] if keys.context else [])],
        cluster=content_key("\n".join([stem, *sorted(choices)]) if context is None else context),
        group=next((found for place in places for key in _GROUPS if (found := text_in(place, key))), None),
    )


def _without_marks(choices: list[str]) -> list[str]:
    """Choices without letters of their own, "A. x" or "(A) x", where each begins with its letter: the list adds it."""
    found = [
        re.match(rf"(?:{letter}[.):]|\({letter}\))\s+(?=\S)", choice)
        for letter, choice in zip(ascii_uppercase, choices, strict=False)
    ]
    if len(found) < len(choices) or not all(found):
        return choices
    return [choice[mark.end() :] for mark, choice in zip(found, choices, strict=True) if mark]


def _check_choices(values: Mapping[str, Any], keys: _Keys) -> None:
    """Raise ValueError where "answers" may be spellings of the one "answer", all of them right."""
    answer, answers = values[keys.right], values[keys.choices[0]]
    if (*keys.choices, keys.right) == ("answers", "answer") and isinstance(answers, list) and answer in answers:
        raise ValueError(
            f"'answers' holds {answer!r:.60}, the text of 'answer': they may be choices, or spellings of one right "
            f"answer. If they are choices, say so: columns={{'prompt': {keys.question!r}, 'answers': 'answers', "
            "'matching': 'answer'}, answers='letter'"
        )


def _question(values: Mapping[str, Any], key: str) -> str:
    """The text of a question; a list of chat messages must be one of a user."""
    given = required(values, key, (str, list))
    if isinstance(given, str):
        return given.strip()
    roles = [message.get("role") if isinstance(message, Mapping) else None for message in given]
    if roles != ["user"] or not isinstance(given[0].get("content"), str):
        told = ", ".join(map(str, roles)) or "none"
        raise ValueError(
            f"{key!r} is a list of messages ({told}): one message of a user, with text, can be read. A system message "
            "belongs in the template, ChatTemplate(system=...)"
        )
    content: str = given[0]["content"]
    return content.strip()


def _choices(values: Mapping[str, Any], key: str) -> tuple[list[str], list[str] | None]:
    """The texts, and the labels of {"A": "...", ...}, {"text": [...], "label": [...]} and [{"text", "label"}, ...]."""
    given = structure_in(values, key)
    labels: list[Any] | None = None
    if isinstance(given, dict) and given.keys() == {"text", "label"}:
        texts, labels = given["text"], given["label"]
    elif isinstance(given, dict):  # a choice that other rows alone have is null
        there = {label: text for label, text in given.items() if text is not None}
        texts, labels = list(there.values()), list(there)
    elif given and all(isinstance(one, Mapping) and {"text", "label"} <= one.keys() for one in given):
        texts, labels = [one["text"] for one in given], [one["label"] for one in given]
    else:
        texts = given
    for each in (texts, labels):
        if each is not None and not (isinstance(each, list) and all(isinstance(one, str) for one in each)):
            raise ValueError(f"{key!r} must hold the choices' texts, in a list or by their labels, found {given!r:.60}")
    if labels is not None and len(labels) != len(texts):
        raise ValueError(f"{key!r} has {len(texts)} texts and {len(labels)} labels")
    return texts, labels


def _in_columns(values: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[list[str], None]:
    """The texts in columns of their own; the last ones may be empty, where other rows have more choices."""
    texts = [required(values, key, str) if values[key] is not None else "" for key in keys]
    while texts and not texts[-1].strip():
        texts.pop()
    return texts, None


def _right(values: Mapping[str, Any], key: str, choices: list[str], labels: list[str] | None) -> list[int]:
    value = whole(values[key])
    if value is None or value in ("", -1, []):
        raise ValueError(f"{key!r} is {value!r}, so that no choice is right: load a split that has answers")
    named = [whole(one) for one in value] if isinstance(value, list) else [value]
    texts = choices
    if key in _INDICES:  # a digit is no choice's text there, nor a label if it is a number
        choices = [""] * len(choices)
    numbered = labels is not None and all(label.strip().isdecimal() for label in labels)
    if numbered and key in _INDICES and labels != [str(i) for i in range(len(texts))]:
        raise ValueError(
            f"{key!r} is {value!r}, and the choices have numbers of their own, {', '.join(labels or ())}: it may count "
            "from 0 or be one of these, so say which is right by is_matching or a text, with columns="
        )
    by_label = [labels if numbered or not isinstance(one, int) else None for one in named]
    right = [right_choice(one, choices, key, labels=own) for one, own in zip(named, by_label, strict=True)]
    _check_agreement(values, key, texts, right)
    return right


def _check_agreement(values: Mapping[str, Any], key: str, texts: list[str], right: list[int]) -> None:
    """Raise ValueError where another key names a choice, by its text or letter, that isn't right by this key.

    An index that is counted from 1 is told so, where a row has the text or the letter as well.
    """
    letters = list(ascii_uppercase[: len(texts)])
    for other in _RIGHT:
        name = values.get(other)
        if other == key or not isinstance(name, str) or not name.strip():
            continue
        named = {i for known in (texts, letters) for i, each in enumerate(known) if each.strip() == name.strip()}
        if named and not named & set(right):
            raise ValueError(
                f"{other!r} is {name!r:.60}, but {key!r} is {values[key]!r:.60}: they must name the same choice. "
                f"If one of them says which is right, and an index counts from 0, name it with columns="
            )


def _fits(values: Mapping[str, Any]) -> bool:
    keys = _keys(values)
    return keys is not None and all(isinstance(values[key], list | dict | str | None) for key in keys.choices)


def refuse_without_answers(values: Mapping[str, Any]) -> None:
    """ValueError for a row that has a question and nothing else, as sets have that are for generation."""
    keys = values.keys() - {"id"}
    if keys and keys <= set(_QUESTIONS):
        raise ValueError(
            f"the row has a question ({', '.join(map(repr, sorted(keys)))}) and no answers: it is open-ended, for "
            "generation. pyscore compares answers that a row lists: load the set that has them"
        )


FORMATS = (
    Format(
        "multiple-choice",
        data="any set with a question, choices and the right one; samples of Inspect; MedQA's and MMLU's many kin",
        keys=tuple(frozenset({key}) for key in (*_CHOICES, *(names[0] for names in _COLUMNS))),
        fits=_fits,
        read=_multiple_choice,
        example={
            "id": "pan-1",
            "input": "Which of these is a kitchen tool?",
            "choices": ["cloud", "whisk", "sonnet"],
            "target": "B",
            "metadata": {"category": "household"},
        },
        asks=f"the question ({', '.join(f'`{key}`' for key in _QUESTIONS)}; a `context` before it) with its choices "
        f"({', '.join(f'`{key}`' for key in _CHOICES)}: a list, or texts by label; or `option_a`, `option_b`, ...), "
        "then a letter, after `endings` a text; the right one is named by its letter, index from 0, label or text, or "
        "several in a list; cluster: the `context`; group: `subject` or `category`",
        several_right=True,
    ),
)
