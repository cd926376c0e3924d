"""What a file or a folder can be asked for, wherever it lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import IO

__all__ = ["Place"]


class Place(ABC):
    """A file or a folder, whether it exists or not. ``str()`` names it in messages."""

    @abstractmethod
    def __truediv__(self, name: str) -> Place: ...

    @abstractmethod
    def is_file(self) -> bool: ...

    @abstractmethod
    def is_folder(self) -> bool: ...

    @abstractmethod
    def names(self) -> list[str]:
        """The names of what is in this folder, sorted; none where it doesn't exist."""

    @abstractmethod
    def make_folder(self) -> None:
        """Make this folder, unless it exists.

        Raises:
            FileNotFoundError: the folder that it would be in doesn't exist.
            OSError: the file system refused.
        """

    def check_writable(self) -> None:  # noqa: B027
        """Raise as `check_target` if no file can be made here; remote file systems tell that only on writing."""

    @abstractmethod
    def open(self) -> AbstractContextManager[IO[bytes]]:
        """The file, open for reading."""

    @abstractmethod
    def read(self) -> bytes:
        """What the file holds, as it was at one moment."""

    @abstractmethod
    def replacing(self) -> AbstractContextManager[IO[bytes]]:
        """A file to write; what it holds becomes this file's content, whole, if the block ends without an error."""

    @abstractmethod
    def create(self, content: bytes) -> bool:
        """Make the file with this content; False, and nothing is changed, where there is one.

        Until this returns, a reader may find a part of the content. Of several processes that try at once one succeeds,
        where the file system can tell: a local one, and those behind URLs that write on condition (S3, Google Cloud
        Storage, memory). Others look first, and then write. No two of them may give the same content, which tells whose
        the file is.
        """

    @abstractmethod
    def remove(self) -> None:
        """Remove the file; one that is gone already is fine."""

    @abstractmethod
    def remove_folder(self) -> None:
        """Remove this folder, if nothing is in it; one that is gone already is fine."""

    def lock(self) -> IO[bytes] | None:
        """Keep this lock until the returned file is closed or the process dies; None where there are no locks.

        Raises:
            BlockingIOError: it is held already, by this process or another.
        """
        return None
