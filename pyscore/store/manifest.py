"""manifest.json: what a run's values depend on, by whom it was written, and whether it is complete."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from pyscore.store.files import Place
from pyscore.store.renamed import renamed_manifest

__all__ = [
    "DATASETS",
    "MANIFEST",
    "SET_ASIDE",
    "add_entries",
    "as_json",
    "begin",
    "check_fields",
    "check_manifest",
    "check_settings",
    "now",
    "read_manifest",
    "resumed",
    "write_manifest",
]

MANIFEST = "manifest.json"
DATASETS = "datasets"
"""The entry that says of each data set which questions the run has scored."""
SET_ASIDE = "set_aside"
"""The entry that lists the keys of stored questions that readers leave out."""

_FORMAT, _VERSION = "pyscore run", 1
# What an error says of the components of a fingerprint: they are digests, whose values would tell nobody anything.
_COMPONENTS = {
    "source": "the model's class or its code differs",
    "weights": "the weights of the model differ",
    "configuration": "the configuration of the model differs",
    "adapter": "the adapter of the model differs",
    "tokenizer": "the tokenizer differs",
    "chat_template": "the tokenizer's chat template differs",
    "prompts": "the prompts that the template renders differ",
}
# Components that an error doesn't name where it names what they follow from.
_FOLLOWS = {"weights": {"dtype"}, "prompts": {"template", "chat_template"}}
_PIN = (
    "The same question gives another prompt now, as where a template prints the date: pin what it prints, "
    "for example with --template-date {day} or --template-arg key=value (ChatTemplate(date=..., arguments=...)). "
)

_MEND = "Put back what it held, or name another output"
_OWN = ("format", "version", "complete", "finished", "stored", "settings", "sessions")


def begin(given: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of a new run, in its first session.

    Args:
        given: "settings", a mapping of all that values depend on; every other entry is noted in the session.

    Raises:
        TypeError: an entry that JSON can't hold, or no mapping where there must be one; the message names it.
        ValueError: "settings" is missing, or an entry has a name that the session needs itself.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"manifest must be a mapping, got {type(given).__name__}")
    entries = as_json(given)
    if "settings" not in entries:
        raise ValueError('manifest has no "settings": give what the run\'s values depend on, for example the model')
    settings = entries.pop("settings")
    if not isinstance(settings, dict):
        raise TypeError(f'manifest["settings"] must be a mapping, got {type(given["settings"]).__name__}')
    session = {"id": uuid.uuid4().hex, "started": now()}
    _refuse(entries, session)
    own = {"format": _FORMAT, "version": _VERSION, "complete": False}
    return {**own, "settings": settings, "sessions": [{**session, **entries}]}


def resumed(found: Mapping[str, Any], opening: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of a run that is opened again: incomplete until that session is finished too."""
    kept = {name: value for name, value in found.items() if name not in ("finished", "stored")}
    return {**kept, "complete": False, "sessions": [*found["sessions"], *opening["sessions"]]}


