"""What pydantic finds wrong with a study file, in words of the file: its fields, its lines, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from pyscore.sweep.spec_yaml import Mistakes, Where, nearest

__all__ = ["note_errors"]

_EXPECTED = {
    "string_type": "text, in quotes if it looks like a number",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "string_too_short": "text that is not empty",
    "finite_number": "a finite number",
    "too_short": "a list with entries",
}
_BOUNDS = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
}


def note_errors(
    errors: Sequence[Mapping[str, Any]],
    values: Any,
    mistakes: Mistakes,
    fields: type[BaseModel],
    origins: Mapping[str, Sequence[int]],
) -> None:
    """Note what pydantic found.

    Args:
        errors: as ``ValidationError.errors()`` has them.
        values: what was validated.
        mistakes: where they are noted.
        fields: of the whole file.
        origins: for a list some of whose entries stood for several: where each one stands in the file.
    """
    expected: dict[Where, list[str]] = {}
    given: dict[Where, Any] = {}
    for error in sorted(errors, key=lambda error: str(error["type"]) == "missing"):  # a field misspelt explains one
        kind, path = error["type"], _path(error["loc"], values)
        if kind == "extra_forbidden":
            own = _fields_at(fields, error["loc"][:-1])
            mistakes.add(_in_file(path, origins), f"there is no such field: {nearest(str(path[-1]), own)}")
        elif kind == "missing":
            mistakes.add(_in_file((*path, str(error["loc"][-1])), origins), "is missing")
        else:
            expected.setdefault(path, []).append(_expectation(error))
            given[path] = error["input"]
    for path, texts in expected.items():
        if any(other != path and other[: len(path)] == path for other in (*expected, *_deeper(errors, values))):
            continue  # of the types that a value may have, one fits as far as what is in it
        if len(texts) > 1 and any("one of" in text or "number" in text for text in texts):
            texts = [text for text in texts if text != _EXPECTED["string_too_short"]]
        what = " or ".join(dict.fromkeys(texts))
        if isinstance(given[path], dict) and what == _EXPECTED["string_type"]:
            what = "text: what begins with a brace stands in quotes"
        mistakes.add(_in_file(path, origins), _said(given[path], what))


def _deeper(errors: Sequence[Mapping[str, Any]], values: Any) -> Iterator[Where]:
    for error in errors:
        if error["type"] in ("extra_forbidden", "missing"):
            path = _path(error["loc"], values)
            yield path if error["type"] == "extra_forbidden" else (*path, str(error["loc"][-1]))


def _said(value: Any, what: str) -> str:
    shown = f"{value!r:.60}"
    if value is None or isinstance(value, bool):
        shown = "nothing" if value is None else str(value).lower()
    elif isinstance(value, list | dict):
        shown = ("a " if value else "an empty ") + ("list" if isinstance(value, list) else "mapping")
    return f"{shown} is not {what}"


def _expectation(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        words = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        return f"one of {words}" if ", " in words else words
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context)
    return _EXPECTED.get(kind, str(error["msg"]))


def _path(loc: Sequence[str | int], values: Any) -> Where:
    """Where an error is among the values: pydantic names the types of a union there as well."""
    found: list[str | int] = []
    for part in loc:
        if _holds(values, part):
            values = values[part]
            found.append(part)
    return tuple(found)


def _holds(values: Any, part: str | int) -> bool:
    if isinstance(values, dict):
        return part in values
    return isinstance(values, list) and isinstance(part, int) and part < len(values)


def _in_file(path: Where, origins: Mapping[str, Sequence[int]]) -> Where:
    if len(path) > 1 and path[0] in origins and isinstance(path[1], int):
        return (path[0], origins[str(path[0])][path[1]], *path[2:])
    return path


def _fields_at(fields: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The fields that are allowed there."""
    from pyscore.sweep import spec_models

    found: type[BaseModel] = fields
    for part in loc:
        by_name = getattr(spec_models, str(part), None)  # pydantic names the model of a union
        if isinstance(by_name, type) and issubclass(by_name, BaseModel):
            found = by_name
        elif isinstance(part, str) and part in found.model_fields:
            found = _model_in(found.model_fields[part].annotation) or found
    return list(found.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for each in getattr(annotation, "__args__", ()):
        found = _model_in(each)
        if found is not None:
            return found
    return None
