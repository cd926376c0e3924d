"""How a checkpoint is told to be the same without loading it, loaded, and read ahead."""

from __future__ import annotations

import importlib
import os
import re
from contextlib import suppress
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pyscore._digest import json_digest
from pyscore.engine.sources import OWN
from pyscore.sweep.study import Model

if TYPE_CHECKING:
    from pyscore.engine import Scorer

__all__ = ["HUGGINGFACE", "HuggingFaceLoader", "Loader", "ServerLoader", "SourceLoader", "loader_of"]

HUGGINGFACE = "huggingface"
_SERVERS = ("openai",)
_OF_EVERY_SOURCE = (
    "dtype",
    "device",
    "batch_tokens",
    "adapter",
    "trust_remote_code",
    "allow_unused_weights",
    "add_bos_token",
    "backend",
)
_COMMIT, _REPOSITORY = re.compile(r"[0-9a-f]{40}"), re.compile(r"[\w.-]+(/[\w.-]+)?")
_HUB_SECONDS = 10.0
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
        parts = [_stamp(model.path, model.revision)]
        adapter = model.options.get("adapter")
        if adapter is not None:
            parts.append(_stamp(str(adapter), None))
        return None if None in parts else " adapter ".join(map(str, parts))

    def load(self, model: Model) -> Scorer:
        from pyscore.engine import Scorer

        return Scorer.from_pretrained(model.path, revision=model.revision, **model.options)

    def prefetch(self, model: Model) -> None:
        files = _files(model.path)
        if files is None:
            _download(model)
            return
        adapter = model.options.get("adapter")
        for _, path in [*files, *(_files(str(adapter)) or () if adapter is not None else ())]:
            with suppress(OSError), path.open("rb") as file:  # loading it says what is wrong
                while file.read(_BLOCK):
                    pass


class SourceLoader(HuggingFaceLoader):
    """Models that another source of pyscore's own loads from files or a model hub.

    Args:
        source: its name.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    def load(self, model: Model) -> Scorer:
        from pyscore.engine import Scorer

        every = {name: value for name, value in model.options.items() if name in _OF_EVERY_SOURCE}
        own = {name: value for name, value in model.options.items() if name not in every}
        return Scorer.from_pretrained(
            f"{self.source}:{model.path}", revision=model.revision, source_options=own, **every
        )


class ServerLoader(SourceLoader):
    """Models that a server has, whose name says nothing of whether they changed: each sweep asks the server."""

    def stamp(self, model: Model) -> str | None:
        return None

    def prefetch(self, model: Model) -> None:
        pass


def loader_of(source: str) -> Loader:
    """The loader of models whose ``source`` is this.

    Args:
        source: "huggingface", another of pyscore's sources such as "vllm" or "openai", "package.module:name" or
            "path/to/file.py:name"; a class or an object.

    Raises:
        ValueError: there is no such loader; the message says what it should be.
    """
    if source == HUGGINGFACE:
        return HuggingFaceLoader()
    if source in OWN:
        return (ServerLoader if source in _SERVERS else SourceLoader)(source)
    module, colon, name = source.rpartition(":")
    if not colon or not module or not name:
        known = ", ".join(map(repr, (HUGGINGFACE, *OWN)))
        kinds = "'package.module:name' or 'file.py:name'"
        raise ValueError(f"source {source!r} is none of {known}, nor {kinds} of a Loader")
    try:
        found: Any = getattr(_module_of(module), name)
    except (ImportError, AttributeError, OSError, SyntaxError) as error:
        raise ValueError(f"source {source!r} can't be imported: {error}") from error
    found = found() if isinstance(found, type) else found
    if not isinstance(found, Loader):
        raise ValueError(f"source {source!r} is no pyscore.sweep.models.Loader: it needs stamp, load and prefetch")
    return found


@lru_cache
def _module_of(name: str) -> ModuleType:
    """A module by its name, or from its file, which need not be where Python looks for modules."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    spec = spec_from_file_location(f"pyscore_source_{Path(name).stem}", name)
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is no file of Python code")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def _stamp(path: str, revision: str | None) -> str | None:
    files = _files(path)
    if files is not None:
        # The time of the last change of an inode (ctime) can't be set back, as that of its content can.
        found = {name: file.stat() for name, file in files if file.exists()}  # a link may lead nowhere
        return json_digest({name: (s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in found.items()})
    commit = _commit(path, revision)
    return None if commit is None else f"commit {commit}"


def _commit(path: str, revision: str | None) -> str | None:
    """The commit that loading takes: the hub's own, or where it can't be reached that of the cache."""
    if not _REPOSITORY.fullmatch(path):
        return None
    if revision is not None and _COMMIT.fullmatch(revision):
        return revision
    from huggingface_hub import HfApi, try_to_load_from_cache

    with suppress(Exception):  # loading it says what is wrong; without a connection, it takes what the cache has
        return str(HfApi().model_info(path, revision=revision, timeout=_HUB_SECONDS).sha)
    found = None
    with suppress(ValueError):  # no name of a repository
        for name in ("config.json", "adapter_config.json"):
            found = found or try_to_load_from_cache(path, name, revision=revision)
    return Path(found).parent.name if isinstance(found, str) else None


def _download(model: Model) -> None:
    from huggingface_hub import snapshot_download

    with suppress(Exception):  # loading it says what is wrong
        other = ["*.bin", "*.pth", "*.onnx", "*.msgpack", "*.h5"]  # formats that models lie in a second time
        snapshot_download(model.path, revision=model.revision, ignore_patterns=other)
