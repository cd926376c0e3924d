"""The samples of a file, whichever release of lm-evaluation-harness wrote it: an object a line, or one JSON array."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyscore.tasks.reading.jsonl import read_records
from pyscore.tasks.reading.record import Record

__all__ = ["check_no_results", "read_sample_records"]

_PEEKED = 64  # bytes that hold a byte order mark and the first character that isn't white space


def read_sample_records(path: Path) -> Iterator[Record]:
    """The samples in order. Releases 0.4.0 to 0.4.2 wrote an array under ``.jsonl``; earlier ones under ``.json``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a folder, or no file of samples; a line or an element (named in the message) that is no object.
    """
    if path.is_file():
        with path.open("rb") as file:
            first = file.read(_PEEKED).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if first == b"[" or (first == b"{" and path.suffix.lower() == ".json"):
            return _of_array(path)
    return _of_lines(path)


def check_no_results(values: Any, name: str | Path) -> None:
    """Raise ValueError where these are the contents of a file of the harness's results, not of samples."""
    if isinstance(values, dict) and isinstance(values.get("results"), dict) and "arguments" not in values:
        raise ValueError(
            f"{name} is a file of lm-evaluation-harness's results, which are averages: name the file of samples "
            "(samples_<task>_<time>.jsonl, written with --log_samples) that lies beside it"
        )


def _of_lines(path: Path) -> Iterator[Record]:
    for record in read_records(path):
        check_no_results(record.values, path)
        yield record


def _of_array(path: Path) -> Iterator[Record]:
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {error.lineno}: not JSON ({error.msg} at character {error.colno})") from None
    except RecursionError:
        raise ValueError(f"{path}: JSON that is nested too deeply to be read") from None
    check_no_results(found, path)
    if not isinstance(found, list):
        raise ValueError(f"{path} is one JSON object, and samples are an array of them, or one a line")
    for row, values in enumerate(found):
        if not isinstance(values, dict):
            raise ValueError(f"{path}, element {row + 1}: a JSON object is needed, found {type(values).__name__}")
        yield Record(row, values, f"element {row + 1}")
