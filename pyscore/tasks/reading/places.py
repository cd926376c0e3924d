"""`places_of`: the files or tables that a source of questions stands for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from pyscore.tasks.reading.files import FilePlace
from pyscore.tasks.reading.hub import PREFIX, hub_place
from pyscore.tasks.reading.listing import files_of
from pyscore.tasks.reading.packed import ending_of
from pyscore.tasks.reading.place import Place
from pyscore.tasks.reading.remote import is_url
from pyscore.tasks.reading.tables import TablePlace, is_table, table_place

__all__ = ["Place", "places_of"]


def places_of(source: Any) -> list[Place]:
    """The places of a source, at least one, in order; their stems differ.

    Args:
        source: a path, a pattern or a URL of a file, of a folder or of a zip archive, whose files are then taken in
            order; a file in an archive, ``a.zip::b.jsonl``; "-", standard input; ``hf:owner/name/config:split``, a data
            set of the hub; a data set of datasets; a table of pandas, Polars or Arrow; an iterable of mappings; or a
            list of any of these.

    Raises:
        FileNotFoundError: it isn't there.
        TypeError: it is none of these.
        ValueError: it can't be read as what it is, or stands there twice.
        ImportError: a package is missing that it needs.
    """
    places = _places(source)
    if not places:
        raise ValueError("an empty list holds no questions: give at least one file or table")
    return _with_own_stems(places)


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


def _with_own_stems(places: Sequence[Place]) -> list[Place]:
    """The places; where several have one stem, with folders before it, and its ending if these are the same as well."""
    taken: dict[str, list[Place]] = {}
    for place in places:
        taken.setdefault(place.stem, []).append(place)
    called: dict[int, str] = {}
    for same in taken.values():
        if len(same) > 1:
            called |= zip(map(id, same), _told_apart(same), strict=True)
    return [_called(place, called[id(place)]) if id(place) in called else place for place in places]


def _told_apart(places: Sequence[Place]) -> list[str]:
    files = [place for place in places if isinstance(place, FilePlace)]
    if len(files) < len(places):
        return [f"{place.stem}-{number}" for number, place in enumerate(places, 1)]
    twice = next((place for i, place in enumerate(files) if place.origin in [each.origin for each in files[:i]]), None)
    if twice is not None:
        raise ValueError(f"{twice.name} is given twice: name it once")
    folders = [place.origin.path.split("/")[:-1] for place in files]
    shared = len(list(takewhile(lambda level: len(set(level)) == 1, zip(*folders, strict=False))))
    names = ["/".join([*folder[shared:], place.stem]) for folder, place in zip(folders, files, strict=True)]
    if len(set(names)) == len(names):
        return names
    whole = [name + ending_of(place.origin.path) for name, place in zip(names, files, strict=True)]
    if len(set(whole)) == len(whole):
        return whole
    return [f"{name}-{number}" for number, name in enumerate(whole, 1)]


def _called(place: Place, stem: str) -> Place:
    if isinstance(place, FilePlace):
        return replace(place, called=stem)
    return replace(place, stem=stem) if isinstance(place, TablePlace) else place
