"""Parquet files of rows: written whole or not at all, read with a clear word on what is wrong."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pyscore.store.schema import as_rows, check_schema

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_target", "read_rows", "write_rows"]


def check_target(path: str | Path) -> Path:
    """The path, if a file can be written there: to be asked before a long run, not after it.

    Raises:
        FileNotFoundError: the folder doesn't exist.
        IsADirectoryError: the path is a folder.
        PermissionError: no file can be made in the folder.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file to write, for example {path / 'rows.parquet'}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"can't write {path}: the folder {path.parent} doesn't exist")
    try:
        # Asked of the file system itself: permissions alone don't tell of read-only and virtual ones, nor of root.
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent):
            return path
    except OSError as error:
        reason = error.strerror or str(error)
        raise PermissionError(
            f"can't write {path}: no file can be made in the folder {path.parent} ({reason})"
        ) from None


def write_rows(table: pa.Table, path: str | Path) -> None:
    """Write rows as Parquet so that ``path`` holds the whole table or what it held before, never a part.

    Raises:
        ValueError: the table isn't one of rows.
        OSError: as `check_target`, or the disk refused; nothing is left behind.
    """
    import pyarrow.parquet as pq

    check_schema(table.schema, "the table")
    path = check_target(path)
    # In the same folder, for os.replace is atomic only within one file system.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            pq.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _permissions(path))
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
    _sync_folder(path.parent)


def _permissions(path: Path) -> int:
    """The mode of the file that is replaced, else what the process's umask gives a new file; mkstemp gives 0600."""
    with suppress(FileNotFoundError):
        return path.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a crash, where folders can be synced (not on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_rows(path: str | Path) -> pa.Table:
    """Read a Parquet file of rows.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a folder, not Parquet or damaged, rows of another schema version, columns missing, of another kind
            or with nulls; the message says which.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a Parquet file of rows")
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        table = pq.ParquetFile(path).read()
        table.validate(full=True)  # damaged text is found only so
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is not a Parquet file of rows, or damaged: {str(error).splitlines()[0]}") from None
    return as_rows(table, str(path))
