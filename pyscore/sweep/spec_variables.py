"""Variables of a study file, and entries that stand for several."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Mapping
from typing import Any

from pyscore.sweep.spec_yaml import Mistakes, Where, nearest

__all__ = ["MOST_ENTRIES", "expanded", "numbers", "resolved_variables", "substituted"]

MOST_ENTRIES = 10_000
"""How many checkpoints, or data sets, a study file may stand for."""
_LONGEST = 10_000
_REFERENCE = re.compile(r"\$(?:\$|\{([^{}]*)\}|)")

Scalars = Mapping[str, str | int | float | bool]


def substituted(value: Any, variables: Scalars, mistakes: Mistakes, path: Where = (), later: Any = ()) -> Any:
    """The value, with ``${name}`` in its texts replaced, and ``$$`` by a dollar sign.

    A text that is one reference and nothing else becomes the variable's own value, a number say.

    Args:
        value: of the file.
        variables: by their names; ``${env:NAME}`` is a variable of the environment.
        mistakes: where a variable that isn't there is noted.
        path: of the value.
        later: names that are left as they are, and so is ``$$`` where there are any.
    """
    if isinstance(value, dict):
        own = {*later, *_loop_names(value)}
        return {key: substituted(each, variables, mistakes, (*path, key), own) for key, each in value.items()}
    if isinstance(value, list):
        return [substituted(each, variables, mistakes, (*path, i), later) for i, each in enumerate(value)]
    if not isinstance(value, str) or "$" not in value:
        return value

    def found(match: re.Match[str]) -> Any:
        name = match[1]
        if match[0] == "$$":
            return "$$" if later else "$"
        if name is None:
            mistakes.add(path, f"{value!r:.80}: a lone '$': write $$ for the sign, ${{name}} for a variable")
            return ""
        if name in later:
            return match[0]
        return _looked_up(name, variables, mistakes, path)

    whole = _REFERENCE.fullmatch(value)
    if whole is not None:
        return found(whole)
    text = _REFERENCE.sub(lambda match: _text(found(match)), value)
    if len(text) > _LONGEST:
        mistakes.add(path, f"longer than {_LONGEST:,} characters, with its variables")
        return text[:_LONGEST]
    return text


def resolved_variables(given: Any, mistakes: Mistakes) -> Scalars:
    """The variables by their names, those that they refer to put in: each may name those before it."""
    found: dict[str, str | int | float | bool] = {}
    if not isinstance(given, dict):
        if given is not None:
            mistakes.add(("variables",), "must be a mapping from names to values")
        return found
    for name, value in given.items():
        path = ("variables", name)
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            mistakes.add(path, "a variable's name has letters, digits and underscores")
        elif not isinstance(value, str | int | float | bool):
            mistakes.add(path, "must be a text, a number, true or false")
        else:
            found[name] = substituted(value, found, mistakes, path)
    return found


def expanded(entry: Any, mistakes: Mistakes, path: Where) -> list[Any]:
    """The entries that one with ``for_each`` stands for: the product of its lists, the last one fastest."""
    if not isinstance(entry, dict) or "for_each" not in entry:
        return [entry]
    loops, rest = entry["for_each"], {key: value for key, value in entry.items() if key != "for_each"}
    path = (*path, "for_each")
    if not isinstance(loops, dict) or not loops:
        mistakes.add(path, "must be a mapping from names to lists, such as {step: [0, 1000]}")
        return []
    axes = {name: _axis(values, mistakes, (*path, name)) for name, values in loops.items()}
    if math.prod(len(values) for values in axes.values()) > MOST_ENTRIES:
        mistakes.add(path, f"stands for more than {MOST_ENTRIES:,} entries")
        return []
    made = (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
    return [substituted(rest, values, mistakes, path[:-1]) for values in made]


def numbers(given: Any, mistakes: Mistakes, path: Where) -> list[int]:
    """The numbers of a range [first, last, by], the last one included."""
    whole = isinstance(given, list) and len(given) == 3 and all(type(each) is int for each in given)
    if not whole or given[2] < 1 or given[1] < given[0]:
        mistakes.add(path, "must be [first, last, by], whole numbers, first to last going up")
        return []
    found = range(given[0], given[1] + 1, given[2])
    if len(found) > MOST_ENTRIES:
        mistakes.add(path, f"more than {MOST_ENTRIES:,} numbers")
        return []
    return list(found)


def _loop_names(value: Mapping[str, Any]) -> list[str]:
    loops = value.get("for_each")
    return list(loops) if isinstance(loops, dict) else []


def _axis(values: Any, mistakes: Mistakes, path: Where) -> list[Any]:
    if isinstance(values, dict) and set(values) == {"range"}:
        return numbers(values["range"], mistakes, (*path, "range"))
    if not isinstance(values, list) or not values or not all(isinstance(v, str | int | float | bool) for v in values):
        mistakes.add(path, "must be a list of texts or numbers, or {range: [first, last, by]}")
        return []
    return values


def _looked_up(name: str, variables: Scalars, mistakes: Mistakes, path: Where) -> Any:
    if name.startswith("env:"):
        value = os.environ.get(name[4:]) if name[4:] and "=" not in name else None
        if value is None:
            mistakes.add(path, f"${{{name}}}: the environment has no {name[4:]!r:.60}")
        return value or ""
    if name not in variables:
        known = nearest(name, variables) if variables else "There are none: give them under variables"
        mistakes.add(path, f"there is no variable {name!r:.60}: {known}")
        return ""
    return variables[name]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
