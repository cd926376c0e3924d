"""An object store without a network, and runs of rows that are easy to check."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

from pyscore.store import RunStore
from pyscore.store.files import locate
from tests.store.tables import pair, table

SETTINGS = {"model": "m", "dtype": "float32"}


class ObjectStore(MemoryFileSystem):
    """As S3: a bucket must exist, folders are names only and may be listed with their content, objects come whole."""

    protocol = "object"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = ["", "/bucket"]
    cachable = False
    calls: ClassVar[list[str]] = []
    broken: ClassVar[bool] = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("object://"))

    def mkdir(self, path: Any, create_parents: bool = True, **kwargs: Any) -> None:
        bucket = self._strip_protocol(path).split("/")[1]
        if create_parents or f"/{bucket}" not in self.pseudo_dirs:
            raise FileNotFoundError(f"the bucket {bucket} does not exist")

    def ls(self, path: Any, detail: bool = True, **kwargs: Any) -> Any:
        marker = self._strip_protocol(path)
        found = super().ls(path, detail=detail, **kwargs)
        return found if detail else [f"{marker}/", *found]

    def open(self, path: Any, mode: str = "rb", **kwargs: Any) -> Any:
        if mode != "rb" and "data" not in kwargs:
            raise AssertionError("an object that is written in pieces can be seen before it is whole")
        return super().open(path, mode, **kwargs)

    def pipe_file(self, path: Any, value: Any, mode: str = "overwrite", **kwargs: Any) -> None:
        self.calls.append("pipe_file")
        if self.broken:
            raise OSError("the network is down")
        super().pipe_file(path, value, mode, **kwargs)

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        self.calls.append("put_file")
        with open(lpath, "rb") as file:
            super().pipe_file(rpath, file.read())


def register() -> None:
    fsspec.register_implementation("object", ObjectStore, clobber=True)


def clear() -> None:
    """Empty both file systems that live in memory."""
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    ObjectStore.store.clear()
    ObjectStore.calls.clear()
    ObjectStore.broken = False


def rows_of(*numbers: int, **metadata: str) -> Any:
    """The rows of the questions with these numbers: values follow from the number alone."""
    found = [pair(-1.0 - number, -0.5 - number, question_id=f"q{number}") for number in numbers]
    return table([row for rows in found for row in rows], **metadata)


def keys_of(*numbers: int) -> list[str]:
    return [f"key {number}" for number in numbers]


def begin(path: Any, *, resume: bool = False, settings: Any = None, **entries: Any) -> RunStore:
    return RunStore.open(path, {"settings": SETTINGS if settings is None else settings, **entries}, resume=resume)


def write(store: RunStore, *numbers: int, **metadata: str) -> None:
    store.write(rows_of(*numbers, **metadata), keys_of(*numbers))


def manifest_of(run: Any) -> Any:
    with (locate(run) / "manifest.json").open() as file:
        return json.loads(file.read())


def remove(run: Any, name: str) -> None:
    (locate(run) / name).remove()
