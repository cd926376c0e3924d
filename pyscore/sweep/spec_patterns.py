"""What a name says of a checkpoint: {family}-{size}/step{step}."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["NamePattern", "Named", "natural", "parse_size"]

_FIELD = re.compile(r"\{([^{}]*)\}")
_NUMBER = re.compile(r"(\d+)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kmbt]?)", re.IGNORECASE)
_LONGEST = 30  # characters; more digits are beyond a float
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_FORMS = {"step": r"\d{1,18}", "size": r"\d+(?:\.\d+)?[kKmMbBtT]?"}


class Named(NamedTuple):
    """What a name says; texts by their fields."""

    fields: dict[str, str]

    @property
    def step(self) -> int | None:
        return int(self.fields["step"]) if "step" in self.fields else None

    @property
    def size(self) -> float | None:
        return parse_size(self.fields["size"]) if "size" in self.fields else None

    @property
    def family(self) -> str | None:
        return self.fields.get("family")

    @property
    def name(self) -> str | None:
        """The one that it gives, or family and size."""
        parts = [self.fields[field] for field in ("family", "size") if field in self.fields]
        return self.fields.get("name") or "-".join(parts) or None

    @property
    def tags(self) -> dict[str, str]:
        """All that is no field of a checkpoint."""
        return {key: text for key, text in self.fields.items() if key not in ("step", "size", "family", "name")}


class NamePattern:
    """A pattern of names; its fields stand in braces.

    ``{step}`` is a whole number, ``{size}`` a number that may end in K, M, B or T; any other field is text without a
    slash, as short as fits, and each field stands there once.

    Args:
        text: such as "{family}-{size}/step{step}".

    Raises:
        ValueError: no pattern; the message says why.
    """

    def __init__(self, text: str) -> None:
        self.text, self.depth = text, text.count("/") + 1
        names: list[str] = []
        form, end = "", 0
        for match in _FIELD.finditer(text):
            name, between = match[1], text[end : match.start()]
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
                raise ValueError(f"{match[0]} is no field: give a name of letters, digits and underscores")
            if name in names:
                raise ValueError(f"{match[0]} stands there twice")
            if names and not between:
                raise ValueError(f"{match[0]} needs some text between it and the field before it")
            names.append(name)
            form += re.escape(between) + f"(?P<{name}>{_FORMS.get(name, '[^/]+?')})"
            end = match.end()
        if not names:
            raise ValueError("it has no field in braces, such as {step}")
        if len(names) > 8:
            raise ValueError("more than 8 fields")
        if set("{}") & set(_FIELD.sub("", text)):
            raise ValueError("a brace is not closed, or not opened")
        self._form = re.compile(form + re.escape(text[end:]))

    def read(self, name: str) -> Named | None:
        """What a name says, or the end of a path of as many parts as the pattern has; None where it doesn't fit."""
        found = self._form.fullmatch("/".join(name.strip("/").split("/")[-self.depth :]))
        return None if found is None else Named(found.groupdict())

    def above(self, path: str) -> str:
        """The folder above what the pattern reads of a path, or ""."""
        parts = path.strip("/").split("/")[: -self.depth]
        return parts[-1] if parts else ""


def parse_size(text: str) -> float:
    """A number of parameters, such as "160M".

    Raises:
        ValueError: it is none.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or len(text) > _LONGEST or not float(found[1]):
        raise ValueError(f"{text!r:.60} is no number of parameters: write 160M, 1.4B or 160000000")
    return float(f"{float(found[1]) * _UNITS[found[2].lower()]:.12g}")


def natural(text: str) -> list[tuple[int, str]]:
    """A key by which "step2" comes before "step10"."""
    return [(int(part), "") if part.isdigit() and part.isascii() else (-1, part) for part in _NUMBER.split(text)]
