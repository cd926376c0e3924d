"""Any table of questions: which of its columns are which fields of a question."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pyscore.tasks.formats.fields import content_key, listed_in
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record

__all__ = ["FIELDS", "check_columns", "question_by_columns"]

FIELDS = {
    "prompt": "the column of the prompt",
    "answers": "the columns of the answers, or one that holds a list",
    "matching": "a column that names the matching answer: its text, its index from 0, or its letter",
    "is_matching": "a column that holds a list of true and false, or a column for each answer",
    "id": "the column of the question's id",
    "cluster": "the column of its cluster",
    "group": "the column of its group",
    "meta": "the columns that go to meta; all others where it is left out",
}
"""What `load_questions` takes as keys of ``columns``."""

_FLAGS = {"true": True, "false": False, "1": True, "0": False}

Columns = Mapping[str, str | Sequence[str]]


def check_columns(columns: Columns) -> None:
    """Raise TypeError or ValueError for what isn't a mapping from fields of a question to columns."""
    if not isinstance(columns, Mapping):
        raise TypeError(f"columns must be a mapping from fields to columns, got {type(columns).__name__}")
    for field, given in columns.items():
        if field not in FIELDS:
            raise ValueError(f"columns: {field!r} is no field: give some of {', '.join(FIELDS)}")
        several = field in ("answers", "is_matching", "meta") and isinstance(given, list | tuple)
        names = list(given) if several else [given]
        if not names and field != "meta":
            raise ValueError(f"columns[{field!r}] is empty: give {FIELDS[field]}")
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"columns[{field!r}] must be {FIELDS[field]}, got {given!r:.60}")
    for field in ("prompt", "answers"):
        if field not in columns:
            raise ValueError(f"columns needs {field!r}: {FIELDS[field]}")
    if ("matching" in columns) == ("is_matching" in columns):
        raise ValueError("columns needs either 'matching' or 'is_matching', which say what answers match")


def question_by_columns(record: Record, stem: str, columns: Columns) -> Question:
    """The question of a row.

    Questions of the same prompt share a cluster where no column names it.

    Args:
        record: the row.
        stem: of the file.
        columns: checked by `check_columns`.

    Raises:
        ValueError, TypeError: a column is missing, or its value can't be what it is to be.
    """
    values = record.values
    prompt = _text(values, _one(columns["prompt"]))
    answers = _answers(values, columns["answers"])
    if "matching" in columns:
        name = _one(columns["matching"])
        index = _matching(_value(values, name), answers, name)
        is_matching = [i == index for i in range(len(answers))]
    else:
        is_matching = _flags(values, columns["is_matching"])
    optional = {field: _label(values, _one(columns[field])) for field in ("id", "cluster", "group") if field in columns}
    return Question(
        id=optional.get("id") or f"{stem}:{record.row}",
        prompt=prompt,
        answers=tuple(answers),
        is_matching=tuple(is_matching),
        cluster=optional["cluster"] if "cluster" in optional else content_key(prompt),
        group=optional.get("group"),
        meta=_meta(values, columns),
    )


def _meta(values: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    if "meta" in columns:
        return {name: _value(values, name) for name in _several(columns["meta"])}
    used = {name for given in columns.values() for name in _several(given)}
    return {name: value for name, value in values.items() if name not in used}


def _one(given: str | Sequence[str]) -> str:
    return given if isinstance(given, str) else given[0]


def _several(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _value(values: Mapping[str, Any], name: str) -> Any:
    if name not in values:
        raise ValueError(f"there is no column {name!r} (columns: {', '.join(map(repr, values)) or 'none'})")
    return values[name]


def _text(values: Mapping[str, Any], name: str) -> str:
    found = _value(values, name)
    if not isinstance(found, str):
        raise ValueError(f"column {name!r} must hold text, found {type(found).__name__}")
    return found


def _label(values: Mapping[str, Any], name: str) -> str | None:
    found = _value(values, name)
    if found is None or (isinstance(found, str | int) and not isinstance(found, bool)):
        return None if found in (None, "") else str(found)
    raise ValueError(f"column {name!r} must hold text or a whole number, found {type(found).__name__}")


def _answers(values: Mapping[str, Any], given: str | Sequence[str]) -> list[str]:
    if not isinstance(given, str):
        return [_text(values, name) for name in given]
    found = _listed(_value(values, given))
    if not isinstance(found, list) or not found or not all(isinstance(each, str) for each in found):
        raise ValueError(f"column {given!r} must hold a list of texts, found {_value(values, given)!r:.60}")
    return found


def _listed(value: Any) -> Any:
    """A list, as it is or as JSON or Python write it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return listed_in(value)


def _matching(value: Any, answers: Sequence[str], column: str) -> int:
    """The index of the answer that a value names.

    Raises:
        ValueError: it names none; or, read as text, as an index and as a letter, it names different ones.
    """
    found: dict[int, str] = {}
    if isinstance(value, int) and not isinstance(value, bool):
        found = {value: "index"} if 0 <= value < len(answers) else {}
    elif isinstance(value, str):
        plain = value.strip()
        found = {i: "text" for i, answer in enumerate(answers) if plain and answer.strip() == plain}
        letter = plain.strip("().").upper()
        if len(letter) == 1 and "A" <= letter <= "Z" and ord(letter) - ord("A") < len(answers):
            found.setdefault(ord(letter) - ord("A"), "letter")
        if plain.isascii() and plain.isdigit() and len(plain) < 4 and int(plain) < len(answers):
            found.setdefault(int(plain), "index")
    if len(found) > 1:
        readings = " and ".join(f"answer {i} by its {kind}" for i, kind in found.items())
        raise ValueError(f"column {column!r}: {value!r:.60} names {readings}: give is_matching instead")
    if not found:
        raise ValueError(
            f"column {column!r} must hold a matching answer's text, its index (0 to {len(answers) - 1}) or its letter, "
            f"found {value!r:.60}"
        )
    return next(iter(found))


def _flags(values: Mapping[str, Any], given: str | Sequence[str]) -> list[bool]:
    if isinstance(given, str):
        found = _listed(_value(values, given))
        if found == [] and isinstance(values[given], str):  # a list as Python writes it, "[True, False]"
            inner = values[given].strip().removeprefix("[").removesuffix("]")
            found = inner.split(",")
        if not isinstance(found, list) or not found:
            raise ValueError(f"column {given!r} must hold a list of true and false, found {values[given]!r:.60}")
        return [_flag(each, given) for each in found]
    return [_flag(_value(values, name), name) for name in given]


def _flag(value: Any, column: str) -> bool:
    flag = _FLAGS.get(str(value).strip().lower())
    if flag is None:
        raise ValueError(f"column {column!r}: {value!r:.60} is neither true nor false")
    return flag
