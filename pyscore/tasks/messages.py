"""What is said of rows that can't be read: what they seem to be, what is nearest, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pyscore.tasks import formats
from pyscore.tasks.described import guessed_columns, keys_with_types, kind_of_rows, prompt_key
from pyscore.tasks.formats import Format
from pyscore.tasks.options import SEQUENCE_PROB

__all__ = ["no_choices", "unknown_rows", "with_reading"]

Row = Mapping[str, Any]

_FILES = {
    ".jsonl": "JSON lines",
    ".json": "JSON",
    ".ndjson": "JSON lines",
    ".csv": "CSV",
    ".tsv": "TSV",
    ".parquet": "Parquet",
    ".arrow": "Arrow",
    ".feather": "Arrow",
    ".txt": "text",
}
_PACKED = re.compile(r"\.(?:gz|bz2|xz|zst|zstd)$")
_COMPARES = "pyscore compares answers that are given with a question, two at least, of which some match."
_KINDS = {
    "chat": f"chat logs, and {_COMPARES} To ask what a model prefers after such a talk, put what was said so far into "
    "one column and the answers to compare into others, then name them",
    "instructions": f"instructions with one reply each, and {_COMPARES} Add a column of another reply to compare with, "
    "then name both",
    "pairs": "pairs of a chosen and a rejected reply. Name their columns; where the prompt is part of both replies, "
    "move it into a column of its own first",
    "free answers": f"questions with one answer in free text, and {_COMPARES} Add a column of wrong answers and name "
    "both; or score the answers by themselves with score_completions (docs/documents.md); or let a harness that "
    "generates and grades, such as lm-evaluation-harness, ask them. The columns",
    "text": f"plain text, and {_COMPARES} How probable a text is tells score_documents (docs/documents.md). For "
    "questions, make columns of prompts and answers, then name them",
}


def unknown_rows(place: str, rows: Sequence[Row]) -> str:
    """Of a file whose rows are of no known format: what it holds, the nearest format, and the columns that would do.

    Args:
        place: its name.
        rows: the first rows.
    """
    row = rows[0]
    if "completion" in row and isinstance(row.get("prompt"), str):
        return SEQUENCE_PROB
    if {"occupation", "other_person"} <= row.keys() or {"occupation", "BLS_original_occupation"} <= row.keys():
        return "this is the winogenerated list of occupations and holds no questions: load the file of examples instead"
    if not row:
        return "no known format has the keys (none): the row is empty. Is this the file that was meant?"
    looked = "the first row" if len(rows) == 1 else f"the first {len(rows)} rows"
    told = f"no known format has these keys. The file holds {_file_kind(place)}; {looked}: {keys_with_types(rows)}."
    kind = kind_of_rows(rows)
    if kind is not None:
        return f"{told} These seem to be {_KINDS[kind]}: {_example(kind, rows)}"
    columns, works = guessed_columns(rows)
    near = _nearest(row)
    sure = "a guess from these keys, by which all rows looked at can be read: check it"
    if not works:
        sure = "put the right names in place of what is guessed"
    return f"{told}{near} Say which columns hold what: {_columns(columns)} ({sure})"


def _file_kind(place: str) -> str:
    name = _PACKED.sub("", place.lower())
    return next((kind for ending, kind in _FILES.items() if name.endswith(ending)), "rows")


def _columns(columns: Mapping[str, Any]) -> str:
    """Columns as Python and as the command line take them."""
    typed = ",".join(
        f"{field}={given if isinstance(given, str) else '|'.join(given)}" for field, given in columns.items()
    )
    names = [name for given in columns.values() for name in ([given] if isinstance(given, str) else given)]
    if any(mark in name for name in names for mark in ",|='"):
        typed = json.dumps(columns, ensure_ascii=False)
    return f"columns={json.dumps(dict(columns), ensure_ascii=False)}, on the command line --columns '{typed}'"


def _example(kind: str, rows: Sequence[Row]) -> str:
    row = rows[0]
    if kind == "pairs":
        prompt = next((str(key) for key in row if str(key).lower() in ("prompt", "question", "instruction")), "prompt")
        return _columns({"prompt": prompt, "answers": ["chosen", "rejected"], "matching": "chosen"})
    prompts = {"chat": "prompt", "text": "prompt", "instructions": "instruction"}
    prompt = prompts.get(kind) or prompt_key(row) or "question"
    free = next((str(key) for key in row if kind in ("instructions", "free answers") and _is_reply(key, row)), "right")
    return _columns({"prompt": prompt, "answers": [free, "wrong"], "matching": free})


def _is_reply(key: Any, row: Row) -> bool:
    replies = ("answer", "response", "output", "completion", "target", "solution", "reply", "final_answer")
    return str(key).lower() in replies and isinstance(row[key], str)


def _nearest(row: Row) -> str:
    """The format that shares most keys with a row, and what the row lacks of it."""
    best: tuple[float, int, Format | None] = (0.0, 0, None)
    for each in formats.FORMATS.values():
        own = set().union(*each.keys) | set(each.example)
        shared = len(own & row.keys())
        best = max(best, (shared / len(own), shared, each), key=lambda found: found[:2])
    share, shared, found = best
    if found is None or (shared < 2 and share < 0.5):
        return ""
    missing = min((group - row.keys() for group in found.keys), key=len)
    lacking = [name for name in found.example if name in missing] + sorted(missing - found.example.keys())
    lacking = lacking or [name for name in found.example if name not in row]
    if not lacking:
        return f" The nearest format is {found.name}, whose keys are there, but not with values such as it has."
    lower = {str(key).lower().rstrip("s"): key for key in row}
    near = [
        f"{name!r}{f' (there is {other!r})' if (other := lower.get(name.lower().rstrip('s'))) else ''}"
        for name in lacking
    ]
    return f" The nearest format is {found.name}, but {_and(near)} {'is' if len(near) == 1 else 'are'} missing."


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def with_reading(message: str, format: Format, values: Row, first: Row | None) -> str:
    """What is wrong with a row, and as what it was read.

    Args:
        message: what is wrong.
        format: that it was read in, told from the file's first row.
        values: the row.
        first: the file's first row; None where this is it.
    """
    if first is None or format.matches(values):
        return f"{message} (read as {format.name})"
    new = [key for key in values if key not in first]
    gone = [key for key in first if key not in values]
    differ = [f"has {_and([repr(key) for key in new[:6]])}"] if new else []
    differ += [f"lacks {_and([repr(key) for key in gone[:6]])}"] if gone else []
    other = formats.format_of(values)
    like = f", as rows of {other.name} do" if other is not None and new else ""
    return (
        f"{message}. The file's first row is one of {format.name}; this one {' and '.join(differ)}{like}: "
        "a file holds rows of one format, so keep others in a file of their own"
    )


def no_choices(format: Format, answers: str) -> str:
    """That ``answers`` means nothing to a format."""
    return f"answers={answers!r} is for rows that list choices, and those of {format.name} don't: leave it out"
