"""Files behind fsspec URLs, opened for reading."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from pyscore.tasks.reading.streams import BUFFER

__all__ = ["UnreachableError", "file_system", "open_url", "reached"]

_OF_CONTENT = ("pyscore", "pyarrow", "json")
"""Packages whose errors are about what a file holds, and not about reaching it."""
_KEPT = (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError, BlockingIOError)


class UnreachableError(OSError):
    """What is behind a URL can't be reached; whether a file there is whole is not known."""


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it.

    Raises:
        ImportError: fsspec, or the package for such URLs, is missing.
        ValueError: there is no such kind of URL.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise ImportError(f"{url} needs fsspec: pip install 'pyscore-engine[engine]', or download it first") from None
    try:
        with reached(url):
            files, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise type(error)(f"{url} can't be read: {error}") from None
    return files, path


@contextmanager
def open_url(files: Any, path: str, url: str) -> Iterator[BinaryIO]:
    """The file at a path of a file system, which isn't read further than is asked for, a block aside.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is a folder.
        OSError: it can't be reached.
    """
    with reached(url):
        if hasattr(files, "invalidate_cache"):
            files.invalidate_cache()  # listings are kept, and other machines may have written since
        file = files.open(path, "rb")
    with file:
        yield io.BufferedReader(_Reached(file, url), BUFFER)


class _Reached(io.RawIOBase):
    """A file whose errors name its URL."""

    def __init__(self, file: Any, url: str) -> None:
        self._file, self._url = file, url

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._file.seekable())

    def seek(self, offset: int, whence: int = 0) -> int:
        with reached(self._url):
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: Any) -> int:
        with reached(self._url):
            found = self._file.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


@contextmanager
def reached(url: object) -> Iterator[None]:
    """Errors of the packages behind a URL, many of which are none of Python's own, as OSErrors that name the URL.

    What this package, pyarrow and Python raise about an argument or a file's content goes through.
    """
    try:
        yield
    except Exception as error:
        package, is_os_error = type(error).__module__.split(".")[0], isinstance(error, OSError)
        if package in _OF_CONTENT or (package == "builtins" and not is_os_error):
            raise
        # fsspec takes whatever a web server answers for a missing file.
        status = getattr(error.__cause__, "status", None) if isinstance(error, FileNotFoundError) else None
        if status not in (None, 404, 410):
            refused = PermissionError if status in (401, 403) else UnreachableError
            raise refused(
                f"{url} can't be reached or used: the server answers {status}. Check the address and the rights"
            ) from error
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(f"no such file: {url}") from None
        if is_os_error and str(url) in str(error):
            raise
        text = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
        kind = next((kind for kind in _KEPT if isinstance(error, kind)), UnreachableError)
        raise kind(
            f"{url} can't be reached or used: {text} ({type(error).__name__}). "
            "Check the address, the credentials and the network"
        ) from error
