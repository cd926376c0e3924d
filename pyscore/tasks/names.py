"""The places that sources of questions stand for, and what their data sets are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyscore.tasks.reading import Place, places_of

__all__ = ["dataset_names", "places_named"]

_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""How the name of a place begins that is no path on this machine: the scheme of a URL, or "hf:"."""


def places_named(source: Any) -> list[Place]:
    """The places of a source, as `places_of` gives them, each once.

    Raises:
        FileNotFoundError, ValueError: as `places_of`; a place is there twice.
    """
    found = places_of(source)
    seen: set[str] = set()
    for place in found:
        name = _whole_name(place)
        if name in seen and len(found) > 1:
            raise ValueError(f"the file {place.name} is given twice: name every file of questions once")
        seen.add(name)
    return found


def dataset_names(places: Sequence[Place]) -> list[str]:
    """What the data set of each place is called.

    Its stem; where a place before it is called that, its name and as many of the folders that it is in as tell them
    apart. So files that are added after others change no name, and a run that was begun without them goes on.
    """
    names: list[str] = []
    for place in places:
        whole = _whole_name(place)
        parts = Path(whole).parts
        candidates = [place.stem, *("/".join(parts[-n:]) for n in range(2, len(parts))), whole]
        # Names of files may hold bytes that are no UTF-8, which no row can hold.
        readable = (name.encode("utf-8", "backslashreplace").decode() for name in candidates)
        names.append(next((name for name in readable if name not in names), f"{whole}#{len(names)}"))
    return names


def _whole_name(place: Place) -> str:
    """The name of a place, of a file on this machine with all of its folders."""
    return place.name if _ELSEWHERE.match(place.name) else str(Path(place.name).resolve())
