"""What rows of an unknown file seem to be: their kind, their keys, and which columns may be which fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pyscore.tasks.columns import question_by_columns
from pyscore.tasks.formats.format import Reading
from pyscore.tasks.nested import names_in, numbered, value_at
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record

__all__ = ["FREE", "LABELS", "Guess", "guessed_columns", "keys_with_types", "kind_of_rows", "prompt_key"]

Row = Mapping[str, Any]

_PROMPTS = ("prompt", "question", "query", "stem", "problem", "input", "sentence", "context", "ctx", "premise", "text")
_ANSWERS = ("answers", "choices", "options", "endings", "candidates", "alternatives", "classes", "targets", "responses")
_NUMBERED = ("choice", "option", "answer", "ending", "op", "opt", "sol", "alternative", "")
_RIGHT = (
    *("answerkey", "answer", "label", "gold", "correct", "target", "key", "right", "solution", "correct_answer"),
    *("answer_index", "answer_idx", "correct_option", "correct_choice", "correct_index", "gold_label", "best_answer"),
)
FREE = ("answer", "answers", "response", "output", "completion", "target", "solution", "reply", "final_answer")
"""Keys, in small letters, that an answer in free text stands under."""
_MESSAGES = ("messages", "conversations", "conversation", "chat", "dialog", "dialogue", "turns")
LABELS = frozenset({"label", "labels", "target", "class", "gold", "gold_label", "category"})
"""Keys, in small letters, that numbers of classes stand under."""
_MOST_KEYS = 16


class Guess(NamedTuple):
    """Columns that may be the fields of a question; "..." stands for one that isn't told.

    Attributes:
        columns: as `pyscore.load_questions` takes them.
        caution: what to look at, where all rows looked at become questions by them; None where they don't.
        spaced: whether a space is between a prompt and an answer, as they stand.
    """

    columns: dict[str, Any]
    caution: str | None
    spaced: bool


def keys_with_types(rows: Sequence[Row]) -> str:
    """The keys of rows with what they hold, "'stem' (text), 'options' (list of 4 texts)"."""
    told = []
    keys = list(dict.fromkeys(key for row in rows for key in row))
    for key in keys[:_MOST_KEYS]:
        kinds = list(dict.fromkeys(_type(row[key]) for row in rows if key in row))
        absent = sum(key not in row for row in rows)
        more = f", not in {absent} of them" if absent else ""
        told.append(f"{key!r} ({' or '.join(kinds[:3])}{more})")
    return ", ".join(told) + (f" and {len(keys) - _MOST_KEYS} more" if len(keys) > _MOST_KEYS else "")


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        if not value:
            return "empty list"
        inner = _type(value[0])
        return f"list of {len(value)} {inner}s" if inner in ("text", "number") else f"list of {len(value)}: {inner}"
    if isinstance(value, Mapping):
        return f"mapping of {', '.join(map(repr, list(value)[:4]))}{', ...' if len(value) > 4 else ''}"
    return type(value).__name__


def kind_of_rows(rows: Sequence[Row]) -> str | None:
    """What rows hold in which there is nothing to choose from; None: they may hold choices.

    One of "chat", "instructions", "pairs", "free answers", "labelled" and "text".
    """
    row = rows[0]
    lower = {str(key).lower(): value for key, value in row.items()}
    if any(_is_chat(lower.get(key)) for key in _MESSAGES):
        return "chat"
    texts = {key for key, value in lower.items() if isinstance(value, str)}
    if {"chosen", "rejected"} <= lower.keys():
        return "pairs"
    if _lists_choices(row):
        return None
    if "instruction" in texts and texts & {"output", "response", "completion"}:
        return "instructions"
    if prompt_key(row) is not None and texts & {*FREE} - {str(prompt_key(row)).lower()}:
        return "free answers"
    numbers = {key for key, value in lower.items() if isinstance(value, int)}
    if len(texts) == 1 and numbers & LABELS:
        return "labelled"
    return "text" if texts and not texts & {*_RIGHT} and _only_text(row) else None


def _is_chat(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping) and len(value[0]) >= 2


def _lists_choices(row: Row) -> bool:
    return _answers_in(row) is not None


def _only_text(row: Row) -> bool:
    """Whether one text is all that there is to read, beside labels, numbers and short words."""
    long = [value for value in row.values() if isinstance(value, str) and len(value.split()) > 8]
    return len(row) == 1 or len(long) == 1


def prompt_key(row: Row) -> str | None:
    """The key that most likely holds what is asked."""
    names = {name.lower(): name for name in reversed(names_in(row))}
    last = {name.lower().rpartition(".")[2]: name for name in reversed(names_in(row))}
    for found in (names, last):
        for wanted in _PROMPTS:
            if wanted in found and isinstance(_at(row, found[wanted]), str):
                return found[wanted]
    texts = ((name, _at(row, name)) for name in names_in(row))
    return next((name for name, text in texts if isinstance(text, str) and text.strip().endswith("?")), None)


def _at(row: Row, name: str) -> Any:
    try:
        return value_at(row, name)
    except ValueError:  # of mappings in a list, not all have a key of the first one
        return None


def guessed_columns(rows: Sequence[Row]) -> Guess:
    """The columns that most likely are the fields of a question, tried on these rows."""
    row = rows[0]
    prompt, answers = prompt_key(row), _answers_in(row)
    names = _right_names(row, prompt, answers)
    found: dict[str, Any] = {"prompt": prompt or "...", "answers": answers or "..."}
    for name in names if prompt and answers else ():
        by_number = _stem_of(row, answers) if _counts(rows, name) else None
        tried = [{**found, "answers": each, "matching": name} for each in (by_number, answers) if each]
        fitting = [(columns, first) for columns in tried if (first := _first_by(rows, columns)) is not None]
        if not fitting:
            continue
        columns, question = fitting[0]
        spaced = question.prompt[-1:].isspace() or question.answers[0][0].isspace()
        caution = "a guess from the keys, by which all rows looked at can be read: check it"
        if len(fitting) == 2:
            caution = (
                f"a guess, in which {name!r} holds the numbers of columns; if it counts them from 0, name them one by "
                f"one, answers={'|'.join(answers or ())}"
            )
        return Guess(columns, caution, spaced)
    return Guess({**found, "matching": names[0] if names else "..."}, None, True)


def _stem_of(row: Row, answers: str | list[str] | None) -> str | None:
    """What the names of numbered columns have in common; None: they aren't numbered."""
    stem = re.sub(r"[ _-]?\d+$", "", answers[0]) if isinstance(answers, list) else ""
    return stem if stem and numbered(row, stem) == answers else None


