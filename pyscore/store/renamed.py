"""Names of entries that older versions of pyscore wrote, under what they are called now: their files stay readable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

__all__ = ["renamed_manifest", "renamed_metadata"]

_METADATA = {"attention": "sharing"}  # of rows, and in a manifest's entry "metadata"
_SETTINGS = {"window_questions": "chunk_questions"}  # of a run

Key = TypeVar("Key", str, bytes)


def renamed_metadata(metadata: Mapping[bytes, bytes] | None) -> dict[bytes, bytes]:
    """The metadata of rows, by the names of now."""
    return _renamed(metadata or {}, {old.encode(): new.encode() for old, new in _METADATA.items()})


def renamed_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest, by the names of now.

    What a run goes on with was once two entries, "attention" (what its self-checks had found out) and "batch_tokens",
    and is one entry "state".
    """
    found = dict(manifest)
    for entry, names in (("settings", _SETTINGS), ("metadata", _METADATA)):
        if isinstance(found.get(entry), dict):
            found[entry] = _renamed(found[entry], names)
    if "state" not in found and ("attention" in found or "batch_tokens" in found):
        state = found.pop("attention", {})
        batch_tokens = {"batch_tokens": found.pop("batch_tokens")} if "batch_tokens" in found else {}
        found["state"] = _renamed(state, _METADATA) | batch_tokens if isinstance(state, dict) else state
    return found


def _renamed(entries: Mapping[Key, Any], names: Mapping[Key, Key]) -> dict[Key, Any]:
    """The entries, those of ``names`` under the new name unless something has it already."""
    return {names[key] if names.get(key, key) not in entries else key: value for key, value in entries.items()}
