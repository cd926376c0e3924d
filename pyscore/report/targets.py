"""Where a report may be written: not over what it is made of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pyscore.report.formats import ENDINGS
from pyscore.store.files import locate
from pyscore.store.local_files import LocalPlace

__all__ = ["check_apart"]


def check_apart(output: str | Path, paths: Iterable[str | Path]) -> None:
    """Raise ValueError if a report at ``output`` could replace rows, or another file that a study or a run stores.

    Within their folders it has to end as reports do, which nothing that is stored does.

    Args:
        output: the file to write, a path or a URL.
        paths: what the report is made of, likewise.
    """
    target = _absolute(output)
    for path in paths:
        own = _absolute(path)
        if target == own:
            raise ValueError(f"{output} is what the report is made of: name another file to write")
        if target.startswith(own.rstrip("/") + "/") and Path(target).suffix.lower() not in ENDINGS:
            raise ValueError(
                f"{output} lies in {path} and could replace what is stored there: name a file that ends in one of "
                f"{', '.join(ENDINGS)}, or in another folder"
            )


def _absolute(path: str | Path) -> str:
    place = locate(path)
    return str(place.path.resolve()) if isinstance(place, LocalPlace) else str(place)
