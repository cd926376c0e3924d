"""The current rows of a study as Arrow record batches, for DuckDB, Polars and whatever else reads Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pyscore.results.sources import Paths, open_sources
from pyscore.store.bounded import LOW, has_bounds
from pyscore.store.schema import row_schema

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["scan"]

_ADDED = {"family": "string", "size": "float64", "tags": "string", "template": "string"}


def scan(path: Paths, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
    """The rows that tables of a study are made of, one run after the other, without holding more than a batch.

    Files of a run's folder also hold rows that count no longer: questions that were edited or removed since, data sets
    that the study doesn't have any more, weights that were replaced. These are left out. So are data sets of which a
    question can't be scored, where the study doesn't skip those.

    Args:
        path: as in `tidy`.
        columns: names of columns of rows, or of "family", "size", "tags" (a JSON object) and "template" (its name),
            which are added; by default all of them.

    Returns:
        A reader, which can be read once. Rows of one question stand together; questions come in the order in which they
        were written. ``model``, ``revision`` and ``step`` are those of the study.

    Raises:
        ValueError: an unknown column; and while it is read, damaged files, or upper bounds of log-probabilities where
            "logprob" was asked for without "logprob_low".
        FileNotFoundError: as `tidy`.
    """
    import pyarrow as pa

    rows = row_schema()
    known = [*rows.names, *_ADDED]
    names = list(known if columns is None else columns)
    unknown = [name for name in names if name not in known]
    if not names or unknown:
        raise ValueError(f"columns has {unknown[:1] or 'no name'}: give some of {', '.join(known)}")
    groups = [group for source in open_sources(path) for group in source.groups]
    schema = pa.schema([pa.field(n, getattr(pa, _ADDED[n])()) if n in _ADDED else rows.field(n) for n in names])
    own = [name for name in names if name not in _ADDED]
    # The data sets of a run are told apart by their column, whether or not it is asked for.
    read = [*dict.fromkeys([*own, "dataset", *((LOW,) if "logprob" in own else ())])]

    def batches() -> Iterator[pa.RecordBatch]:
        for group in groups:
            for table in group.scan(read):
                if LOW in read and LOW not in own and has_bounds(table):
                    raise ValueError(
                        f"{group.name}: some rows have upper bounds in the column logprob: ask for {LOW} as well, "
                        "which holds the lower bounds and is null where logprob is exact"
                    )
                for name in ("model", "revision", "step", *_ADDED):
                    if name in names:
                        values = pa.repeat(pa.scalar(group.labels[name], schema.field(name).type), table.num_rows)
                        at = table.column_names.index(name) if name in table.column_names else table.num_columns
                        table = (
                            table.append_column(name, values)
                            if at == table.num_columns
                            else table.set_column(at, name, values)
                        )
                yield from table.select(names).cast(schema).to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())
