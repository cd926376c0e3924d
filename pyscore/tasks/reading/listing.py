"""The files that a name stands for: one, those of a folder or a zip archive, those that a pattern matches."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from pyscore._urls import is_url
from pyscore.tasks.reading.archives import Member, member_names
from pyscore.tasks.reading.files import KNOWN, FilePlace, is_known
from pyscore.tasks.reading.origins import LocalOrigin, Origin, StandardInput, UrlOrigin
from pyscore.tasks.reading.remote import file_system, reached

__all__ = ["files_of"]

_SHOWN = 8


def files_of(source: str | os.PathLike[str]) -> list[FilePlace]:
    """The files of a path, a pattern, a URL, or "-", standard input.

    Raises:
        FileNotFoundError: no file is there.
        ValueError: a folder or an archive holds no files of a known kind; there is no such kind of URL.
        ImportError: the package for such URLs is missing.
    """
    text = os.fspath(source)
    if text == "-" and isinstance(source, str):
        return [FilePlace(StandardInput())]
    archive, mark, member = text.rpartition("::")
    if mark and archive.lower().endswith(".zip") and "://" not in member:
        return [FilePlace(Member(origin, member)) for origin in _origins(archive)]
    return [place for origin in _origins(text) for place in _members(origin)]


def _members(origin: Origin) -> list[FilePlace]:
    """The file itself, or if it is named as a zip archive the files in it, as of a folder."""
    if not origin.path.lower().endswith(".zip"):
        return [FilePlace(origin)]
    names = member_names(origin)
    known = [name for name in names if is_known(name) and not name.lower().endswith(".zip")]
    return [FilePlace(Member(origin, name)) for name in known or [_none_known(names, origin.name, "an archive")]]


def _origins(text: str) -> list[Origin]:
    if is_url(text):
        return _remote(text)
    path = Path(text)
    if path.is_dir():
        return [LocalOrigin(path / name) for name in _known(_walked(path), str(path))]
    if glob.has_magic(text) and not path.exists():
        found = [Path(name) for name in sorted(glob.glob(text, recursive=True)) if os.path.isfile(name)]
        if not found:
            raise FileNotFoundError(f"no such file: no file matches {text}")
        return [LocalOrigin(each) for each in [each for each in found if is_known(each.name)] or found]
    return [LocalOrigin(path)]


def _walked(folder: Path) -> Iterable[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from ((Path(parent) / name).relative_to(folder).as_posix() for name in names)


def _remote(url: str) -> list[Origin]:
    files, path = file_system(url)
    protocols = (files.protocol,) if isinstance(files.protocol, str) else files.protocol
    if "file" in protocols or "local" in protocols:
        return _origins(path)
    is_web = bool({"http", "https"} & set(protocols))
    # A query may hold marks of patterns, and a page of links is no folder.
    if is_web:
        return [UrlOrigin(files, path, url)]
    with reached(url):
        files.invalidate_cache()
        if glob.has_magic(path):
            found = sorted(files.glob(path))
            if not found:
                raise FileNotFoundError
            known = [each for each in found if is_known(each.rpartition("/")[2])] or found
            return [UrlOrigin(files, each, files.unstrip_protocol(each)) for each in known]
        if not files.isdir(path):
            return [UrlOrigin(files, path, url)]
        names = [name.removeprefix(path).lstrip("/") for name in files.find(path)]
    folder, shown = path.rstrip("/"), url.rstrip("/")
    return [UrlOrigin(files, f"{folder}/{name}", f"{shown}/{name}") for name in _known(names, url)]


def _known(names: Iterable[str], folder: str) -> list[str]:
    names = sorted(names)
    return [name for name in names if is_known(name)] or [_none_known(names, folder, "a folder")]


def _none_known(names: list[str], folder: str, kind: str) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN])) or "nothing"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    raise ValueError(
        f"{folder} is {kind} without files of questions: it holds {shown}{more}, and endings that are read are "
        f"{', '.join(KNOWN)}, also packed"
    )
