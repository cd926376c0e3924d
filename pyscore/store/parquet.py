"""Parquet files of rows: written whole or not at all, read with a clear word on what is wrong."""

from __future__ import annotations

from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pyscore.store.files import Place, check_target, locate
from pyscore.store.remote_files import RemotePlace
from pyscore.store.schema import as_rows, check_schema
from pyscore.tasks.reading.remote import UnreachableError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_file", "write_rows"]


def write_rows(table: pa.Table, path: str | Path) -> None:
    """Write rows as Parquet so that ``path`` holds the whole table or what it held before, never a part.

    Args:
        table: rows as `Scorer.score` returns them.
        path: a path, or an fsspec URL; what remote file systems guarantee is in docs/store.md.

    Raises:
        ValueError: the table isn't one of rows.
        OSError: as `check_target`, or the disk refused; nothing is left behind.
    """
    import pyarrow.parquet as pq

    check_schema(table.schema, "the table")
    with locate(check_target(path)).replacing() as file:
        pq.write_table(table, file, compression="zstd")


def read_file(place: Place) -> pa.Table:
    """One Parquet file of rows; the metadata is all that the file has.

    Raises:
        FileNotFoundError, ValueError: as `read_rows`.
    """
    try:
        opened = _content(place)
    except (FileNotFoundError, IsADirectoryError):
        raise FileNotFoundError(f"no such file: {place}") from None
    except UnreachableError:
        raise
    except OSError as error:
        raise _damaged(place, error) from None
    # Only where there is a file: a mistyped name is told without them, which take long to import.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with opened as file:
            table = pq.ParquetFile(file, page_checksum_verification=True).read()
        table.validate(full=True)  # Nothing less finds damaged text.
    except (pa.ArrowException, OSError) as error:
        raise _damaged(place, error) from None
    return as_rows(table, str(place))


def _damaged(place: Place, error: Exception) -> ValueError:
    log = str(place).endswith((".json", ".jsonl", ".eval"))
    hint = ". The log of another harness? `pyscore compare` reads those of lm-evaluation-harness and inspect"
    return ValueError(
        f"{place} is not a Parquet file of rows, or damaged: {str(error).splitlines()[0]}{hint if log else ''}"
    )


def _content(place: Place) -> AbstractContextManager[IO[bytes]]:
    """The file, to be read as a whole: behind a URL in one request, and not one for each column."""
    return BytesIO(place.read()) if isinstance(place, RemotePlace) else place.open()
