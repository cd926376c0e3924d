"""The formats of the Inverse Scaling Prize, as CSV or JSONL: classification, log odds after two prompts, completions.

Format: McKenzie et al. 2023, "Inverse Scaling: When Bigger Isn't Better".
"""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyscore.tasks.jsonl import Record, required
from pyscore.tasks.lines import read_lines
from pyscore.tasks.model_written import content_key, listed_in
from pyscore.tasks.question import Question

__all__ = ["classification_question", "completion_pair", "logodds_questions", "read_csv"]

_KEYS = {"prompt", "other_prompt", "classes", "answer_index", ""}  # "" is the index that pandas writes


def read_csv(path: Path) -> Iterator[tuple[int, Record]]:
    """The rows of a CSV file with a header, as strings, each with the line of the file on which it begins.

    Rows are counted from 0 after the header; empty ones are passed over and not counted. Line ends inside of quotes
    stay as they are. What isn't asked for isn't read.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the path is a folder, its file is not text, or a line (named in the message) is not UTF-8, not CSV,
            or has more or fewer fields than the header.
    """
    reader = csv.reader(_text_lines(path), strict=True)
    header: list[str] = []
    row = 0
    while True:
        line = reader.line_num + 1
        try:
            fields = _next_row(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{path}, line {line}: not CSV ({error})") from None
        if not fields:
            continue
        if not header:
            header = _checked_header(fields, f"{path}, line {line}")
            continue
        if len(fields) != len(header):
            raise ValueError(f"{path}, line {line}: {len(fields)} fields, but the header names {len(header)}")
        yield line, Record(row, dict(zip(header, fields, strict=True)))
        row += 1


def _text_lines(path: Path) -> Iterator[str]:
    for i, line in enumerate(read_lines(path)):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}, line {i + 1}: not UTF-8 (byte {error.start} of the line)") from None
        # The reader of csv takes a carriage return for the end of a line, too, and wants each line by itself.
        yield from io.StringIO(text + "\n", newline="")


_LONGEST_FIELD = 2**31 - 1  # the most that fits into the C long of every platform
_limit_lock = threading.Lock()


def _next_row(reader: Iterator[list[str]]) -> list[str]:
    """The next row, its fields of any length: csv's limit of 131,072 characters holds for a whole process.

    It is lifted while one row is read, by one thread at a time, so that each puts back what it found.
    """
    with _limit_lock:
        limit = csv.field_size_limit(_LONGEST_FIELD)
        try:
            return next(reader)
        finally:
            csv.field_size_limit(limit)


def classification_question(record: Record, stem: str) -> Question:
    """A prompt and any number of classes, the one at ``answer_index`` matching; other columns go to ``meta``.

    ``classes`` may be a list, or a string that holds a Python list. Questions of the same text share a cluster.
    """
    prompt, answers, is_matching = _prompt_and_classes(record.values)
    return Question(
        id=f"{stem}:{record.row}",
        prompt=prompt,
        answers=answers,
        is_matching=is_matching,
        cluster=content_key(prompt),
        meta=_meta(record.values),
    )


def logodds_questions(record: Record, stem: str) -> tuple[Question, Question]:
    """The same two classes after ``prompt`` and after ``other_prompt``: the second id ends in ":other".

    Both have one cluster and the group "prompt" or "other_prompt".
    """
    prompt, answers, is_matching = _prompt_and_classes(record.values)
    other_prompt = required(record.values, "other_prompt", str)
    if len(answers) != 2:
        raise ValueError(f"a difference of log odds is of exactly two classes, found {len(answers)}")
    id, cluster, meta = f"{stem}:{record.row}", content_key(prompt), _meta(record.values)
    return (
        Question(id, prompt, answers, is_matching, cluster, "prompt", meta),
        Question(f"{id}:other", other_prompt, answers, is_matching, cluster, "other_prompt", meta),
    )


def completion_pair(record: Record) -> tuple[str, str]:
    """The prompt and the completion of a row of sequence_prob."""
    prompt, completion = required(record.values, "prompt", str), required(record.values, "completion", str)
    if not completion:
        raise ValueError("'completion' is empty: it must hold some text")
    return prompt, completion


def _checked_header(fields: list[str], where: str) -> list[str]:
    twice = [name for name in fields if fields.count(name) > 1]
    if twice:
        raise ValueError(f"{where}: the header names {twice[0]!r} more than once")
    if fields[0].lstrip().startswith("{"):
        raise ValueError(f"{where}: a header is needed. JSON lines? Their file's name must not end in .csv")
    other = [name for name, mark in (("tabs", "\t"), ("semicolons", ";")) if len(fields) == 1 and mark in fields[0]]
    if other:
        raise ValueError(f"{where}: one field. Fields are separated by commas, and these by {other[0]}, it seems")
    return fields


def _prompt_and_classes(values: dict[str, Any]) -> tuple[str, tuple[str, ...], tuple[bool, ...]]:
    prompt = required(values, "prompt", str)
    given = required(values, "classes", (str, list))
    classes = listed_in(given) if isinstance(given, str) else given
    if not classes:
        raise ValueError(f"'classes' must be a list of strings, or a string that holds one, found {given!r:.60}")
    index = _read_index(required(values, "answer_index", (str, int)))
    if not 0 <= index < len(classes):
        raise ValueError(f"'answer_index' is {index}, but the classes have the indices 0 to {len(classes) - 1}")
    return prompt, tuple(classes), tuple(i == index for i in range(len(classes)))


def _read_index(value: str | int) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"'answer_index' must be a whole number, found {value!r:.60}") from None


def _meta(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in _KEYS}
