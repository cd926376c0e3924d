"""Where the bytes of a file come from: this machine, a URL, a member of a zip archive, standard input."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

from pyscore.tasks.reading.lines import open_file
from pyscore.tasks.reading.remote import open_url
from pyscore.tasks.reading.streams import BUFFER

__all__ = ["LocalOrigin", "Origin", "StandardInput", "UrlOrigin"]


class Origin(Protocol):
    """Where a file's bytes come from.

    Attributes:
        name: what messages call the file.
        path: its path, with slashes, whose last part says what it holds and what its questions' ids begin with; empty
            for standard input.
    """

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> str: ...

    def open(self) -> AbstractContextManager[BinaryIO]: ...


@dataclass(frozen=True)
class LocalOrigin:
    """A file of this machine."""

    file: Path

    @property
    def name(self) -> str:
        return str(self.file)

    @property
    def path(self) -> str:
        return self.file.as_posix()

    def open(self) -> AbstractContextManager[BinaryIO]:
        return open_file(self.file)


@dataclass(frozen=True)
class UrlOrigin:
    """A file of an fsspec file system, which has a path of its own for it."""

    files: Any
    inner: str
    name: str

    @property
    def path(self) -> str:
        # What follows the path of a web address says nothing of what the file holds.
        return urlsplit(self.inner).path if self.inner.startswith(("http://", "https://")) else self.inner

    def open(self) -> AbstractContextManager[BinaryIO]:
        return open_url(self.files, self.inner, self.name)


_KEPT = 2**20


class _Replayed(io.RawIOBase):
    """Standard input, the first bytes of which are kept, so that it can be begun again."""

    def __init__(self, held: _Held) -> None:
        self._held, self._at = held, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        held = self._held
        block = bytes(held.kept[self._at : self._at + len(buffer)])
        if not block:
            block = sys.stdin.buffer.read1(len(buffer))  # type: ignore[union-attr]
            held.passed += len(block)
            held.kept += block[: max(0, _KEPT - len(held.kept))]
        self._at += len(block)
        buffer[: len(block)] = block
        return len(block)


@dataclass
class _Held:
    kept: bytearray = field(default_factory=bytearray)
    passed: int = 0


@dataclass(frozen=True)
class StandardInput:
    """Standard input, which can be opened again until more than its beginning was read."""

    held: _Held = field(default_factory=_Held)
    name: str = "standard input"
    path: str = ""

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        if self.held.passed > len(self.held.kept):
            raise ValueError("standard input can be read once: save it as a file to read it again")
        yield io.BufferedReader(_Replayed(self.held), BUFFER)
