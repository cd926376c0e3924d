"""CSV and TSV, text as it stands there."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterable, Iterator, Sequence

from pyscore.tasks.reading.lines import BOM, lines_of
from pyscore.tasks.reading.record import Record
from pyscore.tasks.reading.signs import HEAD

__all__ = ["first_row", "read_csv", "semicolons"]


def read_csv(
    file: Iterable[bytes], name: str, delimiter: str = ",", header: Sequence[str] | None = None
) -> Iterator[Record]:
    """The rows of a CSV or TSV file, as strings, each with the line on which it begins.

    Rows are counted from 0 after the header; empty ones are passed over and not counted. Line ends inside of quotes
    stay as they are. What isn't asked for isn't read. TSV has the quotes of CSV, as pandas and Excel write it.

    Args:
        file: its lines, with their ends.
        name: what messages call it.
        delimiter: between fields: a comma, a semicolon, or a tab.
        header: names of the columns, if its first row is none.

    Raises:
        ValueError: a line (named in the message) is not text, not UTF-8, not CSV, or has more or fewer fields than the
            header.
    """
    rows = _rows(file, name, delimiter)
    names = list(header or ())
    row = 0
    for line, fields in rows:
        if not names:
            names = _checked_header(fields, f"{name}, line {line}", delimiter)
            continue
        if len(fields) != len(names):
            names_it = "but the header names" if header is None else "and the columns without a header are"
            raise ValueError(f"{name}, line {line}: {len(fields)} fields, {names_it} {len(names)}")
        yield Record(row, dict(zip(names, fields, strict=True)), f"line {line}")
        row += 1


def semicolons(head: bytes) -> bool:
    """Whether the fields of a file of CSV are separated by semicolons, as spreadsheets write it in many languages.

    Its header has two at least and no comma, and the rows that begin the file have as many fields as it.

    Args:
        head: how the file begins. A row that isn't whole there isn't looked at.
    """
    text = head.removeprefix(BOM).decode("utf-8", "replace")
    header = text.partition("\n")[0]
    if header.count(";") < 2 or "," in header or "\t" in header:
        return False
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=";") if row]
    except csv.Error:  # a field in quotes goes on behind what is here
        rows = [row for row in csv.reader([header], delimiter=";") if row]
        return len(rows[0]) > 2
    whole = rows if text.endswith("\n") or len(head) < HEAD else rows[:-1]
    return len(whole) > 1 and all(len(row) == len(whole[0]) for row in whole)


def first_row(file: Iterable[bytes], name: str, delimiter: str = ",") -> list[str]:
    """The fields of the first row, whether it is a header or not; none where there is no row."""
    return next((fields for _, fields in _rows(file, name, delimiter)), [])


def _rows(file: Iterable[bytes], name: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_text_lines(file, name), strict=True, delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            fields = _next_row(reader)
        except StopIteration:
            return
        except csv.Error as error:
            kind = "TSV" if delimiter == "\t" else "CSV"
            raise ValueError(f"{name}, line {line}: not {kind} ({error})") from None
        if fields:
            yield line, fields


def _text_lines(file: Iterable[bytes], name: str) -> Iterator[str]:
    for i, line in enumerate(lines_of(file, name)):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{name}, line {i + 1}: not UTF-8 (byte {error.start} of the line)") from None
        # The reader of csv takes a carriage return for the end of a line, too, and wants each line by itself.
        if "\r" in text:
            yield from io.StringIO(text + "\n", newline="")
        else:
            yield text + "\n"


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


def _checked_header(fields: list[str], where: str, delimiter: str) -> list[str]:
    twice = [name for name in fields if fields.count(name) > 1]
    if twice:
        raise ValueError(f"{where}: the header names {twice[0]!r} more than once")
    ending = ".tsv" if delimiter == "\t" else ".csv"
    if fields[0].lstrip().startswith("{"):
        raise ValueError(f"{where}: a header is needed. JSON lines? Their file's name must not end in {ending}")
    if delimiter == "\t":
        if len(fields) == 1 and "," in fields[0]:
            raise ValueError(f"{where}: one field. Fields are separated by tabs, and these by commas, it seems: .csv?")
        return fields
    other = [name for name, mark in (("tabs", "\t"), ("semicolons", ";")) if len(fields) == 1 and mark in fields[0]]
    if other:
        by_hand = ": write it anew, in Python pandas.read_csv(PATH, sep=';', dtype=str).to_csv('new.csv', index=False)"
        remedy = ": give it a name in .tsv" if other[0] == "tabs" else by_hand
        raise ValueError(
            f"{where}: one field. Fields are separated by commas, and these by {other[0]}, it seems{remedy}"
        )
    return fields
