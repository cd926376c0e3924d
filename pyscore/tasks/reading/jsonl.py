"""Reading JSONL without touching the text inside: bytes, strict UTF-8, lines split at b"\\n" alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyscore.tasks.reading.lines import read_lines
from pyscore.tasks.reading.record import Record

__all__ = ["read_records"]


def read_records(path: Path) -> Iterator[Record]:
    """The objects of a JSONL file in order; blank lines are passed over, and what isn't asked for isn't read.

    ``str.splitlines`` would also split at U+2028 and U+0085, which JSON leaves as they are inside of a string.
    NaN and infinities are read, as Python writes them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the path is a folder, its file is not text, or a line (named in the message) is not UTF-8, not JSON,
            not an object, or has a key twice.
    """
    first = True
    for row, line in enumerate(read_lines(path)):
        if not line.strip():
            continue
        where = f"{path}, line {row + 1}"
        hint = _hint(line) if first else ""
        first = False
        try:
            values = _DECODER.decode(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ValueError(f"{where}: not UTF-8 (byte {error.start} of the line)") from None
        except json.JSONDecodeError as error:
            raise ValueError(f"{where}: not JSON ({error.msg} at character {error.pos}){hint}") from None
        except RecursionError:
            raise ValueError(f"{where}: JSON that is nested too deeply to be read") from None
        except ValueError as error:  # a number of too many digits; a key that stands there twice
            raise ValueError(f"{where}: {error}") from None
        if not isinstance(values, dict):
            raise ValueError(f"{where}: a JSON object is needed, found {type(values).__name__}{hint}")
        yield Record(row, values, f"line {row + 1}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):  # the reader of json keeps the last one without a word
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands there more than once")
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_once)


def _hint(line: bytes) -> str:
    """What a file may be instead whose first line is no object in JSON."""
    begins = line.lstrip()[:1]
    if begins == b"[":
        return ": a JSON array? Write one object a line, with jq -c '.[]' FILE"
    if begins == b"{":
        return ": JSON over several lines? Write one object a line, with jq -c . FILE" if line.strip() == b"{" else ""
    if b"\t" in line:
        return ": TSV? Write it as CSV, with a name in .csv"
    return ": CSV? Its name has to end in .csv" if b"," in line else ""
