"""Record: one row of a file or a table, its values under their keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Record", "required", "whole"]


class Record(NamedTuple):
    """One row.

    Attributes:
        row: its number from 0, as ids have it; in JSONL blank lines are counted.
        values: its keys and values.
        where: where it stands, for messages: "line 3" of text, "row 3" of a table, each counted from 1.
    """

    row: int
    values: dict[str, Any]
    where: str


def required(values: Mapping[str, Any], key: str, kind: type | tuple[type, ...]) -> Any:
    """The value of a key that must be there and have one of the given types, else ValueError.

    Where an integer may stand, a float that is one is read as it, and NaN as nothing: a column of integers with one
    empty cell is a column of floats in pandas.
    """
    if key not in values:
        raise ValueError(f"the key {key!r} is missing (keys found: {', '.join(map(repr, values)) or 'none'})")
    value = values[key]
    if type(value) is kind:
        return value
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if int in kinds and float not in kinds:
        value = whole(value)
    # bool is a subclass of int, but true is no number in a data file.
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join(k.__name__ for k in kinds)
        found = "NaN, an empty cell" if value is None and values[key] is not None else type(value).__name__
        raise ValueError(f"{key!r} must be {names}, found {found}")
    return value


def whole(value: Any) -> Any:
    """The integer that a float is, None of NaN, and any other value as it stands."""
    if not isinstance(value, float):
        return value
    if value != value:
        return None
    return int(value) if value.is_integer() else value
