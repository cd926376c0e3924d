"""Values of a row by name, also those inside of others: "doc.question", "choices.text"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["names_in", "numbered", "value_at"]

_SHOWN = 24


def value_at(values: Mapping[str, Any], name: str) -> Any:
    """The value that a name stands for.

    A key of exactly this name comes first, dots and all. Else the part before a dot is a key, the longest that there
    is, and the rest names what is inside of its value: a key of a mapping, a position in a list, or a key of each
    mapping in a list, which gives a list.

    Raises:
        ValueError: there is none; the message lists the names that there are.
    """
    try:
        return _value(values, name)
    except KeyError:
        raise ValueError(f"there is no column {name!r} (columns: {_listed_names(values)})") from None


def _value(value: Any, name: str) -> Any:
    if isinstance(value, list | tuple):
        if name.isascii() and name.isdigit() and len(name) < 9 and int(name) < len(value):
            return value[int(name)]
        if value and all(isinstance(each, Mapping) for each in value):
            return [_value(each, name) for each in value]
        raise KeyError(name)
    if not isinstance(value, Mapping):
        raise KeyError(name)
    if name in value:
        return value[name]
    for dot in reversed([match.start() for match in re.finditer(r"\.", name)]):
        if name[:dot] in value:
            return _value(value[name[:dot]], name[dot + 1 :])
    raise KeyError(name)


def names_in(values: Mapping[str, Any]) -> list[str]:
    """The names of a row's values, those inside of mappings and of lists of mappings in the place of these."""
    found: list[str] = []
    for key, value in values.items():
        inner = value[0] if isinstance(value, list) and value else value
        inside = [f"{key}.{name}" for name in inner] if isinstance(inner, Mapping) and len(inner) < 12 else []
        found += inside or [str(key)]
    return found


def _listed_names(values: Mapping[str, Any]) -> str:
    """The names of a row, for a message."""
    names = names_in(values)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(map(repr, names[:_SHOWN])) or "none") + more


def numbered(values: Mapping[str, Any], name: str) -> list[str]:
    """The keys that are a name and a number or a letter, in this order: "choice1", "choice2"; "opa", "opb".

    Numbers and letters must run without a gap, from 0, 1, A or a; else there are none.
    """
    pattern = re.compile(rf"{re.escape(name)}[ _-]?(?:(\d{{1,3}})|([A-Z])|([a-z]))")
    matches = [match for key in values if (match := pattern.fullmatch(key)) is not None]
    for group, first in ((1, 0), (1, 1), (2, ord("A")), (3, ord("a"))):
        found = [(int(m[1]) if group == 1 else ord(m[group]), m[0]) for m in matches if m[group] is not None]
        found.sort()
        if len(found) > 1 and [n for n, _ in found] == list(range(first, first + len(found))):
            return [key for _, key in found]
    return []
