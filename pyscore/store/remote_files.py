"""Files and folders behind fsspec URLs: written whole or not at all, without locks."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, TypeVar

from pyscore.store.place import Place
from pyscore.tasks.reading.remote import UnreachableError, reached

__all__ = ["RemotePlace"]

_ONE_REQUEST = 2**26
"""Bytes up to which a file is handed to a remote file system in one call; a larger one goes up in pieces, from disk."""

_TRIES, _WAIT_SECONDS, _PATIENCE_SECONDS = 4, 0.1, 5.0
"""How often a call is made, how long is waited before the second time, then twice as long each time, and after how long
it isn't made again: a file system that tries by itself for long is not to be asked several times."""

_Result = TypeVar("_Result")


class RemotePlace(Place):
    """A file or a folder of an fsspec file system.

    Args:
        files: the file system.
        path: in it, without the protocol.
    """

    def __init__(self, files: Any, path: str) -> None:
        self.files, self.path = files, path.rstrip("/")

    def __str__(self) -> str:
        return str(self.files.unstrip_protocol(self.path))

    def __truediv__(self, name: str) -> RemotePlace:
        return RemotePlace(self.files, f"{self.path}/{name}")

    def is_file(self) -> bool:
        # isfile() would say of a file system that can't be reached that it has no such file; info() raises.
        with suppress(FileNotFoundError, NotADirectoryError):
            return bool(self._fresh(lambda: self.files.info(self.path)["type"] == "file"))
        return False

    def is_folder(self) -> bool:
        return bool(self._fresh(lambda: self.files.isdir(self.path)))

    def names(self) -> list[str]:
        try:
            found = self._fresh(lambda: self.files.ls(self.path, detail=False))
        except FileNotFoundError:
            return []
        # Some object stores list a marker of the folder itself with its content; its name here is "".
        names = {name.rstrip("/").removeprefix(self.path).lstrip("/") for name in found}
        return sorted(names - {""})

    def make_folder(self) -> None:
        if not self.is_folder():
            with suppress(FileExistsError):  # another process made it meanwhile
                # With parents, a mistyped bucket would be made.
                self._tried(lambda: self.files.mkdir(self.path, create_parents=False))

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        with self._fresh(lambda: self.files.open(self.path, "rb")) as file, reached(self):
            yield file

    def read(self) -> bytes:
        # In one request: a file that is opened first may be replaced before it is read, by one of another size. s3fs
        # asks for the size first, unless it may not read pieces side by side.
        protocol = self.files.protocol
        is_s3 = "s3" in ((protocol,) if isinstance(protocol, str) else protocol)
        options = {"max_concurrency": 1} if is_s3 else {}
        return bytes(self._fresh(lambda: self.files.cat_file(self.path, **options)))

    @contextmanager
    def replacing(self) -> Iterator[IO[bytes]]:
        with tempfile.NamedTemporaryFile() as file:
            yield file
            file.flush()
            if os.path.getsize(file.name) <= _ONE_REQUEST:
                file.seek(0)
                content = file.read()
                self._tried(lambda: self.files.pipe_file(self.path, content))
            else:
                self._tried(lambda: self.files.put_file(file.name, self.path))

    def create(self, content: bytes) -> bool:
        return not self.is_file() and self._tried(lambda: self._create(content))

    def _create(self, content: bytes) -> bool:
        try:
            self.files.pipe_file(self.path, content, mode="create")
        except (TypeError, NotImplementedError):  # this file system writes without conditions
            self.files.pipe_file(self.path, content)
        except OSError as error:
            # Each file system has an error of its own for a file that came to be meanwhile; S3's is "invalid argument".
            if self.is_file():
                with suppress(FileNotFoundError):
                    return self.read() == content  # the answer to a first try that succeeded may have been lost
                return False
            if "not implemented" not in str(error):  # what servers say that know no conditions
                raise
            self.files.pipe_file(self.path, content)
        return True

    def remove(self) -> None:
        with suppress(FileNotFoundError):
            self._tried(lambda: self.files.rm_file(self.path))

    def remove_folder(self) -> None:
        # Object stores have no folders: an empty one doesn't exist any more.
        with suppress(FileNotFoundError):
            self._tried(lambda: self.files.rmdir(self.path))

    def _fresh(self, ask: Callable[[], _Result]) -> _Result:
        """`_tried` of what is there now: file systems keep listings, and other machines may have written since."""
        self.files.invalidate_cache(self.path)
        self.files.invalidate_cache(self.path.rpartition("/")[0])
        return self._tried(ask)

    def _tried(self, call: Callable[[], _Result]) -> _Result:
        """What a call gives that may be made twice; it is made again where the network or a server failed."""
        begun = time.monotonic()
        for i in range(_TRIES):
            try:
                with reached(self):
                    return call()
            except UnreachableError:
                if i == _TRIES - 1 or time.monotonic() - begun > _PATIENCE_SECONDS:
                    raise
                time.sleep(_WAIT_SECONDS * 2**i)
        raise AssertionError("the last try returns or raises")
