"""Some columns of a run's rows, some questions at a time: memory doesn't grow with the rows of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.store.files import Place, locate
from pyscore.store.grouping import group
from pyscore.store.manifest import SET_ASIDE, read_manifest
from pyscore.store.parts import keys_in, part_names, unreadable
from pyscore.store.schema import QUESTION_KEY, as_rows, row_schema
from pyscore.tasks.reading.remote import UnreachableError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BATCH_ROWS", "scan_run", "some_columns"]

BATCH_ROWS = 1 << 17
"""Parts are joined until they hold as many rows: of small ones each would cost more to begin than to read."""
_KEYS_AT_ONCE = 1 << 16


def scan_run(
    path: str | Path,
    columns: Sequence[str],
    *,
    datasets: Collection[str] | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[pa.Table]:
    """Columns of the rows of a run, all rows of some questions at a time, in the order in which they were written.

    Questions that the manifest sets aside are left out. What `read_run` refuses raises here too, where it shows: that
    parts were changed, or hold a question twice, only after the last table.

    Args:
        path: the run's folder, a path or an fsspec URL.
        columns: names of columns of rows.
        datasets: leave out the rows of others.
        batch_rows: how many rows a table has, at least, but for the last one; a part is never cut.

    Raises:
        FileNotFoundError, ValueError: as `read_run`.
    """
    import pyarrow as pa

    folder = locate(path)
    manifest = read_manifest(folder)
    if manifest is None:
        raise FileNotFoundError(f"no run in {folder}: it has no manifest")
    aside, keys = frozenset(manifest.get(SET_ASIDE, ())), []
    waiting: list[pa.Table] = []
    checked: list[pa.Schema] = []
    for name in part_names(folder.names()):
        table, own = _read(folder / name, columns, aside, checked)
        keys.append(own)
        waiting.append(table if datasets is None else _of_datasets(table, datasets))
        if sum(each.num_rows for each in waiting) >= batch_rows:
            yield pa.concat_tables(waiting)
            waiting = []
    if any(each.num_rows for each in waiting):
        yield pa.concat_tables(waiting)
    _check_keys(folder, manifest, pa.chunked_array(keys, pa.large_string()))


def some_columns(table: pa.Table, columns: Sequence[str], name: str) -> pa.Table:
    """Some columns of a file of rows, in exactly the types of rows.

    Args:
        table: the columns that the file has of these, or more.
        columns: which to give.
        name: of the file, for messages.

    Raises:
        ValueError: a column of another kind, or with nulls where rows have none.
    """
    import pyarrow as pa

    schema = row_schema(token_logprobs="token_logprobs" in columns)
    found = []
    for column in columns:
        field = schema.field(column)
        values = table[column] if column in table.column_names else pa.chunked_array([pa.nulls(len(table), field.type)])
        if not field.nullable and values.null_count:
            raise ValueError(f"{name} has no value in some rows of the column {column}: score them again")
        found.append(values if values.type == field.type else values.cast(field.type))
    return pa.table(found, schema=pa.schema([schema.field(column) for column in columns]))


def _read(
    place: Place, columns: Sequence[str], aside: frozenset[str], checked: list[pa.Schema]
) -> tuple[pa.Table, pa.Array]:
    """The rows of a part that aren't set aside, and the keys of all its questions.

    ``checked`` are schemas of rows, to which that of the part is added: as a rule all parts have the first one's.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with place.open() as file:
            parquet = pq.ParquetFile(file, page_checksum_verification=True)
            schema = parquet.schema_arrow
            keys, _ = keys_in(parquet.metadata.metadata or {})
            if not any(_same(schema, each) for each in checked):
                as_rows(schema.empty_table(), str(place))
                checked.append(schema)
            kept = np.array([key not in aside for key in keys]) if aside else np.ones(len(keys), dtype=bool)
            wanted = [*columns] if kept.all() else [*{*columns, *QUESTION_KEY}]
            table = parquet.read([name for name in wanted if name in schema.names], use_threads=False)
        table.validate(full=True)
    except UnreachableError:
        raise
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise unreadable(place, error) from None
    if not kept.all():
        order, offsets = group(table)
        table = table.take(pa.array(order[np.repeat(kept, np.diff(offsets))]))
    return some_columns(table, columns, str(place)), pa.array(keys, pa.large_string())


def _same(schema: pa.Schema, other: pa.Schema) -> bool:
    """Whether two parts have the same columns, of one version; the rest of their metadata differs always."""
    versions = {(each.metadata or {}).get(b"schema_version") for each in (schema, other)}
    return len(versions) == 1 and schema.equals(other, check_metadata=False)


def _of_datasets(table: pa.Table, datasets: Collection[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen = pc.is_in(table["dataset"], pa.array(datasets, pa.string()))
    return table if pc.all(chosen, min_count=0).as_py() else table.filter(chosen)


def _check_keys(folder: Place, manifest: Mapping[str, Any], keys: pa.ChunkedArray) -> None:
    """Raise ValueError where a key is there twice, or a finished run doesn't hold those that it held."""
    import pyarrow.compute as pc

    rising = keys.combine_chunks().take(pc.sort_indices(keys))
    if len(rising) > 1 and pc.any(pc.equal(rising[1:], rising[:-1])).as_py():
        raise ValueError(
            f"{folder} has a question twice: two processes wrote the run at once; `pyscore.store.read_run` names the "
            "parts"
        )
    if manifest["complete"] and manifest["stored"] != {"questions": len(rising), "keys_sha256": _digest(rising)}:
        raise ValueError(f"{folder} doesn't hold what it held when it was finished: resume it, then read it again")


def _digest(keys: pa.Array) -> str:
    """As `pyscore.store.parts.summary_of` of sorted keys, of which a few at a time become Python's strings."""
    digest = hashlib.sha256()
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        lines = "\n".join(keys[start : start + _KEYS_AT_ONCE].to_pylist())
        digest.update((lines if start == 0 else f"\n{lines}").encode())
    return digest.hexdigest()
