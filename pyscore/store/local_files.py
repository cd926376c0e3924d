"""Files and folders of this machine: written whole or not at all, and locked."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pyscore.store.place import Place

__all__ = ["LocalPlace"]

_asking_umask = threading.Lock()
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


class LocalPlace(Place):
    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str) -> LocalPlace:
        return LocalPlace(self.path / name)

    def is_file(self) -> bool:
        return self.path.exists() and not self.path.is_dir()

    def is_folder(self) -> bool:
        return self.path.is_dir()

    def names(self) -> list[str]:
        return sorted(os.listdir(self.path)) if self.path.is_dir() else []

    def make_folder(self) -> None:
        if not self.path.is_dir():
            _check_parent(self.path)
            self.path.mkdir(exist_ok=True)
            _sync_folder(self.path.parent)

    def check_writable(self) -> None:
        _check_parent(self.path)
        try:
            # A file is made to find out: permissions don't tell of read-only or virtual file systems, nor of root.
            with tempfile.NamedTemporaryFile(prefix=f".{self.path.name}.", suffix=".tmp", dir=self.path.parent):
                return
        except OSError as error:
            reason = error.strerror or str(error)
            raise PermissionError(
                f"can't write {self.path}: no file can be made in the folder {self.path.parent} ({reason})"
            ) from None

    def open(self) -> IO[bytes]:
        return self.path.open("rb")

    def read(self) -> bytes:
        return self.path.read_bytes()

    @contextmanager
    def replacing(self) -> Iterator[IO[bytes]]:
        # The temporary file lies in the same folder, as os.replace is atomic only within one file system.
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", suffix=".tmp", dir=self.path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, _permissions(self.path))
            os.replace(name, self.path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
        _sync_folder(self.path.parent)

    def create(self, content: bytes) -> bool:
        try:
            with self.path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            return False
        return True

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def remove_folder(self) -> None:
        try:
            self.path.rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                raise

    def lock(self) -> IO[bytes] | None:
        if os.name != "posix":
            return None
        import fcntl

        while True:
            file = self.path.open("ab")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_open_as(file, self.path):
                    return file
                # The last holder has removed the file: who makes it anew would hold another lock, so begin again.
                file.close()
            except OSError as error:
                file.close()
                if error.errno in _NO_LOCKS:
                    return None
                raise


def _is_open_as(file: IO[bytes], path: Path) -> bool:
    """Whether the path still names the file that is open."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _check_parent(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"can't write {path}: the folder {path.parent} doesn't exist")


def _permissions(path: Path) -> int:
    """The mode of the file that is replaced, else what the process's umask gives a new file; mkstemp gives 0600."""
    with suppress(FileNotFoundError):
        return path.stat().st_mode & 0o777
    # The umask is told only by setting it: two threads at once could leave it at the other's 0.
    with _asking_umask:
        umask = os.umask(0)
        os.umask(umask)
    return 0o666 & ~umask


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a crash, where folders can be synced (not on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