def _counts(rows: Sequence[Row], name: str) -> bool:
    return all(str(_at(row, name)).strip().isdigit() for row in rows)


def _answers_in(row: Row) -> str | list[str] | None:
    names = names_in(row)
    by_rank = sorted(names, key=lambda name: (_rank(name, _ANSWERS), names.index(name)))
    for name in by_rank:
        value = _at(row, name)
        if isinstance(value, list) and len(value) > 1 and all(isinstance(each, str) for each in value):
            return name
    for key, value in row.items():
        is_lettered = isinstance(value, Mapping) and all(len(str(label)) == 1 for label in value)
        if _is_texts(value) and (is_lettered or _rank(key, _ANSWERS) < len(_ANSWERS)):
            return str(key)
    for wanted in _NUMBERED:
        stem = next((m[1] for key in row if (m := re.fullmatch(rf"({wanted}[ _-]?)(?:0|1|A|a)", str(key), re.I))), None)
        keys = [] if stem is None else numbered(row, stem)
        if keys and all(isinstance(row[key], str) for key in keys):
            return keys
    wrong = [str(key) for key in row if re.match(r"(distractor|incorrect|wrong)", str(key), re.I)]
    right = [str(key) for key in row if re.match(r"(correct|right|best)", str(key), re.I)]
    texts = [key for key in [*right[:1], *wrong] if isinstance(row[key], str)]
    return texts if right and wrong and len(texts) == len(right[:1]) + len(wrong) else None


def _is_texts(value: Any) -> bool:
    """Whether it is a mapping from letters or names to texts."""
    return isinstance(value, Mapping) and len(value) > 1 and all(isinstance(each, str) for each in value.values())


def _rank(name: str, wanted: Sequence[str]) -> int:
    parts = name.lower().split(".")
    return min((wanted.index(part) for part in parts if part in wanted), default=len(wanted))


def _right_names(row: Row, prompt: str | None, answers: str | list[str] | None) -> list[str]:
    """Columns that may name the matching answer, the likeliest first."""
    columns = [answers] if isinstance(answers, str) else list(answers or ())
    if len(columns) > 1 and re.match(r"(correct|right|best)", columns[0], re.I):
        return [columns[0]]
    names = [name for name in names_in(row) if name != prompt and name not in columns]
    names = [name for name in names if isinstance(_at(row, name), str | int)]
    ranks = {name: min(_rank(name, _RIGHT), _rank(name.replace(".", "_"), _RIGHT)) for name in names}
    return sorted((name for name in names if ranks[name] < len(_RIGHT)), key=lambda name: ranks[name])


def _first_by(rows: Sequence[Row], columns: Mapping[str, Any]) -> Question | None:
    """The question that columns make of the first row; None where they fail on any of the rows."""
    try:
        found = [question_by_columns(Record(i, dict(row), ""), Reading("guess"), columns) for i, row in enumerate(rows)]
    except (ValueError, TypeError):
        return None
    return found[0]
