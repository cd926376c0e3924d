"""Reading JSON without touching the text inside: JSONL, whose lines are split at b"\\n" alone, and whole documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO

from pyscore.tasks.reading.json_document import read_array, read_objects
from pyscore.tasks.reading.json_text import DECODER, at_its_end
from pyscore.tasks.reading.lines import BOM, lines_of
from pyscore.tasks.reading.record import Record

__all__ = ["read_json"]

_FIRST_LINE = 2**16
"""Bytes of the first line that are read to tell what a file holds: an array may be one line of any length."""

_BLOCK = 2**16

_NEEDED = "Questions are rows of JSON lines, CSV, TSV, Parquet or Arrow"


def read_json(file: BinaryIO, name: str) -> Iterator[Record]:
    """The objects of a file of JSON: one a line, one array of them, or single ones that go over several lines.

    Args:
        file: the file, buffered.
        name: what messages call it.

    Raises:
        ValueError: a line (named in the message) is not text, not UTF-8, not JSON, not an object, or has a key twice;
            or an element or object is so, as of `read_array` and `read_objects`.
    """
    before: list[bytes] = []
    while line := file.readline(_FIRST_LINE):
        text = line if before else line.removeprefix(BOM)
        if not text.strip():
            before.append(line)
            continue
        blocks = chain(before, [line], iter(lambda: file.read(_BLOCK), b""))
        if text.lstrip().startswith(b"["):
            return read_array(blocks, name)
        if text.lstrip().startswith(b"{") and line.endswith(b"\n") and _goes_on(text):
            return read_objects(blocks, name)
        if not line.endswith(b"\n"):
            line += file.readline()
        return _read_lines(chain(before, [line], file), name)
    return _read_lines(before, name)


def _goes_on(line: bytes) -> bool:
    """Whether a first line is the beginning of an object that ends in a later one."""
    try:
        DECODER.decode(line.rstrip().decode("utf-8"))
    except json.JSONDecodeError as error:
        # A string can't go on in the next line: one without an end is a fault of this one.
        return at_its_end(error) and not error.msg.startswith("Unterminated string")
    except (ValueError, RecursionError):
        return False
    return False


def _read_lines(file: Iterable[bytes], name: str) -> Iterator[Record]:
    """The objects of JSONL in order; blank lines are passed over, and what isn't asked for isn't read.

    ``str.splitlines`` would also split at U+2028 and U+0085, which JSON leaves as they are inside of a string.
    NaN and infinities are read, as Python writes them.
    """
    first = True
    decode = DECODER.decode
    for row, line in enumerate(lines_of(file, name)):
        try:
            values: Any = decode(line.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            if not line.strip():
                continue
            raise ValueError(f"{name}, line {row + 1}: {_fault(error, line, first)}") from None
        if not isinstance(values, dict):
            hint = _hint(line) if first else ""
            raise ValueError(f"{name}, line {row + 1}: a JSON object is needed, found {type(values).__name__}{hint}")
        first = False
        yield Record(row, values, f"line {row + 1}")


def _fault(error: Exception, line: bytes, first: bool) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 (byte {error.start} of the line)"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON ({error.msg} at character {error.pos}){_hint(line) if first else ''}"
    if isinstance(error, RecursionError):
        return "JSON that is nested too deeply to be read"
    return str(error)  # a number of too many digits; a key that stands there twice


def _hint(line: bytes) -> str:
    """What a file may be instead whose first line is no object in JSON."""
    if line.lstrip()[:1] in (b"{", b"["):
        return ""
    if b"\t" in line:
        return ": TSV? Its name has to end in .tsv"
    if b"," in line and b", " not in line:
        return ": CSV? Its name has to end in .csv"
    return f": this is plain text. {_NEEDED}"
