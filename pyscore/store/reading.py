"""Rows from a file or from a run's folder, and a run as one file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.store.files import Place, check_target, locate
from pyscore.store.grouping import by_position, group
from pyscore.store.manifest import MANIFEST, SET_ASIDE, read_manifest
from pyscore.store.parquet import read_file
from pyscore.store.parts import LOCK, ORDER, SKIPPED, Parts, is_leftover, is_part, read_part, read_parts, summary_of
from pyscore.store.schema import row_schema

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "MANIFEST_ENTRY",
    "check_no_file",
    "merge",
    "merge_run",
    "read_rows",
    "read_run",
    "remove_files",
    "remove_run",
    "run_folder",
    "stored_datasets",
]

MANIFEST_ENTRY = "manifest"
"""Of a merged file's metadata."""


def read_rows(path: str | Path) -> pa.Table:
    """Read a Parquet file of rows, or the folder of a run.

    Args:
        path: a path, or an fsspec URL.

    Returns:
        The rows; those of a run as `read_run` returns them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a folder that is no run, not Parquet or damaged, rows of another schema version, columns missing,
            of another kind or with nulls; the message says which.
    """
    place = locate(path)
    if not place.is_folder():
        return read_file(place)
    if read_manifest(place) is None:
        raise ValueError(f"{place} is a folder: name a Parquet file of rows, or the folder of a run")
    return read_run(path)


def read_run(path: str | Path) -> pa.Table:
    """The rows of a run, in the order of its questions.

    Args:
        path: the run's folder, a path or an fsspec URL. It may still be written: its whole parts are read.

    Returns:
        A table with the metadata of the first part, over it the manifest's entry "metadata", and "complete", which is
        "false" for a run that isn't finished.

    Raises:
        FileNotFoundError: there is no such run.
        ValueError: a part is damaged, or a question is in two of them (the message names the files); or the run is
            finished, and its parts were changed since.
    """
    import pyarrow as pa

    folder = locate(path)
    schema, tables = _open(folder, _manifest(folder))
    return pa.concat_tables([schema.empty_table(), *tables])


def stored_datasets(path: str | Path) -> dict[str, str | None]:
    """The data set of every stored question of a run, by its key; those that are set aside too."""
    folder = locate(path)
    parts = read_parts(folder)
    found: dict[str, str | None] = {}
    for name, keys in zip(parts.names, parts.part_keys, strict=True):
        table = read_part(folder / name)
        order, offsets = group(table)
        found.update(zip(keys, table["dataset"].take(order[offsets[:-1]]).to_pylist(), strict=True))
    return found


def merge_run(path: str | Path, target: str | Path) -> None:
    """Write the rows of a run as one Parquet file; ``target`` then holds all of them, or what it held before.

    Rows are in the order of the run's questions. In memory at a time are the parts whose questions stand between each
    other's: a block of the engine, or one part where parts were written in order. They become a row group of the
    file, whose metadata has the run's manifest.

    Args:
        path, target: the run's folder and the file to write, paths or fsspec URLs.

    Raises:
        FileNotFoundError, ValueError: as `read_run`.
        OSError: as `write_rows`.
    """
    folder = locate(path)
    merge(folder, _manifest(folder), target)


def merge(folder: Place, manifest: Mapping[str, Any], target: str | Path) -> None:
    """`merge_run` of a run whose manifest is known."""
    import pyarrow.parquet as pq

    place = locate(check_target(target))
    schema, tables = _open(folder, manifest)
    schema = schema.with_metadata({**schema.metadata, MANIFEST_ENTRY.encode(): json.dumps(manifest).encode()})
    with place.replacing() as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table.replace_schema_metadata(schema.metadata), row_group_size=table.num_rows)


def run_folder(path: str) -> str:
    """Where `score_to` keeps the parts of a run: a folder beside the file that the path names, or the path itself."""
    return f"{path}.run" if path.lower().endswith(".parquet") else path


def check_no_file(target: str | Path, *, resume: bool = False) -> None:
    """Raise FileExistsError if there is such a file, and it isn't to be resumed."""
    if not resume and locate(target).is_file():
        raise FileExistsError(f"{target} exists: pass resume (--resume) if it is this run, or name another output")


def remove_run(path: str | Path) -> None:
    """Remove a run's folder with its parts; other files in it stay, and the folder with them.

    Raises:
        BlockingIOError: another process writes the run.
    """
    folder = locate(path)
    if not folder.is_folder():
        return
    with (folder / LOCK).lock() or nullcontext():
        remove_files(folder)


def remove_files(folder: Place) -> None:
    """Remove what a run consists of, and the folder if nothing else is in it; its lock must be held.

    The manifest goes after the parts, so that what is left of an interrupted removal is still a run; the lock goes
    last, for who finds none makes another.
    """
    names = [name for name in folder.names() if is_part(name) or is_leftover(name)]
    for name in [*names, SKIPPED, ORDER, MANIFEST, LOCK]:
        (folder / name).remove()
    if not folder.names():
        folder.remove_folder()


def _manifest(folder: Place) -> dict[str, Any]:
    manifest = read_manifest(folder)
    if manifest is None:
        raise FileNotFoundError(f"no run in {folder}: it has no manifest")
    return manifest


def _open(folder: Place, manifest: Mapping[str, Any]) -> tuple[pa.Schema, Iterator[pa.Table]]:
    """The schema of a run's rows, and its parts one after the other.

    The manifest is read before the parts are: "complete" must not be said of fewer than all. Questions that it sets
    aside are left out.
    """
    parts = read_parts(folder)
    if manifest["complete"] and manifest["stored"] != summary_of(parts.keys):
        raise ValueError(f"{folder} doesn't hold what it held when it was finished: resume it, then read it again")
    schema = row_schema() if parts.schema is None else parts.schema
    complete = "true" if manifest["complete"] else "false"
    # The manifest's metadata, which the last session wrote, replaces that of the parts.
    entries = {"complete": complete, **manifest.get("metadata", {})}
    schema = schema.with_metadata({**schema.metadata, **{k.encode(): v.encode() for k, v in entries.items()}})
    aside = frozenset(manifest.get(SET_ASIDE, ()))
    return schema, (
        _in_order(folder, parts, some, aside).replace_schema_metadata(schema.metadata) for some in _overlapping(parts)
    )


def _overlapping(parts: Parts) -> list[list[int]]:
    """Parts, by their indices, in groups of those whose questions stand between each other's, in order."""
    groups: list[list[int]] = []
    end = -1
    for i in sorted(range(len(parts.names)), key=lambda i: min(parts.positions[i])):
        if groups and min(parts.positions[i]) <= end:
            groups[-1].append(i)
        else:
            groups.append([i])
        end = max(end, *parts.positions[i])
    return groups


def _in_order(folder: Place, parts: Parts, indices: list[int], aside: frozenset[str]) -> pa.Table:
    tables, positions = [], []
    for i in sorted(indices):
        table, kept = read_part(folder / parts.names[i]), np.array([key not in aside for key in parts.part_keys[i]])
        if not kept.all():
            # Before tables are joined: a question that was set aside may have the id of one that was not.
            order, offsets = group(table)
            table = table.take(order[np.repeat(kept, np.diff(offsets))])
        tables.append(table)
        positions.append(np.array(parts.positions[i])[kept])
    return by_position(tables, np.concatenate(positions))
