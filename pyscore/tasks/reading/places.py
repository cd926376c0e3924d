"""`places_of`: the files or tables that a source of questions stands for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pyscore._urls import is_url
from pyscore.tasks.reading.hub import PREFIX, hub_place
from pyscore.tasks.reading.listing import files_of
from pyscore.tasks.reading.place import Place
from pyscore.tasks.reading.tables import is_table, table_place

__all__ = ["places_of"]


def places_of(source: Any) -> list[Place]:
    """The places of a source, at least one, in order.

    Args:
        source: a path, a pattern or a URL of a file, of a folder or of a zip archive, whose files are then taken in
            order; a file in an archive, ``a.zip::b.jsonl``; "-", standard input; ``hf:owner/name/config:split``, a data
            set of the hub; a data set of datasets; a table of pandas, Polars or Arrow; an iterable of mappings; or a
            list of any of these.

    Raises:
        FileNotFoundError: it isn't there.
        TypeError: it is none of these.
        ValueError: it can't be read as what it is.
        ImportError: a package is missing that it needs.
    """
    places = _places(source)
    if not places:
        raise ValueError("an empty list holds no questions: give at least one file or table")
    return places


def _places(source: Any) -> list[Place]:
    if isinstance(source, str) and source.startswith(PREFIX) and not is_url(source):
        return [hub_place(source)]
    if isinstance(source, str | os.PathLike):
        return list(files_of(source))
    if isinstance(source, list | tuple) and not (source and isinstance(source[0], Mapping)):
        return [place for each in source for place in _places(each)]
    if is_table(source):
        return [table_place(source)]
    if isinstance(source, Mapping):
        raise TypeError(f"a {type(source).__name__} is one row, or columns: give a list of rows, or a table")
    raise TypeError(f"questions are read from a path, a URL, a table or rows, got {type(source).__name__}")
