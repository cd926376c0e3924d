"""A finished run that is one file, and goes on with more questions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pyscore.store.files import Place, locate
from pyscore.store.grouping import group
from pyscore.store.manifest import as_json, check_manifest, check_settings
from pyscore.store.parquet import read_file
from pyscore.store.parts import summary_of
from pyscore.store.reading import MANIFEST_ENTRY, check_no_file
from pyscore.store.schema import metadata_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FinishedFile", "finished_file", "session_of"]

_OF_FILES = ("complete", MANIFEST_ENTRY)
"""Metadata of a merged file that a run's parts don't have."""


class FinishedFile(NamedTuple):
    """A file that `merge_run` wrote of a finished run.

    Attributes:
        name: of the file, for messages.
        manifest: of the run.
        rows: of its questions, in order, with the metadata that parts have.
    """

    name: str
    manifest: dict[str, Any]
    rows: pa.Table

    def holds(self, keys: Sequence[str]) -> bool:
        """Whether the questions of the file are those with these keys."""
        return bool(self.manifest["stored"] == summary_of(keys))

    def rows_of(self, questions: Sequence[int]) -> pa.Table:
        """The rows of these questions, by their positions in the file, in order of the file."""
        order, offsets = group(self.rows)
        chosen = np.zeros(len(offsets) - 1, dtype=bool)
        chosen[list(questions)] = True
        return self.rows.take(order[np.repeat(chosen, np.diff(offsets))])


def finished_file(target: str | Path, settings: Mapping[str, Any], *, resume: bool = True) -> FinishedFile | None:
    """The finished run in this file, None where there is no file.

    Args:
        target: a path, or an fsspec URL.
        settings: which the run must have, as in its manifest.
        resume: whether the file may exist.

    Raises:
        FileExistsError: it exists, and resume is False.
        ValueError: it is a file of other rows or settings, or a run that wasn't finished; the message says which.
    """
    check_no_file(target, resume=resume)
    place = locate(target)
    if not place.is_file():
        return None
    rows = read_file(place)
    manifest = _manifest(place, metadata_of(rows).get(MANIFEST_ENTRY))
    if manifest is None:
        raise ValueError(f"{place} holds rows of no run that could go on: name another output")
    check_settings(place, manifest, as_json(settings))
    if not manifest["complete"]:
        raise ValueError(f"{place} was made of a run that wasn't finished: go on with that, or name another output")
    kept = {k: v for k, v in rows.schema.metadata.items() if k.decode(errors="replace") not in _OF_FILES}
    return FinishedFile(str(place), manifest, rows.replace_schema_metadata(kept))


def session_of(place: Place) -> str | None:
    """The id of the session that finished the run in this file; None for no file, "" for a file of no run."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not place.is_file():
        return None
    try:
        with place.open() as file:
            entry = (pq.ParquetFile(file).metadata.metadata or {}).get(MANIFEST_ENTRY.encode(), b"")
        manifest = _manifest(place, entry.decode() or None)
    except (pa.ArrowException, ValueError):
        manifest = None
    return "" if manifest is None else manifest["sessions"][-1]["id"]


def _manifest(place: Place, entry: str | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    name = f"the manifest in {place}"
    try:
        manifest = json.loads(entry)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{name} is damaged: {error}") from None
    return check_manifest(manifest, name)
