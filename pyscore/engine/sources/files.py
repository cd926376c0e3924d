"""What the files of a model hold, for the fingerprints of sources that can't read the weights they run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pyscore._digest import json_digest

__all__ = ["file_digest", "folder_digest", "stamp"]

_OF_MODELS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".json", ".py", ".model", ".tiktoken", ".txt")


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def folder_digest(folder: Path) -> str:
    """A digest of the files of a model's folder, their names and contents; what isn't of a model is left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in _OF_MODELS)
    return json_digest([[path.relative_to(folder).as_posix(), file_digest(path)] for path in files])


def stamp(path: Path) -> tuple[int, int, int]:
    """What changes where a file is replaced or written to."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
