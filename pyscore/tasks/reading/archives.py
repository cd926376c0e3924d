"""Zip archives: what they hold, and members as files."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from pyscore.tasks.reading.origins import Origin
from pyscore.tasks.reading.remote import UnreachableError
from pyscore.tasks.reading.streams import rejoined

if TYPE_CHECKING:
    from zipfile import ZipFile

__all__ = ["Member", "is_zip", "member_names"]

_SIGNS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""How zip archives begin: those that hold something, empty ones, and the first of several parts."""

_DOCUMENTS = (
    ("xl/", "an Excel workbook", "export its sheet as CSV"),
    ("word/", "a Word document", "export its questions as JSON lines or CSV"),
    ("content.xml", "an OpenDocument file", "export its sheet as CSV"),
    ("data.pkl", "a file of torch.save, which is pickled", "not read, since unpickling runs whatever code it holds"),
)
_DAMAGE = (EOFError, zlib.error, OSError, NotImplementedError, RuntimeError)  # besides zipfile's own


@dataclass(frozen=True)
class Member:
    """A file in a zip archive."""

    archive: Origin
    member: str

    @property
    def name(self) -> str:
        return f"{self.archive.name}::{self.member}"

    @property
    def path(self) -> str:
        return f"{self.archive.path}/{self.member}"

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        with self.archive.open() as file, _opened(file, self.archive.name) as archive:
            try:
                info = archive.getinfo(self.member)
            except KeyError:
                found = ", ".join(map(repr, archive.namelist()[:10])) or "nothing"
                raise FileNotFoundError(f"no such file: {self.name} (the archive holds {found})") from None
            if info.flag_bits & 1:
                raise ValueError(f"{self.name} is encrypted: unpack it first, with its password")
            try:
                member = archive.open(info)
            except Exception as error:
                raise _damaged(self.name, error) from None
            with member:
                yield rejoined(b"", member, lambda error: _damaged(self.name, error))  # type: ignore[arg-type]


def member_names(origin: Origin) -> list[str]:
    """The names of the files in a zip archive, sorted.

    Raises:
        FileNotFoundError: there is no such archive.
        ValueError: it is none, damaged, or a document of another program.
    """
    with origin.open() as file, _opened(file, origin.name) as archive:
        return sorted(info.filename for info in archive.infolist() if not info.is_dir())


@contextmanager
def _opened(file: BinaryIO, name: str) -> Iterator[ZipFile]:
    import zipfile

    if not file.seekable():
        raise ValueError(f"{name} is a zip archive, which can't be read as it comes in: save and unpack it first")
    try:
        archive = zipfile.ZipFile(file)
    except Exception as error:
        raise _damaged(name, error) from None
    with archive:
        _refuse_documents(archive.namelist(), name)
        yield archive


def _refuse_documents(names: list[str], name: str) -> None:
    for sign, kind, remedy in _DOCUMENTS:
        if any(each.startswith(sign) or each.rpartition("/")[2] == sign for each in names):
            raise ValueError(f"{name} is {kind}: {remedy}")
    if names and all(each.endswith(".npy") for each in names):
        raise ValueError(f"{name} is NumPy arrays: write its rows as JSON lines")


def _damaged(name: str, error: Exception) -> Exception:
    """An error of reading an archive as what is said of it; itself where the archive isn't at fault."""
    from zipfile import BadZipFile

    if isinstance(error, UnreachableError | FileNotFoundError) or not isinstance(error, (BadZipFile, *_DAMAGE)):
        return error
    if isinstance(error, NotImplementedError):
        return ValueError(f"{name} is packed in a way that Python doesn't read ({error}): unpack it first")
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ValueError(f"{name}: the zip archive breaks off or is damaged ({reason}): copy or download it again")


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is a zip archive."""
    return head.startswith(_SIGNS)