def add_entries(manifest: Mapping[str, Any], entries: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with more entries, which replace those of the same names.

    Raises:
        TypeError, ValueError: as `begin`.
    """
    _refuse(entries, _OWN)
    return {**manifest, **as_json(entries)}


def check_settings(place: Place, found: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise ValueError unless the settings of this manifest are the new ones; the message has each that differs."""
    then = found["settings"]
    was, now_is = (settings.get("fingerprint", {}) for settings in (then, new))
    if now_is and not was:
        raise ValueError(
            f"{place} was begun by a pyscore that kept no fingerprint of the model, so that nothing tells whether its "
            "weights are the same: name another output"
        )
    settings = _differing(then, new) - {"fingerprint"}
    components = _differing(was, now_is)
    if "chat_template" in was and not components & {"chat_template", "prompts"}:
        settings -= {"template"}  # A template that pins a date renders the same prompts.
    components -= {name for name, causes in _FOLLOWS.items() if causes & (settings | components)}
    differing = [f"{name} was {_shown(then, name)} and is {_shown(new, name)}" for name in sorted(settings)]
    differing += [_COMPONENTS.get(name, f"{name} differs") for name in sorted(components)]
    if differing:
        remedy = _PIN.format(day=found["sessions"][0]["started"][:10]) if "prompts" in components else ""
        raise ValueError(
            f"{place} was begun with other settings: {'; '.join(differing)}. {remedy}"
            "Resume with those that it was begun with, or name another output"
        )


def _differing(then: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    return {name for name in {*then, *new} if name not in then or name not in new or then[name] != new[name]}


def read_manifest(folder: Place) -> dict[str, Any] | None:
    """The manifest in this folder; None where there is none.

    Raises:
        ValueError: it isn't the manifest of a run, is damaged, or of another version.
    """
    place = folder / MANIFEST
    try:
        manifest = json.loads(place.read())
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{place} is damaged, or no manifest of a run: {error}") from None
    return check_manifest(manifest, str(place))


def check_manifest(found: Any, name: str) -> dict[str, Any]:
    """The manifest by today's names, if it has all that readers need; ValueError names what is wrong with it."""
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise ValueError(f"{name} is not the manifest of a run: name a folder that pyscore wrote, or another output")
    if found.get("version") != _VERSION:
        raise ValueError(
            f"{name} is of version {found.get('version')!r}, this pyscore reads version {_VERSION}: "
            "use the pyscore that wrote it"
        )
    manifest: dict[str, Any] = renamed_manifest(found)
    check_fields(manifest, name, "", {"complete": bool, "settings": dict, "sessions": list})
    if not manifest["sessions"]:
        raise ValueError(f"{name} is damaged: its entry sessions is empty. {_MEND}")
    for i, session in enumerate(manifest["sessions"]):
        check_fields({f"sessions[{i}]": session}, name, "", {f"sessions[{i}]": dict})
        check_fields(session, name, f"sessions[{i}].", {"id": str, "started": str})
    check_fields(manifest["settings"], name, "settings.", {"fingerprint": dict}, optional=True)
    check_fields(manifest, name, "", {"metadata": dict}, optional=True)
    metadata = manifest.get("metadata", {})
    check_fields(metadata, name, "metadata.", dict.fromkeys(metadata, str))
    if manifest["complete"]:
        check_fields(manifest, name, "", {"stored": dict})
        check_fields(manifest["stored"], name, "stored.", {"questions": int, "keys_sha256": str})
    return manifest


def check_fields(
    entries: Mapping[str, Any], name: str, path: str, kinds: Mapping[str, type], *, optional: bool = False
) -> None:
    """Raise ValueError unless entries of a manifest are of these kinds.

    Args:
        entries: of the manifest, or of a mapping in it.
        name: of the manifest, for the message.
        path: what stands before the entries' names in it, such as "settings.".
        kinds: the type of each entry.
        optional: an entry may be missing.
    """
    for field, kind in kinds.items():
        if field not in entries:
            if not optional:
                raise ValueError(f"{name} is damaged: its entry {path}{field} is missing. {_MEND}")
        elif not isinstance(entries[field], kind) or (kind is int and isinstance(entries[field], bool)):
            found = type(entries[field]).__name__
            raise ValueError(
                f"{name} is damaged: its entry {path}{field} is of type {found}, not {kind.__name__}. {_MEND}"
            )


def write_manifest(folder: Place, manifest: Mapping[str, Any]) -> None:
    with (folder / MANIFEST).replacing() as file:
        file.write(json.dumps(manifest, indent=2).encode() + b"\n")


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def _refuse(entries: Mapping[str, Any], taken: Mapping[str, Any] | tuple[str, ...]) -> None:
    for name in entries:
        if name in taken:
            raise ValueError(f"the manifest has an entry {name!r} of its own: give yours another name")


def as_json(entries: Mapping[str, Any]) -> dict[str, Any]:
    """The entries as they come back from a file, so that a resumed run compares like with like."""
    found = {}
    for name, value in entries.items():
        if not isinstance(name, str):
            raise TypeError(f"names in the manifest must be strings, got {name!r}")
        if isinstance(value, Mapping):
            found[name] = as_json(value)
            continue
        try:
            found[name] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise TypeError(f"the manifest's entry {name!r} can't be written as JSON: {error}") from None
    return found


def _shown(settings: Mapping[str, Any], name: str) -> str:
    return repr(settings[name]) if name in settings else "not given"
