"""The samples of a file, whichever release of lm-evaluation-harness wrote it: an object a line, or one JSON array."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyscore.tasks.reading.files import FilePlace, LocalOrigin
from pyscore.tasks.reading.jsonl import read_json
from pyscore.tasks.reading.record import Record

__all__ = ["check_no_results", "read_sample_records"]


def read_sample_records(path: Path) -> Iterator[Record]:
    """The samples in order. Releases 0.4.0 to 0.4.2 wrote an array under ``.jsonl``; earlier ones under ``.json``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a folder, or no file of samples; a line or an element (named in the message) that is no object.
    """
    with FilePlace(LocalOrigin(path)).text() as file:
        for record in read_json(file, str(path)):
            check_no_results(record.values, path)
            yield record


def check_no_results(values: Any, name: str | Path) -> None:
    """Raise ValueError where these are the contents of a file of the harness's results, not of samples."""
    if isinstance(values, dict) and isinstance(values.get("results"), dict) and "arguments" not in values:
        raise ValueError(
            f"{name} is a file of lm-evaluation-harness's results, which are averages: name the file of samples "
            "(samples_<task>_<time>.jsonl, written with --log_samples) that lies beside it"
        )
