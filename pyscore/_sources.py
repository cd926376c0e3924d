"""The fingerprint of the C++ sources: compiled into the extension by setup.py, compared at import."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["source_hash"]


def source_hash(folder: Path) -> str:
    """Hash of the names and contents of the C++ sources in a folder, the same whatever the line endings."""
    digest = hashlib.sha256()
    sources = (path for path in folder.rglob("*") if path.suffix in {".cpp", ".hpp", ".inl"})
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in sources):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
