"""Any table of questions: which of its columns are which fields of a question."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from pyscore.tasks.formats.choice import choice_question, right_choice
from pyscore.tasks.formats.fields import content_key, listed_in
from pyscore.tasks.formats.format import Reading
from pyscore.tasks.nested import numbered, value_at
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record
from pyscore.tasks.reading.lines import open_file
from pyscore.tasks.templates import check_prompt_template, render_row

__all__ = ["FIELDS", "Answers", "Columns", "answers_by", "check_columns", "parse_columns", "question_by_columns"]

FIELDS = {
    "prompt": "the column of the prompt",
    "answers": "the columns of the answers, or one that holds a list, or what numbered columns have in common",
    "matching": "a column that names the matching answer: its text, its index from 0, its letter, or is its column",
    "first": "what an index in matching counts from, 0 or 1; 0 where it is left out",
    "is_matching": "a column that holds a list of true and false, or a column for each answer",
    "id": "the column of the question's id",
    "cluster": "the column of its cluster",
    "group": "the column of its group",
    "meta": "the columns that go to meta; all others where it is left out",
}
"""What `load_questions` takes as keys of ``columns``."""

_FLAGS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
_HOW = "--columns: write FIELD=COLUMN,FIELD=COLUMN such as prompt=question,answers=a|b,matching=key"

_ASKED = "Question: {stem}\nAnswer:"

Columns = Mapping[str, Any]
"""Fields of `FIELDS`, each with a column's name, or a list of several; "first" with a number."""


def check_columns(columns: Columns, prompt_template: str | None = None) -> None:
    """Raise TypeError or ValueError for what isn't a mapping from fields of a question to columns."""
    if not isinstance(columns, Mapping):
        raise TypeError(f"columns must be a mapping from fields to columns, got {type(columns).__name__}")
    for field, given in columns.items():
        if field not in FIELDS:
            raise ValueError(f"columns: {field!r} is no field: give some of {', '.join(FIELDS)}")
        if field == "first":
            _check_first(given, columns)
            continue
        several = field in ("answers", "is_matching", "meta") and isinstance(given, list | tuple)
        names = list(given) if several else [given]
        if not names and field != "meta":
            raise ValueError(f"columns[{field!r}] is empty: give {FIELDS[field]}")
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"columns[{field!r}] must be {FIELDS[field]}, got {given!r:.60}")
    if prompt_template is not None:
        check_prompt_template(prompt_template)
        if "prompt" in columns:
            raise ValueError("columns['prompt'] and prompt_template both say what the prompt is: give one of them")
    for field in ("prompt", "answers") if prompt_template is None else ("answers",):
        if field not in columns:
            either = ", or prompt_template, which makes it of several columns" if field == "prompt" else ""
            raise ValueError(f"columns needs {field!r}: {FIELDS[field]}{either}")
    if ("matching" in columns) == ("is_matching" in columns):
        raise ValueError("columns needs either 'matching' or 'is_matching', which say what answers match")


def _check_first(given: Any, columns: Columns) -> None:
    if isinstance(given, bool) or given not in (0, 1, "0", "1"):
        raise ValueError(f"columns['first'] must be 0 or 1, {FIELDS['first']}; found {given!r:.60}")
    if "matching" not in columns:
        raise ValueError("columns['first'] says how 'matching' counts: name that column as well")


def parse_columns(text: str) -> dict[str, Any]:
    """Columns as they are typed on a command line.

    "prompt=stem,answers=a|b,matching=key": pairs of a field and its column after commas, several columns with bars
    between. A piece without "=" goes on with the columns of the field before, "answers=a,b". What begins with a brace
    is JSON, in which names may hold commas, bars and signs of equality; "@FILE" is a file of JSON.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of these, or not what `check_columns` takes.
    """
    if text.startswith("@"):
        with open_file(Path(text[1:])) as file:
            return _json(file.read().decode("utf-8-sig", "replace"), f"--columns {text}")
    if text.lstrip().startswith("{"):
        return _json(text, "--columns")
    found: dict[str, list[str]] = {}
    field = ""
    for piece in text.split(","):
        key, equals, rest = piece.partition("=")
        if equals:
            field = key.strip()
            if field not in FIELDS:
                raise ValueError(
                    f"--columns: {field!r} is no field of a question: give some of {', '.join(FIELDS)}; "
                    "a column whose name holds , | or = is named in JSON"
                )
            if field in found:
                raise ValueError(f"--columns names {field!r} twice: write its columns together, {field}=a|b")
        elif not field:
            raise ValueError(f"{_HOW}; found {piece!r}")
        names = (rest if equals else piece).split("|")
        if not all(name.strip() for name in names):
            raise ValueError(f"{_HOW}; found {piece!r}, which leaves a column's name empty")
        found.setdefault(field, []).extend(names)
    return {field: names[0] if len(names) == 1 else names for field, names in found.items()}


def _json(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what}: not JSON ({error}): write {{'prompt': ..., 'answers': [...]}} in JSON") from None
    if not isinstance(found, dict):
        raise ValueError(f"{what} must be a mapping from fields to columns, found {type(found).__name__}")
    return found


class Answers(NamedTuple):
    """Answers, what the file calls each of them, and the keys that they were read from."""

    texts: list[str]
    labels: list[str]
    keys: list[str]


