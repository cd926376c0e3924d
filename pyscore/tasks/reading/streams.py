"""Streams of bytes: what was read of one already stands before the rest, and its errors name the file."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

__all__ = ["BUFFER", "begun", "rejoined", "seekable"]

BUFFER = 2**18
"""Bytes that are read of a packed file at once."""


class _Rejoined(io.RawIOBase):
    """The beginning that was read of a stream, then its rest."""

    def __init__(self, beginning: bytes, rest: BinaryIO, told: Callable[[Exception], Exception]) -> None:
        self._beginning, self._rest, self._told = memoryview(beginning), rest, told

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._beginning:
            count = min(len(buffer), len(self._beginning))
            buffer[:count] = self._beginning[:count]
            self._beginning = self._beginning[count:]
            return count
        try:
            return self._rest.readinto(buffer)  # type: ignore[attr-defined, no-any-return]
        except Exception as error:
            raise self._told(error) from None


def rejoined(
    beginning: bytes, rest: BinaryIO, told: Callable[[Exception], Exception] = lambda error: error
) -> BinaryIO:
    """A buffered stream of both; ``told`` makes the error to be raised of one that reading the rest raised."""
    return io.BufferedReader(_Rejoined(beginning, rest, told), BUFFER)


def begun(file: BinaryIO, count: int) -> tuple[bytes, BinaryIO]:
    """The first bytes of a file that was just opened, fewer only where it ends, and the file from its beginning."""
    beginning = b""
    while len(beginning) < count and (more := file.read(count - len(beginning))):
        beginning += more
    if file.seekable():
        file.seek(0)
        return beginning, file
    return beginning, rejoined(beginning, file)


def seekable(file: BinaryIO, origin_seeks: bool) -> BinaryIO:
    """The file, or where it can't go back and forth a temporary copy of it, which is gone once it is closed."""
    if origin_seeks:
        return file
    import tempfile

    copy = tempfile.TemporaryFile()  # noqa: SIM115
    while block := file.read(BUFFER):
        copy.write(block)
    copy.seek(0)
    return copy
