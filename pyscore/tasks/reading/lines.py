"""Files of text as bytes, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["BOM", "lines_of", "open_file"]

BOM = b"\xef\xbb\xbf"


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """A file's bytes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the path is a folder.
    """
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"no such file: {path}{_hint(str(path))}") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder: name one file in it") from None
    with file:
        yield file


def lines_of(file: Iterable[bytes], name: str) -> Iterator[bytes]:
    r"""The lines of a file one by one, split at b"\n" alone and without it, and without a byte order mark.

    No more of the file is read than is asked for, a buffer's length aside.

    Args:
        file: the lines, with their ends.
        name: what messages call the file.

    Raises:
        ValueError: a line holds NUL bytes.
    """
    for i, line in enumerate(file):
        if i == 0:
            line = line.removeprefix(BOM)
        if b"\0" in line:
            raise ValueError(
                f"{name}, line {i + 1}: NUL bytes: the file is damaged, or not text in UTF-8 (is it UTF-16?)"
            )
        yield line.removesuffix(b"\n")


def _hint(name: str) -> str:
    if "{" in name:
        return " (a pattern? Leave {} to the shell, without quotes; *, ? and [] are read here)"
    return ""
