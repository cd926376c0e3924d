"""Where the rows of a run are that stopped early, or whose results can't be shown."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pyscore.cli.text import say

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["kept_unless_shown", "saying_what_is_stored"]


@contextmanager
def saying_what_is_stored(output: str) -> Iterator[None]:
    """When a run stops early, one line tells that its rows are not lost; not where it is refused before it begins."""
    from pyscore.store import run_folder

    before = _stored(output)
    try:
        yield
    except BaseException as error:
        stored = _stored(output)
        if stored and (stored != before or not isinstance(error, ValueError)):
            say(f"{stored} rows are stored in {run_folder(output)}; --resume goes on after them")
        raise


def _stored(output: str) -> int | None:
    from pyscore.store import read_run, run_folder

    with suppress(ValueError, OSError):
        return int(read_run(run_folder(output)).num_rows)
    return None


@contextmanager
def kept_unless_shown(table: pa.Table, output: str | None) -> Iterator[None]:
    """Whatever keeps the results from being shown, what was scored is in a file, and one line tells in which."""
    try:
        yield
    except BaseException:
        if output is not None:
            say(f"the rows are in {output}: `pyscore summarize` shows them")
        elif table.num_rows:
            say(_saved(table))
        raise


def _saved(table: pa.Table) -> str:
    """Where these rows were put, as a line to read: into the current folder, else among the temporary files."""
    from pyscore.store import write_rows

    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        path = folder / f"pyscore-rows-{uuid.uuid4().hex[:8]}.parquet"
        with suppress(OSError):
            write_rows(table, path)
            return f"the rows are kept in {path}: `pyscore summarize` shows them"
    return "the rows could be written neither into the current folder nor among the temporary files: they are lost"
