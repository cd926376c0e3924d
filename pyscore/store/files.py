"""What a path or an fsspec URL names, and what may be written there."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pyscore.store.local_files import LocalPlace
from pyscore.store.place import Place
from pyscore.store.remote_files import RemotePlace
from pyscore.tasks.reading.remote import reached

__all__ = ["Place", "check_format", "check_target", "locate", "written_for"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::|://)")
_TEMPORARY = re.compile(r"\.(.+)\.[^.]+\.tmp")

_OTHER_FORMATS = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".yaml", ".yml", ".xml", ".html", ".md", ".xlsx", ".xls"),
    *(".arrow", ".feather", ".ipc", ".orc", ".avro", ".db", ".sqlite", ".duckdb", ".pkl", ".pickle", ".npy", ".npz"),
    *(".pq", ".pt", ".safetensors", ".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz"),
)


def locate(path: str | Path) -> Place:
    """The place that a path or an fsspec URL (``s3://...``, ``memory://...``) names.

    Raises:
        TypeError: neither a string nor a path.
        ValueError: a URL of an unknown kind.
        ImportError: the URL's kind needs a package that isn't installed; the message names it.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a string or a path, got {type(path).__name__}")
    if path == "":
        raise ValueError("the path is empty: name a file or a folder")
    if not isinstance(path, str) or not _URL.match(path):
        return LocalPlace(Path(path))
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    try:
        with reached(path):
            files, inner = url_to_fs(path)
    except (ImportError, ValueError) as error:  # There is no package for such URLs, or no such kind of URL.
        raise type(error)(f"{path} can't be used: {error}") from None
    return LocalPlace(Path(inner)) if isinstance(files, LocalFileSystem) else RemotePlace(files, inner)


def check_format(path: str | Path) -> None:
    """Raise ValueError if the name is that of another kind of file: rows are Parquet, or a folder of it."""
    suffix = os.path.splitext(str(path).rstrip("/"))[1].lower()
    if suffix in _OTHER_FORMATS:
        raise ValueError(
            f"{path} names a {suffix} file, and rows are written as Parquet: "
            "name a file that ends in .parquet, or a folder without such an ending"
        )


def written_for(name: str) -> str | None:
    """The name of the file that the temporary file of this name was to become; None where it is no such file."""
    found = _TEMPORARY.fullmatch(name)
    return found[1] if found else None


def check_target(path: str | Path) -> str | Path:
    """The path, if a file can be written there: to be asked before a long run, not after it.

    Args:
        path: a path, or an fsspec URL; whether a remote file system lets one write shows only on writing.

    Raises:
        ValueError: the name ends as that of another kind of file, say ".csv".
        FileNotFoundError: the folder doesn't exist.
        IsADirectoryError: the path is a folder.
        PermissionError: no file can be made in the folder.
    """
    place = locate(path)
    check_format(path)
    if place.is_folder():
        raise IsADirectoryError(f"{place} is a folder: name a file to write, for example {place / 'rows.parquet'}")
    place.check_writable()
    return path
