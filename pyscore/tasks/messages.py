"""What is said of rows that can't be read: what they seem to be, what is nearest, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pyscore.tasks import formats
from pyscore.tasks.described import FREE, LABELS, guessed_columns, keys_with_types, kind_of_rows, prompt_key
from pyscore.tasks.formats import Format
from pyscore.tasks.options import SEQUENCE_PROB

__all__ = ["known_format", "no_choices", "unknown_rows", "with_reading"]

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
    "chat": f"chat logs. {_COMPARES} To ask what a model prefers after such a talk, put what was said so far into one "
    "column and the answers to compare into others",
    "instructions": f"instructions with one reply each. {_COMPARES} Add a column of another reply to compare with",
    "pairs": "pairs of a chosen and a rejected reply. Where the prompt is part of both replies, move it into a column "
    "of its own first",
    "free answers": f"questions with one answer in free text. {_COMPARES} Add a column of wrong answers; or score the "
    "answers by themselves with score_completions (docs/documents.md); or let a harness that generates and grades ask "
    "them, such as lm-evaluation-harness",
    "labelled": f"texts with a label. {_COMPARES} Add a column that lists the names of the labels in each row, such as "
    '"classes": [" negative", " positive"]',
    "text": f"plain text. {_COMPARES} How probable a text is tells score_documents (docs/documents.md). For questions, "
    "make columns of prompts and answers",
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
    looked = f"{_file_kind(place)}, {len(rows)} {'row' if len(rows) == 1 else 'rows'} looked at"
    told = f"no known format has the keys {keys_with_types(rows)} ({looked})"
    kind = kind_of_rows(rows)
    if kind is not None:
        return f"{told}: these seem to be {_KINDS[kind]}. Then name the columns: {_example(kind, rows)}"
    guess = guessed_columns(rows)
    sure = "put the right names in place of what is guessed" if guess.caution is None else guess.caution
    columns = _columns(guess.columns, spaced=guess.spaced)
    return f"{told}.{_nearest(row)} Say which columns hold what: {columns} ({sure})"


def _file_kind(place: str) -> str:
    name = _PACKED.sub("", place.lower())
    return next((kind for ending, kind in _FILES.items() if name.endswith(ending)), "rows")


def _columns(columns: Mapping[str, Any], *, spaced: bool = True) -> str:
    """Columns as the command line and Python take them; where answers lack a space before them, with what puts one."""
    typed = ",".join(
        f"{field}={given if isinstance(given, str) else '|'.join(given)}" for field, given in columns.items()
    )
    names = [name for given in columns.values() for name in ([given] if isinstance(given, str) else given)]
    if any(mark in name for name in names for mark in ",|='"):
        typed = json.dumps(columns, ensure_ascii=False)
    option, argument = ("", "") if spaced else (" --answers text", ', answers="text"')
    return f"--columns '{typed}'{option}, in Python columns={json.dumps(dict(columns), ensure_ascii=False)}{argument}"


def _example(kind: str, rows: Sequence[Row]) -> str:
    row = rows[0]
    if kind == "pairs":
        prompt = next((str(key) for key in row if str(key).lower() in ("prompt", "question", "instruction")), "prompt")
        return _columns({"prompt": prompt, "answers": ["chosen", "rejected"], "matching": "chosen"})
    if kind == "labelled":
        label = next(str(key) for key in row if str(key).lower() in LABELS)
        return _columns({"prompt": prompt_key(row) or "text", "answers": "classes", "matching": label})
    prompts = {"chat": "prompt", "text": "prompt", "instructions": "instruction"}
    prompt = prompts.get(kind) or prompt_key(row) or "question"
    free = next((str(key) for key in row if kind in ("instructions", "free answers") and _is_reply(key, row)), "right")
    return _columns({"prompt": prompt, "answers": [free, "wrong"], "matching": free})


def _is_reply(key: Any, row: Row) -> bool:
    return str(key).lower() in FREE and isinstance(row[key], str)


def _nearest(row: Row) -> str:
    """The format that shares most keys with a row, and what the row lacks of it."""
    best: tuple[float, float, Format | None] = (0.0, 0.0, None)
    for each in formats.FORMATS.values():
        own = _own_keys(each)
        shared = len(own & row.keys()) + 0.8 * len(_alike(each, row))
        best = max(best, (shared / len(own), shared, each), key=lambda found: found[:2])
    share, shared, found = best
    if found is None or share < 0.5 or shared < 1.5:
        return ""
    telling = set().union(*found.keys)
    lacking = [name for name in found.example if name in telling and name not in row]
    lacking = lacking or [name for name in found.example if name not in row]
    if not lacking:
        return f" The nearest format is {found.name}, whose keys are there, but not with such values as it has."
    alike = _alike(found, row)
    near = [f"{name!r}{f' (there is {alike[name]!r})' if name in alike else ''}" for name in lacking]
    return f" The nearest format is {found.name}, but {_and(near)} {'is' if len(near) == 1 else 'are'} missing."


def _own_keys(format: Format) -> set[str]:
    return set().union(*format.keys) | set(format.example)


def _alike(format: Format, row: Row) -> dict[str, str]:
    """Keys of a format that a row lacks, each with the row's own key that is most like it, and is none of these."""
    from difflib import get_close_matches

    own = _own_keys(format)
    others = {str(key).lower(): str(key) for key in row if key not in own}
    found = {}
    for name in sorted(own - row.keys()):
        for like in get_close_matches(name.lower(), list(others), 1, cutoff=0.75):
            found[name] = others.pop(like)
    return found


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
    other = known_format(values)
    like = f", as rows of {other.name} do" if other is not None and new else ""
    return (
        f"{message}. The file's first row is one of {format.name}; this one {' and '.join(differ)}{like}: "
        "a file holds rows of one format, so keep others in a file of their own"
    )


def known_format(values: Row) -> Format | None:
    """The format of a row, None also where its keys tell that it is refused: reading it says why."""
    try:
        return formats.format_of(values)
    except ValueError:
        return None


def no_choices(format: Format, answers: str) -> str:
    """That ``answers`` means nothing to a format."""
    return f"answers={answers!r} is for rows that list choices, and those of {format.name} don't: leave it out"
