"""Files of text as bytes, line by line, and one sentence on what can't be read as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["open_file", "read_lines"]

_BOM = b"\xef\xbb\xbf"
_UNPACK = "unpack it first"
_KINDS: dict[bytes, tuple[str, str]] = {
    b"\x1f\x8b": ("compressed with gzip", f"{_UNPACK}, with gunzip"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", f"{_UNPACK}, with unzstd"),
    b"BZh": ("compressed with bzip2", f"{_UNPACK}, with bunzip2"),
    b"\xfd7zXZ": ("compressed with xz", f"{_UNPACK}, with unxz"),
    b"PK\x03\x04": ("a zip archive, as Excel's files are too", f"{_UNPACK}, or export the table as CSV"),
    b"PAR1": ("a Parquet file", "write its rows as JSON lines"),
    b"ARROW1": ("an Arrow file", "write its rows as JSON lines"),
    b"\xff\xfe": ("UTF-16", "save it as UTF-8"),
    b"\xfe\xff": ("UTF-16", "save it as UTF-8"),
}
"""How files begin that aren't text in UTF-8: what they are, and what to do."""


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """A file's bytes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the path is a folder.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise FileNotFoundError(f"no such file: {path}{_hint(str(path))}") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder: name one file in it") from None
    with file:
        yield file


def read_lines(path: Path) -> Iterator[bytes]:
    r"""The lines of a file one by one, split at b"\n" alone and without it, and without a byte order mark.

    No more of the file is read than is asked for, a buffer's length aside.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the path is a folder, or its file is not text: it begins as some other kind of file does, or a line
            holds NUL bytes.
    """
    with open_file(path) as file:
        for i, line in enumerate(file):
            if i == 0:
                for beginning, (kind, remedy) in _KINDS.items():
                    if line.startswith(beginning):
                        raise ValueError(f"{path} is {kind}: {remedy}")
                line = line.removeprefix(_BOM)
            if b"\0" in line:
                raise ValueError(
                    f"{path}, line {i + 1}: NUL bytes: the file is damaged, or not text in UTF-8 (is it UTF-16?)"
                )
            yield line.removesuffix(b"\n")


def _hint(name: str) -> str:
    # pathlib makes one slash of two.
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", name):
        return " (a URL? Only local files are read: download it first)"
    if re.search(r"[*?[{]", name):
        return " (a pattern? Name the files, or leave it to the shell, without quotes)"
    return ""
