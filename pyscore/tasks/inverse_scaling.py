"""The formats of the Inverse Scaling Prize, as CSV or JSONL: classification, log odds after two prompts, completions.

Format: McKenzie et al. 2023, "Inverse Scaling: When Bigger Isn't Better".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .jsonl import Record, read_bytes, required
from .model_written import content_key, listed_in
from .question import Question

__all__ = ["classification_question", "completion_pair", "logodds_questions", "read_csv"]

_KEYS = {"prompt", "other_prompt", "classes", "answer_index", ""}  # "" is the index that pandas writes


def read_csv(path: Path) -> Iterator[tuple[int, Record]]:
    """The rows of a CSV file with a header, as strings, each with the line of the file on which it begins.

    Rows are counted from 0 after the header; empty ones are passed over and not counted. Line ends inside of quotes
    stay as they are.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the path is a folder, or a line (named in the message) is not UTF-8, not CSV, or has more or fewer
            fields than the header.
    """
    data = read_bytes(path)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data.count(b"\n", 0, error.start)
        raise ValueError(f"{path}, line {before + 1}: not UTF-8 (byte {error.start} of the file)") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    row = 0
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
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
