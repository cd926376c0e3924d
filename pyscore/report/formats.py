"""What a report can be written as, and which ending of a file's name says so."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

__all__ = ["ENDINGS", "FORMATS", "IMAGES", "TABLES", "format_of"]

ENDINGS = {
    ".html": "html",
    ".htm": "html",
    ".png": "png",
    ".svg": "svg",
    ".pdf": "pdf",
    ".md": "md",
    ".markdown": "md",
    ".csv": "csv",
    ".tex": "latex",
}
"""The endings of names, each with the format that it stands for."""

FORMATS = tuple(dict.fromkeys(ENDINGS.values()))
IMAGES = ("png", "svg", "pdf")
TABLES = ("md", "csv", "latex")


def format_of(output: str | Path, given: str | None = None, known: Collection[str] = FORMATS) -> str:
    """The format of a file: what was given, or what the ending of its name says.

    Args:
        output: the file's name, a path or a URL.
        given: one of ``known``, or None.
        known: the formats that are possible.

    Raises:
        ValueError: the ending says nothing, or another format than was given, or one that isn't possible.
    """
    ending = Path(str(output)).suffix.lower()
    told = ENDINGS.get(ending)
    if given is not None and given not in known:
        raise ValueError(f"format must be one of {', '.join(known)}, got {given!r}")
    if given is not None and told not in (None, given):
        raise ValueError(f"{output} ends in {ending}, and the format is {given}: give one of them, or two that agree")
    if given is None and told not in known:
        endings = ", ".join(name for name, own in ENDINGS.items() if own in known)
        raise ValueError(f"{output} must end in one of {endings}, or the format be given: it says what is written")
    return str(given or told)
