"""Tables in memory: of datasets, pandas, Polars and Arrow, and whatever gives mappings one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pyscore.tasks.reading.columnar import arrow, read_batches
from pyscore.tasks.reading.place import Place
from pyscore.tasks.reading.record import Record

__all__ = ["TablePlace", "is_table", "table_place"]

_ROWS = 1024


@dataclass(frozen=True)
class TablePlace(Place):
    """A table, or an iterable of mappings."""

    name: str
    stem: str
    read: Callable[[str], Iterator[Record]]

    @contextmanager
    def records(self, header: Sequence[str] | None = None) -> Iterator[Iterator[Record]]:
        if header is not None:
            raise ValueError(f"{self.name} names its columns: a header is for CSV and TSV without one")
        yield self.read(self.name)


def is_table(source: Any) -> bool:
    """Whether a source is a table or gives mappings, and isn't the name of something."""
    return _reader(source) is not None


def table_place(source: Any, name: str | None = None, stem: str | None = None) -> TablePlace:
    """A table as a place.

    Args:
        source: for which `is_table` is true.
        name, stem: of the place; by default its type, and the data set's name or "table".

    Raises:
        TypeError: it is none.
    """
    reader = _reader(source)
    if reader is None:
        raise TypeError(f"rows are read from files and tables, got {type(source).__name__}")
    own = getattr(getattr(source, "info", None), "dataset_name", None) if _is(source, "datasets") else None
    described = f"the {type(source).__name__}" + (f" {own!r}" if isinstance(own, str) else "")
    return TablePlace(name or described, stem or (own if isinstance(own, str) else "") or "table", reader)


def _reader(source: Any) -> Callable[[str], Iterator[Record]] | None:
    if _is(source, "datasets"):
        if isinstance(source, dict):
            splits = ", ".join(map(repr, source))
            raise ValueError(f"a {type(source).__name__} is several data sets: give one of its splits, {splits}")
        return lambda name: _of_datasets(source, name)
    if _is(source, "pandas") and hasattr(source, "iloc") and hasattr(source, "columns"):
        return lambda name: _of_pandas(source, name)
    if _is(source, "polars") and hasattr(source, "collect_batches"):
        return lambda name: _of_streams(source.collect_batches(maintain_order=True, chunk_size=_ROWS), name)
    if hasattr(source, "__arrow_c_stream__"):
        return lambda name: _of_streams([source], name)
    if isinstance(source, str | bytes | Mapping) or hasattr(source, "__fspath__"):
        return None
    return (lambda name: _of_mappings(source, name)) if isinstance(source, Iterable) else None


def _is(source: Any, package: str) -> bool:
    """Whether it is of a package, which needn't be imported to tell."""
    return any(kind.__module__.split(".")[0] == package for kind in type(source).__mro__)


def _of_datasets(source: Any, name: str) -> Iterator[Record]:
    kept = getattr(source, "format", None)
    if not hasattr(source, "__len__") or (isinstance(kept, dict) and kept.get("type") == "custom"):
        # Batches of a stream would have one type a column each, which rows of JSON needn't have.
        return _of_mappings(_in_one_line(source.with_format(None) if kept is None else source, name), name)
    columns = kept.get("columns") if isinstance(kept, dict) else None
    tables = source.with_format("arrow", columns=columns)
    return read_batches(tables.iter(_ROWS), list(columns or source.column_names), name)


def _in_one_line(source: Iterable[Any], name: str) -> Iterator[Any]:
    """The rows of a stream of datasets, whose own errors go over many lines and don't name it."""
    row = 0
    try:
        for values in source:
            yield values
            row += 1
    except Exception as error:
        kind = OSError if isinstance(error, OSError) else ValueError
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise kind(f"{name} can't be read on after {row} rows: {reason}") from error


def _of_streams(streams: Iterable[Any], name: str) -> Iterator[Record]:
    pa = arrow(name)
    readers = (pa.RecordBatchReader.from_stream(stream) for stream in streams)
    try:
        first = next(readers, None)
    except pa.ArrowException as error:
        raise TypeError(f"{name} is no table that Arrow can hold: {str(error).splitlines()[0]}") from None
    if first is None:
        return iter(())
    batches = chain(first, (batch for reader in readers for batch in reader))
    return read_batches(batches, first.schema.names, name)


def _of_pandas(source: Any, name: str) -> Iterator[Record]:
    names = list(source.columns)
    other = next((each for each in names if not isinstance(each, str)), None)
    if other is not None:
        raise ValueError(f"{name}: columns must have text as names, found {other!r}: rename them")
    twice = next((each for each in names if names.count(each) > 1), None)
    if twice is not None:
        raise ValueError(f"{name}: the column {twice!r} stands there more than once: rename one of them")
    return _pandas_rows(source, names)


def _pandas_rows(source: Any, names: list[str]) -> Iterator[Record]:
    row = 0
    for start in range(0, len(source), _ROWS):
        part = source.iloc[start : start + _ROWS]
        # Missing values are NaN, NaT or pd.NA by the column's type; none of them is a value.
        columns = [part[each].astype(object).where(part[each].notna(), None).tolist() for each in names]
        for values in zip(*columns, strict=True):
            yield Record(row, dict(zip(names, map(_plain, values), strict=True)), f"row {row + 1}")
            row += 1


def _of_mappings(source: Iterable[Any], name: str) -> Iterator[Record]:
    for row, values in enumerate(source):
        if not isinstance(values, Mapping):
            raise TypeError(f"{name}, row {row + 1}: a mapping of keys to values is needed, found {values!r:.60}")
        yield Record(row, {key: _plain(value) for key, value in values.items()}, f"row {row + 1}")


def _plain(value: Any) -> Any:
    """A value without NumPy's types, within lists and mappings too; tuples become lists, as in JSON."""
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return value
    if kind.__module__ == "numpy":
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "to_pydatetime"):  # pandas' own type of times
        return value.to_pydatetime()
    return value
