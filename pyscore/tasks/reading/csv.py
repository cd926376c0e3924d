"""CSV with a header, text as it stands there."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from pathlib import Path

from pyscore.tasks.reading.lines import read_lines
from pyscore.tasks.reading.record import Record

__all__ = ["read_csv"]


def read_csv(path: Path) -> Iterator[Record]:
    """The rows of a CSV file with a header, as strings, each with the line on which it begins.

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
        yield Record(row, dict(zip(header, fields, strict=True)), f"line {line}")
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
