"""Parquet and Arrow, rows as Python values, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from pyscore.tasks.reading.record import Record
from pyscore.tasks.reading.remote import UnreachableError

__all__ = ["arrow", "read_arrow_file", "read_arrow_stream", "read_batches", "read_parquet"]

_ROWS = 1024  # of a batch: measured beside 256 and 16,384, no slower than either
_BUFFER = 2**20
"""Bytes of a column that are read at once: without it, all of a row group's would be, which may be the whole file."""


def arrow(name: str) -> Any:
    """pyarrow, or one ImportError that names what needs it."""
    try:
        import pyarrow
    except ImportError:
        raise ImportError(f"{name} needs pyarrow: pip install 'pyscore-engine[engine]'") from None
    return pyarrow


def read_parquet(file: BinaryIO, name: str) -> Iterator[Record]:
    """The rows of a Parquet file, which can go back and forth."""
    arrow(f"{name}, a Parquet file,")
    from pyarrow.parquet import ParquetFile

    with _damaged(name, "Parquet"):
        opened = ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
    return read_batches(_guarded(opened.iter_batches(_ROWS), name, "Parquet"), opened.schema_arrow.names, name)


def read_arrow_file(file: BinaryIO, name: str) -> Iterator[Record]:
    """The rows of an Arrow file (Feather, too), which can go back and forth."""
    arrow(f"{name}, an Arrow file,")
    from pyarrow import ipc

    with _damaged(name, "Arrow"):
        opened = ipc.open_file(file)
    batches = (opened.get_batch(i) for i in range(opened.num_record_batches))
    return read_batches(_guarded(batches, name, "Arrow"), opened.schema.names, name)


def read_arrow_stream(file: BinaryIO, name: str) -> Iterator[Record]:
    """The rows of a stream of Arrow's."""
    arrow(f"{name}, a stream of Arrow,")
    from pyarrow import ipc

    with _damaged(name, "Arrow"):
        opened = ipc.open_stream(file)
    return read_batches(_guarded(opened, name, "Arrow"), opened.schema.names, name)


def read_batches(batches: Iterable[Any], names: list[str], name: str) -> Iterator[Record]:
    """The rows of record batches or tables with columns of these names.

    Raises:
        ValueError: two columns have one name.
    """
    twice = next((each for each in names if names.count(each) > 1), None)
    if twice is not None:
        raise ValueError(f"{name}: the column {twice!r} stands there more than once: rename one of them")
    return _records(batches)


def _records(batches: Iterable[Any]) -> Iterator[Record]:
    row = 0
    for batch in batches:
        for start in range(0, batch.num_rows, _ROWS):  # a batch of an Arrow file may be all of it
            for values in batch.slice(start, _ROWS).to_pylist():
                row += 1
                yield Record(row - 1, values, f"row {row}")


def _guarded(batches: Iterable[Any], name: str, kind: str) -> Iterator[Any]:
    with _damaged(name, kind):
        yield from batches


@contextmanager
def _damaged(name: str, kind: str) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (UnreachableError, FileNotFoundError):
        raise
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(
            f"{name} can't be read as {kind}, it breaks off or is damaged ({reason}): copy or download it again"
        ) from None
