"""What rows of an unknown file seem to be: their kind, their keys, and which columns may be which fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pyscore.tasks.columns import question_by_columns
from pyscore.tasks.formats.format import Reading
from pyscore.tasks.nested import names_in, numbered, value_at
from pyscore.tasks.reading import Record

__all__ = ["guessed_columns", "keys_with_types", "kind_of_rows", "prompt_key"]

Row = Mapping[str, Any]

_PROMPTS = ("prompt", "question", "query", "stem", "problem", "input", "sentence", "context", "ctx", "premise", "text")
_ANSWERS = ("answers", "choices", "options", "endings", "candidates", "alternatives", "classes", "targets", "responses")
_NUMBERED = ("choice", "option", "answer", "ending", "op", "opt", "sol", "alternative", "")
_RIGHT = (
    *("answerkey", "answer", "label", "gold", "correct", "target", "key", "right", "solution", "correct_answer"),
    *("answer_index", "answer_idx", "correct_option", "correct_choice", "correct_index", "gold_label", "best_answer"),
)
_FREE = ("answer", "answers", "response", "output", "completion", "target", "solution", "reply", "final_answer")
_MESSAGES = ("messages", "conversations", "conversation", "chat", "dialog", "dialogue", "turns")
_MOST_KEYS = 16


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

    One of "chat", "instructions", "pairs", "free answers" and "text".
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
    if prompt_key(row) is not None and texts & {*_FREE} - {str(prompt_key(row)).lower()}:
        return "free answers"
    if len(texts) >= 1 and not texts & {*_RIGHT} and _only_text(row):
        return "text"
    return None


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
    asking = (str(key) for key, value in row.items() if isinstance(value, str) and value.strip().endswith("?"))
    return next(asking, None)


def _at(row: Row, name: str) -> Any:
    try:
        return value_at(row, name)
    except ValueError:  # of mappings in a list, not all have a key of the first one
        return None


def guessed_columns(rows: Sequence[Row]) -> tuple[dict[str, Any], bool]:
    """Columns that may fit the rows, and whether all of these become questions by them.

    A field that isn't told has the value "..."; it is to be filled in.
    """
    row = rows[0]
    prompt, answers = prompt_key(row), _answers_in(row)
    found: dict[str, Any] = {"prompt": prompt or "...", "answers": answers or "..."}
    for name in _right_names(row, prompt, answers):
        tried = {**found, "matching": name}
        if prompt and answers and _fits(rows, tried):
            return tried, True
    candidates = _right_names(row, prompt, answers)
    return {**found, "matching": candidates[0] if candidates else "..."}, False


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
        if stem is not None and (keys := numbered(row, stem)):
            return keys if len(keys) <= 4 or not stem else stem
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


def _fits(rows: Sequence[Row], columns: Mapping[str, Any]) -> bool:
    try:
        for i, row in enumerate(rows):
            question_by_columns(Record(i, dict(row), ""), Reading("guess"), columns)
    except (ValueError, TypeError):
        return False
    return True
