"""How a checkpoint is told to be the same without loading it, loaded, and read ahead."""

from __future__ import annotations

import importlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pyscore.engine.texts import json_digest
from pyscore.sweep.study import Model

if TYPE_CHECKING:
    from pyscore.engine import Scorer

__all__ = ["HUGGINGFACE", "HuggingFaceLoader", "Loader", "loader_of"]

HUGGINGFACE = "huggingface"
_BLOCK = 2**23  # bytes read at a time


@runtime_checkable
class Loader(Protocol):
    """What a source of models is to a study: an object that "package.module:name" names in its file."""

    def stamp(self, model: Model) -> str | None:
        """A text that differs whenever the model may have changed, found without loading it.

        A checkpoint is loaded again where it differs from that of before; then its fingerprint decides whether its
        rows are scored again. None: nothing is known, so it is loaded whenever a sweep is run.
        """

    def load(self, model: Model) -> Scorer:
        """The model, loaded."""

    def prefetch(self, model: Model) -> None:
        """Read the model's files, so that loading it takes less; called in a thread while another one is scored."""


class HuggingFaceLoader(Loader):
    """Models that `pyscore.Scorer.from_pretrained` loads."""

    def stamp(self, model: Model) -> str | None:
        files = _files(model.path)
        if files is not None:
            # The time of the last change of an inode (ctime) can't be set back, as that of its content can.
            found = {name: path.stat() for name, path in files}
            return json_digest({name: (s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in found.items()})
        commit = _cached_commit(model)
        return None if commit is None else f"commit {commit}"

    def load(self, model: Model) -> Scorer:
        from pyscore.engine import Scorer

        return Scorer.from_pretrained(model.path, revision=model.revision, **model.options)

    def prefetch(self, model: Model) -> None:
        files = _files(model.path)
        if files is None:
            _download(model)
            return
        for _, path in files:
            with suppress(OSError), path.open("rb") as file:  # loading it says what is wrong
                while file.read(_BLOCK):
                    pass


def loader_of(source: str) -> Loader:
    """The loader of models whose ``source`` is this.

    Raises:
        ValueError: there is no such loader; the message says what it should be.
    """
    if source == HUGGINGFACE:
        return HuggingFaceLoader()
    module, colon, name = source.partition(":")
    if not colon or not module or not name:
        raise ValueError(f"source {source!r} is neither {HUGGINGFACE!r} nor 'package.module:name' of a Loader")
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"source {source!r} can't be imported: {error}") from error
    found = found() if isinstance(found, type) else found
    if not isinstance(found, Loader):
        raise ValueError(f"source {source!r} is no pyscore.sweep.models.Loader: it needs stamp, load and prefetch")
    return found


def _files(path: str) -> list[tuple[str, Path]] | None:
    """The files of a folder, or the one file, by their names; None for what is on a hub."""
    from pyscore.engine.sources.huggingface.bundled import BUNDLED_MODEL, bundled_model_path

    place = bundled_model_path() if path == BUNDLED_MODEL else Path(path).expanduser()
    if place.is_file():
        return [(place.name, place)]
    if not place.is_dir():
        return None
    return sorted(
        (os.path.relpath(Path(folder) / name, place), Path(folder) / name)
        for folder, _, names in os.walk(place)
        for name in names
    )


def _cached_commit(model: Model) -> str | None:
    """The commit that the cache of the model hub has under this revision; a commit by its hash never changes."""
    from huggingface_hub import try_to_load_from_cache

    found = None
    with suppress(ValueError):  # no name of a repository
        found = try_to_load_from_cache(model.path, "config.json", revision=model.revision)
    return Path(found).parent.name if isinstance(found, str) else None


def _download(model: Model) -> None:
    from huggingface_hub import snapshot_download

    with suppress(Exception):  # loading it says what is wrong
        other = ["*.bin", "*.pth", "*.onnx", "*.msgpack", "*.h5"]  # formats that models lie in a second time
        snapshot_download(model.path, revision=model.revision, ignore_patterns=other)
