"""Packed files: gzip, zstd, bzip2 and xz, told by how they begin, unpacked as they are read."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from pyscore.tasks.reading.remote import UnreachableError
from pyscore.tasks.reading.streams import begun, rejoined

__all__ = ["ENDINGS", "ending_of", "stem_of", "unpacked"]

ENDINGS = (".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz", ".zip")
"""Endings of packed files; the ending before them says what is packed."""


class _Packing(NamedTuple):
    sign: re.Pattern[bytes]
    name: str
    ending: str
    open: Callable[[BinaryIO], Any]


def _open_gzip(file: BinaryIO) -> Any:
    import gzip

    return gzip.GzipFile(fileobj=file, mode="rb")


def _open_bzip2(file: BinaryIO) -> Any:
    import bz2  # which some builds of Python lack, as lzma

    return bz2.BZ2File(file)


def _open_xz(file: BinaryIO) -> Any:
    import lzma

    return lzma.LZMAFile(file)


def _open_zstd(file: BinaryIO) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise ImportError("zstd needs pyarrow: pip install 'pyscore-engine[engine]'") from None
    return pyarrow.CompressedInputStream(pyarrow.PythonFile(file, mode="r"), "zstd")


_PACKINGS = (
    _Packing(re.compile(rb"\x1f\x8b"), "gzip", ".gz", _open_gzip),
    _Packing(re.compile(rb"\x28\xb5\x2f\xfd"), "zstd", ".zst", _open_zstd),
    _Packing(re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), "bzip2", ".bz2", _open_bzip2),
    _Packing(re.compile(rb"\xfd7zXZ\x00"), "xz", ".xz", _open_xz),
)
_DAMAGE = (EOFError, zlib.error, OSError)  # gzip's, bz2's and pyarrow's own are OSErrors


def unpacked(file: BinaryIO, name: str, count: int) -> tuple[bytes, BinaryIO, bool]:
    """A file that was just opened, unpacked where it is packed, also several times over.

    Args:
        file: the file.
        name: what messages call it.
        count: how many of its first bytes to give.

    Returns:
        The first bytes of what is packed, all of it from its beginning, and whether it was packed.

    Raises:
        ValueError: it is damaged, here or while it is read, or named as a packed file and none.
        ImportError: a package that unpacks it is missing.
    """
    was_packed = False
    while True:
        head, file = begun(file, max(count, 16))
        packing = next((each for each in _PACKINGS if each.sign.match(head)), None)
        if packing is None:
            return head, file, was_packed
        was_packed = True
        try:
            opened = packing.open(file)
        except ImportError as error:
            raise ImportError(f"{name} is compressed with {packing.name}: {error}") from None
        file = rejoined(b"", opened, _told(name, packing))


def _told(name: str, packing: _Packing) -> Callable[[Exception], Exception]:
    def told(error: Exception) -> Exception:
        is_damage = isinstance(error, _DAMAGE) or type(error).__name__ == "LZMAError"
        if isinstance(error, UnreachableError) or not is_damage:
            return error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        breaks_off = isinstance(error, EOFError) or "runcated" in reason
        what = "breaks off before its end" if breaks_off else "is damaged"
        return ValueError(f"{name}, compressed with {packing.name}, {what} ({reason}): copy or download it again")

    return told


def ending_of(name: str) -> str:
    """The ending that says what a file holds, in small letters, not that of its packing: ".jsonl" of "a.JSONL.gz"."""
    path = PurePosixPath(name)
    if path.suffix.lower() in ENDINGS:
        path = path.with_suffix("")
    return path.suffix.lower()


def stem_of(name: str) -> str:
    """A file's name without folders, the ending of its packing, and its ending."""
    path = PurePosixPath(name)
    return PurePosixPath(path.stem).stem if path.suffix.lower() in ENDINGS else path.stem
