"""Whether a folder can be opened as a run, and its lock."""

from __future__ import annotations

from typing import IO, Any

from pyscore.store.files import Place, check_format
from pyscore.store.manifest import MANIFEST, read_manifest
from pyscore.store.parts import LOCK, is_leftover

__all__ = ["check_folder", "locked"]


def check_folder(folder: Place, resume: bool, *, is_made: bool = False) -> dict[str, Any] | None:
    """The manifest of the run to go on with, None for a new one; raises where neither is possible."""
    names = folder.names()
    if not names and not is_made and folder.is_file():
        check_format(str(folder))
        raise FileExistsError(f"{folder} is a file: name a folder for the run")
    found = read_manifest(folder) if MANIFEST in names else None
    if found is None:
        check_format(str(folder))
    if found is not None and not resume:
        raise FileExistsError(f"{folder} has a run already: pass resume (--resume) to go on, or name another output")
    other = [name for name in names if not is_leftover(name) and name != LOCK]
    if found is None and other:
        raise FileExistsError(f"{folder} has files and is no run ({other[0]}): name a new or an empty folder")
    return found


def locked(folder: Place) -> IO[bytes] | None:
    try:
        return (folder / LOCK).lock()
    except BlockingIOError:
        raise BlockingIOError(
            f"another process writes the run in {folder}: wait for its end, or name another output"
        ) from None
