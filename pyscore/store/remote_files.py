"""Files and folders behind fsspec URLs: written whole or not at all, without locks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from pyscore.store.place import Place, UnreachableError

__all__ = ["RemotePlace", "told"]

_ONE_REQUEST = 2**26
"""Bytes up to which a file is handed to a remote file system in one call; a larger one goes up in pieces, from disk."""

_OF_CONTENT = ("pyscore", "pyarrow", "json")
"""Packages whose errors are about what a file holds, and not about reaching it."""
_KEPT = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError, BlockingIOError)


class RemotePlace(Place):
    def __init__(self, files: Any, path: str) -> None:
        self.files, self.path = files, path.rstrip("/")

    def __str__(self) -> str:
        return str(self.files.unstrip_protocol(self.path))

    def __truediv__(self, name: str) -> RemotePlace:
        return RemotePlace(self.files, f"{self.path}/{name}")

    def is_file(self) -> bool:
        # isfile() would say of a file system that can't be reached that it has no such file; info() raises.
        with told(self), suppress(FileNotFoundError, NotADirectoryError):
            return bool(self.files.info(self.path)["type"] == "file")
        return False

    def is_folder(self) -> bool:
        with told(self):
            return bool(self.files.isdir(self.path))

    def names(self) -> list[str]:
        try:
            with told(self):
                self.files.invalidate_cache(self.path)  # Other machines may have written there.
                found = self.files.ls(self.path, detail=False)
        except FileNotFoundError:
            return []
        # Some object stores list a marker of the folder itself with its content; its name here is "".
        names = {name.rstrip("/").removeprefix(self.path).lstrip("/") for name in found}
        return sorted(names - {""})

    def make_folder(self) -> None:
        if not self.is_folder():
            with told(self):
                self.files.mkdir(self.path, create_parents=False)  # With parents, a mistyped bucket would be made.

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        with told(self), self.files.open(self.path, "rb") as file:
            yield file

    @contextmanager
    def replacing(self) -> Iterator[IO[bytes]]:
        with tempfile.NamedTemporaryFile() as file:
            yield file
            file.flush()
            with told(self):
                if os.path.getsize(file.name) <= _ONE_REQUEST:
                    file.seek(0)
                    self.files.pipe_file(self.path, file.read())
                else:
                    self.files.put_file(file.name, self.path)

    def create(self, content: bytes) -> bool:
        if self.is_file():
            return False
        try:
            with told(self):
                self.files.pipe_file(self.path, content, mode="create")
        except (TypeError, NotImplementedError):  # this file system writes without conditions
            with told(self):
                self.files.pipe_file(self.path, content)
        except OSError:
            # Each file system has an error of its own for a file that came to be meanwhile; S3's is "invalid argument".
            if self.is_file():
                return False
            raise
        return True

    def remove(self) -> None:
        with suppress(FileNotFoundError), told(self):
            self.files.rm_file(self.path)

    def remove_folder(self) -> None:
        # Object stores have no folders: an empty one doesn't exist any more.
        with suppress(FileNotFoundError), told(self):
            self.files.rmdir(self.path)


@contextmanager
def told(url: object) -> Iterator[None]:
    """Errors of the packages behind a URL, many of which are none of Python's own, as one OSError that names the URL.

    What this package and pyarrow raise about a file's content goes through.
    """
    try:
        yield
    except Exception as error:
        package, is_os_error = type(error).__module__.split(".")[0], isinstance(error, OSError)
        if package in _OF_CONTENT or (package == "builtins" and not is_os_error):
            raise
        if is_os_error and str(url) in str(error):
            raise
        text = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
        kind = next((kind for kind in _KEPT if isinstance(error, kind)), UnreachableError)
        raise kind(
            f"{url} can't be reached or used: {text} ({type(error).__name__}). "
            "Check the address, the credentials and the network"
        ) from error
