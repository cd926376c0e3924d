"""What the data sets of files are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["dataset_names"]


def dataset_names(files: Sequence[Path]) -> list[str]:
    """What the data set of each file is called.

    Its stem; where a file before it is called that, its name and as many of the folders that it is in as tell them
    apart. So files that are added after others change no name, and a run that was begun without them goes on.
    """
    names: list[str] = []
    for file in files:
        parts = file.resolve().parts
        candidates = [file.stem, *("/".join(parts[-n:]) for n in range(2, len(parts))), str(file.resolve())]
        # Names of files may hold bytes that are no UTF-8, which no row can hold.
        readable = (name.encode("utf-8", "backslashreplace").decode() for name in candidates)
        names.append(next(name for name in readable if name not in names))
    return names
