"""Files and folders, on this machine or behind an fsspec URL: written whole or not at all, locked, listed."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

__all__ = ["Place", "UnreachableError", "check_format", "check_target", "locate", "written_for"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::|://)")
_TEMPORARY = re.compile(r"\.(.+)\.[^.]+\.tmp")
_ONE_REQUEST = 2**26
"""Bytes up to which a file is handed to a remote file system in one call; a larger one goes up in pieces, from disk."""

_OTHER_FORMATS = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".yaml", ".yml", ".xml", ".html", ".md", ".xlsx", ".xls"),
    *(".arrow", ".feather", ".ipc", ".orc", ".avro", ".db", ".sqlite", ".duckdb", ".pkl", ".pickle", ".npy", ".npz"),
    *(".pq", ".pt", ".safetensors", ".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz"),
)

_OF_CONTENT = ("pyscore", "pyarrow", "json")
"""Packages whose errors are about what a file holds, and not about reaching it."""
_KEPT = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError, BlockingIOError)

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


class UnreachableError(OSError):
    """What is behind a URL can't be reached; whether a file there is whole is not known."""


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
    def replacing(self) -> AbstractContextManager[IO[bytes]]:
        """A file to write; what it holds becomes this file's content, whole, if the block ends without an error."""

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


class _LocalPlace(Place):
    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str) -> _LocalPlace:
        return _LocalPlace(self.path / name)

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


class _RemotePlace(Place):
    def __init__(self, files: Any, path: str) -> None:
        self.files, self.path = files, path.rstrip("/")

    def __str__(self) -> str:
        return str(self.files.unstrip_protocol(self.path))

    def __truediv__(self, name: str) -> _RemotePlace:
        return _RemotePlace(self.files, f"{self.path}/{name}")

    def is_file(self) -> bool:
        # isfile() would say of a file system that can't be reached that it has no such file; info() raises.
        with _told(self), suppress(FileNotFoundError, NotADirectoryError):
            return bool(self.files.info(self.path)["type"] == "file")
        return False

    def is_folder(self) -> bool:
        with _told(self):
            return bool(self.files.isdir(self.path))

    def names(self) -> list[str]:
        try:
            with _told(self):
                self.files.invalidate_cache(self.path)  # Other machines may have written there.
                found = self.files.ls(self.path, detail=False)
        except FileNotFoundError:
            return []
        # Some object stores list a marker of the folder itself with its content; its name here is "".
        names = {name.rstrip("/").removeprefix(self.path).lstrip("/") for name in found}
        return sorted(names - {""})

    def make_folder(self) -> None:
        if not self.is_folder():
            with _told(self):
                self.files.mkdir(self.path, create_parents=False)  # With parents, a mistyped bucket would be made.

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        with _told(self), self.files.open(self.path, "rb") as file:
            yield file

    @contextmanager
    def replacing(self) -> Iterator[IO[bytes]]:
        with tempfile.NamedTemporaryFile() as file:
            yield file
            file.flush()
            with _told(self):
                if os.path.getsize(file.name) <= _ONE_REQUEST:
                    file.seek(0)
                    self.files.pipe_file(self.path, file.read())
                else:
                    self.files.put_file(file.name, self.path)

    def remove(self) -> None:
        with suppress(FileNotFoundError), _told(self):
            self.files.rm_file(self.path)

    def remove_folder(self) -> None:
        # Object stores have no folders: an empty one doesn't exist any more.
        with suppress(FileNotFoundError), _told(self):
            self.files.rmdir(self.path)


def locate(path: str | Path) -> Place:
    """The place that a path or an fsspec URL (``s3://...``, ``memory://...``) names.

    Raises:
        TypeError: neither a string nor a path.
        ValueError: a URL of an unknown kind.
        ImportError: the URL's kind needs a package that isn't installed; the message names it.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a string or a path, got {type(path).__name__}")
    if path == "":
        raise ValueError("the path is empty: name a file or a folder")
    if not isinstance(path, str) or not _URL.match(path):
        return _LocalPlace(Path(path))
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    try:
        with _told(path):
            files, inner = url_to_fs(path)
    except (ImportError, ValueError) as error:  # There is no package for such URLs, or no such kind of URL.
        raise type(error)(f"{path} can't be used: {error}") from None
    return _LocalPlace(Path(inner)) if isinstance(files, LocalFileSystem) else _RemotePlace(files, inner)


@contextmanager
def _told(url: object) -> Iterator[None]:
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


def check_format(path: str | Path) -> None:
    """Raise ValueError if the name is that of another kind of file: rows are Parquet, or a folder of it."""
    suffix = os.path.splitext(str(path).rstrip("/"))[1].lower()
    if suffix in _OTHER_FORMATS:
        raise ValueError(
            f"{path} names a {suffix} file, and rows are written as Parquet: "
            "name a file that ends in .parquet, or a folder without such an ending"
        )


def written_for(name: str) -> str | None:
    """The name of the file that the temporary file of this name was to become; None where it is no such file."""
    found = _TEMPORARY.fullmatch(name)
    return found[1] if found else None


def check_target(path: str | Path) -> str | Path:
    """The path, if a file can be written there: to be asked before a long run, not after it.

    Args:
        path: a path, or an fsspec URL; whether a remote file system lets one write shows only on writing.

    Raises:
        ValueError: the name ends as that of another kind of file, say ".csv".
        FileNotFoundError: the folder doesn't exist.
        IsADirectoryError: the path is a folder.
        PermissionError: no file can be made in the folder.
    """
    place = locate(path)
    check_format(path)
    if place.is_folder():
        raise IsADirectoryError(f"{place} is a folder: name a file to write, for example {place / 'rows.parquet'}")
    place.check_writable()
    return path


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