def question_by_columns(
    record: Record, reading: Reading, columns: Columns, prompt_template: str | None = None
) -> Question:
    """The question of a row.

    Questions of the same prompt share a cluster where no column names it.

    Args:
        record: the row.
        reading: ``answers`` "auto" compares the answers as they stand; "text" each after a space and "Answer:", which
            a prompt_template has to hold itself; "letter" letters after a list of the answers.
        columns: checked by `check_columns`.
        prompt_template: Jinja over the row's fields that makes the prompt, in the place of a column.

    Raises:
        ValueError, TypeError: a column is missing, or its value can't be what it is to be.
    """
    values = record.values
    prompt = _prompt(values, columns) if prompt_template is None else render_row(prompt_template, values)
    answers = answers_by(values, columns["answers"])
    is_matching = tuple(_is_matching(values, columns, answers))
    optional = {field: _label(values, _one(columns[field])) for field in ("id", "cluster", "group") if field in columns}
    question = Question(
        id=optional.get("id") or reading.id(record),
        prompt=prompt,
        answers=tuple(answers.texts),
        is_matching=is_matching,
        cluster=optional["cluster"] if "cluster" in optional else content_key(prompt),
        group=optional.get("group"),
        meta=_meta(values, columns, answers.keys),
    )
    if reading.answers == "auto":
        return question
    listed = choice_question(
        record,
        reading,
        stem=prompt,
        choices=[text.strip() for text in answers.texts],
        right=[i for i, flag in enumerate(is_matching) if flag],
        custom="text",
        by_text=_ASKED if prompt_template is None else "{stem}",
    )
    cluster = question.cluster if "cluster" in optional else listed.cluster
    return replace(
        question, prompt=listed.prompt, answers=listed.answers, is_matching=listed.is_matching, cluster=cluster
    )


def _meta(values: Mapping[str, Any], columns: Columns, answers: Sequence[str]) -> dict[str, Any]:
    if "meta" in columns:
        return {name: value_at(values, name) for name in _several(columns["meta"])}
    named = (given for field, given in columns.items() if field != "first")
    used = {name for given in named for name in _several(given)} | set(answers)
    return {name: value for name, value in values.items() if name not in used}


def _one(given: str | Sequence[str]) -> str:
    return given if isinstance(given, str) else given[0]


def _several(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _prompt(values: Mapping[str, Any], columns: Columns) -> str:
    return _text(values, _one(columns["prompt"]))


def _text(values: Mapping[str, Any], name: str) -> str:
    found = value_at(values, name)
    if not isinstance(found, str):
        raise ValueError(f"column {name!r} must hold text, found {_kind(found)}")
    return found


def _kind(value: Any) -> str:
    return "nothing (null)" if value is None else type(value).__name__


def _label(values: Mapping[str, Any], name: str) -> str | None:
    found = value_at(values, name)
    if found is None or (isinstance(found, str | int) and not isinstance(found, bool)):
        return None if found in (None, "") else str(found)
    raise ValueError(f"column {name!r} must hold text or a whole number, found {type(found).__name__}")


def answers_by(values: Mapping[str, Any], given: str | Sequence[str]) -> Answers:
    """The answers of a row in the columns that are ``columns["answers"]``.

    Raises:
        ValueError: a column is missing, or holds something else.
    """
    if not isinstance(given, str):
        if len(given) > 1:
            return Answers([_text(values, name) for name in given], [], list(given))
        given = given[0]
    try:
        found = value_at(values, given)
    except ValueError:
        keys = numbered(values, given)
        if not keys:
            raise
        while len(keys) > 2 and values[keys[-1]] in (None, ""):  # a table of questions with fewer answers than others
            keys.pop()
        suffixes = [re.sub(r"^[ _-]", "", key.removeprefix(given)) for key in keys]
        return Answers([_text(values, key) for key in keys], suffixes, keys)
    listed = _listed(found)
    labels: list[str] = []
    if isinstance(listed, Mapping):
        pairs = {str(key): text for key, text in listed.items() if text is not None}
        labels, listed = list(pairs), list(pairs.values())
    if isinstance(listed, list) and listed and all(isinstance(each, str) for each in listed):
        return Answers(listed, labels, [given])
    inside = next(
        (f"{given}.{key}" for each in [found, *(listed or [])] if isinstance(each, Mapping) for key in each), ""
    )
    hint = f": name what is inside, such as {inside!r}" if inside else ""
    raise ValueError(
        f"column {given!r} must hold a list of texts, or a mapping from letters to texts, found {found!r:.60}{hint}"
    )


def _listed(value: Any) -> Any:
    """A list or a mapping, as it is or as JSON or Python write it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return listed_in(value)


def _is_matching(values: Mapping[str, Any], columns: Columns, answers: Answers) -> list[bool]:
    if "is_matching" in columns:
        return _flags(values, columns["is_matching"])
    name = _one(columns["matching"])
    if len(answers.keys) > 1 and name in answers.keys:  # this column is the matching answer itself
        return [key == name for key in answers.keys]
    found = value_at(values, name)
    named = found if isinstance(found, list) and found else [found]
    first = int(columns.get("first", 0))
    right = {right_choice(each, answers.texts, name, first=first, labels=answers.labels or None) for each in named}
    return [i in right for i in range(len(answers.texts))]


def _flags(values: Mapping[str, Any], given: str | Sequence[str]) -> list[bool]:
    if isinstance(given, str):
        value = value_at(values, given)
        found = _listed(value)
        if found == [] and isinstance(value, str):  # a list as Python writes it, "[True, False]"
            inner = value.strip().removeprefix("[").removesuffix("]")
            found = inner.split(",")
        if not isinstance(found, list) or not found:
            raise ValueError(f"column {given!r} must hold a list of true and false, found {value!r:.60}")
        return [_flag(each, given) for each in found]
    return [_flag(value_at(values, name), name) for name in given]


def _flag(value: Any, column: str) -> bool:
    flag = _FLAGS.get(str(value).strip().lower())
    if flag is None:
        raise ValueError(f"column {column!r}: {value!r:.60} is neither true nor false")
    return flag
