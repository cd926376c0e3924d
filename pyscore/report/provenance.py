"""Where the numbers of a report come from: the commands, what each checkpoint was scored with, templates, versions."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyscore.results.sources import Group
from pyscore.results.study_values import StudyValues

__all__ = ["provenance"]

_MOST_COMMANDS = 8
"""A job array scores a study by as many commands as it has tasks."""
_VERSION = "_version"
_NOT_FACTS = ("template", "schema_version", "skipped", "complete", "step", "revision")
"""Of settings and metadata: what stands elsewhere in a report."""
_ALIKE = ("dtype", "device", "add_bos_token", "truncate", "choices", "tokenizer", "backend")
"""Facts that a reader expects to be the same everywhere: a note says where they aren't."""


def provenance(values: StudyValues, *, commands: Sequence[tuple[str, Sequence[str]]] = ()) -> dict[str, Any]:
    """The entry "provenance" of a report's data: plain values, as JSON can hold them.

    Args:
        values: what was read.
        commands: more of them, each with what it does and its arguments after "pyscore", such as
            ``("this page", ["report", "out"])``.

    Returns:
        "commands": what each does, the command as a shell takes it, and of those that scored, the last ones first run
        last, their date and pyscore's version; "checkpoints": a line a checkpoint and template, by their indices, with
        facts as texts; "templates": name and text; "versions": of packages; "notes": sentences.
    """
    scored, n_more = _scoring_commands(values)
    paths = _paths(values)
    facts = [(each, _facts(each.group, paths.get(id(each.group)))) for each in values.groups]
    checkpoints = {name: i for i, name in enumerate(values.checkpoints)}
    templates = {name: i for i, name in enumerate(values.templates)}
    lines = [
        {"checkpoint": checkpoints[each.checkpoint], "template": templates[each.template], "facts": found}
        for each, found in facts
        if found
    ]
    more = [{"what": what, "command": shlex.join(["pyscore", *arguments])} for what, arguments in commands]
    known = _templates(values)
    return {
        "commands": scored + more,
        "checkpoints": lines,
        "templates": known,
        "versions": {name: ", ".join(found) for name, found in _versions(values).items()},
        "notes": [*_command_notes(scored, n_more), *_notes(values, [found for _, found in facts], known)],
    }


def _runs(values: StudyValues) -> Iterator[Mapping[str, Any]]:
    """The manifests of all runs, each once."""
    seen: set[Any] = set()
    for each in values.groups:
        for manifest in each.group.runs:
            # A run without a name is one of rows whose writer kept no manifest.
            key = manifest.get("run_id") or id(manifest)
            if key not in seen:
                seen.add(key)
                yield manifest


def _sessions(values: StudyValues) -> list[Mapping[str, Any]]:
    """The sessions of all runs, in the order in which they began."""
    found = [session for manifest in _runs(values) for session in manifest.get("sessions", ())]
    return sorted(found, key=lambda session: str(session.get("started", "")))


def _scoring_commands(values: StudyValues) -> tuple[list[dict[str, str]], int]:
    """The last few commands that scored rows, and how many there are beside them; each with its last date."""
    found: dict[str, dict[str, str]] = {}
    for session in _sessions(values):
        arguments = session.get("arguments")
        argv = arguments.get("argv") if isinstance(arguments, Mapping) else None
        if not isinstance(argv, list) or not argv or not all(isinstance(each, str) for each in argv):
            continue
        command = shlex.join(["pyscore", *argv])
        found.pop(command, None)
        found[command] = {
            "what": "scored by",
            "command": command,
            "date": str(session.get("started", ""))[:10],
            "version": str(_mapping(session.get("versions")).get("pyscore", "")),
        }
    return list(found.values())[-_MOST_COMMANDS:], max(len(found) - _MOST_COMMANDS, 0)


def _facts(group: Group, path: str | None) -> dict[str, str]:
    """What the runs of a checkpoint and a template say of how they scored; texts that differ stand side by side."""
    found: dict[str, dict[str, None]] = {}

    def add(name: str, value: Any) -> None:
        text = _text(value)
        if text is not None and name not in _NOT_FACTS and not name.endswith(_VERSION):
            found.setdefault(name, {})[text] = None

    add("path", path)
    for manifest in group.runs:
        settings, sessions = _mapping(manifest.get("settings")), manifest.get("sessions", ())
        for name, value in settings.items():
            if name != "fingerprint":
                add(name, value)
        for name, value in _mapping(settings.get("fingerprint")).items():
            add(name, value)
        for name, value in _mapping(manifest.get("metadata")).items():
            add(name, value)
        add("commit", sessions[-1].get("commit") if sessions else None)
        add("run", manifest.get("run_id"))
        add("begun", sessions[0].get("started") if sessions else None)
        add("finished", manifest.get("finished"))
    return {name: "; ".join(texts) for name, texts in found.items()}


def _paths(values: StudyValues) -> dict[int, str | None]:
    """Where the study says that each group's checkpoint is, by the identity of the group."""
    found: dict[int, str | None] = {}
    for source in values.sources:
        models = {
            (each["name"], each.get("revision"), each.get("step")): each for each in source.study.get("models", ())
        }
        for group in source.groups:
            key = tuple(group.labels[name] for name in ("model", "revision", "step"))
            found[id(group)] = models.get(key, {}).get("path")
    return found


def _templates(values: StudyValues) -> list[dict[str, str]]:
    """Name and text of every template; rows of no study are called by the text."""
    texts = {
        (each["name"], each["text"]): None for source in values.sources for each in source.study.get("templates", ())
    }
    named = {name for name, _ in texts}
    texts |= {(each or "", each or ""): None for each in values.templates if each not in named}
    return [{"name": name, "text": text} for name, text in texts]


def _versions(values: StudyValues) -> dict[str, list[str]]:
    """The versions of each package that scored any of the rows, in the order in which they did."""
    found: dict[str, dict[str, None]] = {}
    for session in _sessions(values):
        for name, version in _mapping(session.get("versions")).items():
            found.setdefault(name, {})[str(version)] = None
    for manifest in _runs(values):
        for name, text in _mapping(manifest.get("metadata")).items():
            if name.endswith(_VERSION) and name != "schema_version":
                found.setdefault(name.removesuffix(_VERSION), {})[str(text)] = None
    return {name: list(versions) for name, versions in found.items()}


def _command_notes(scored: Sequence[Mapping[str, str]], n_more: int) -> list[str]:
    if not scored:
        return ["No command is known that scored these rows: they were scored from Python, or by an earlier release."]
    return [f"{n_more} earlier commands aren't listed; the manifests of the runs have them."] if n_more else []


def _notes(
    values: StudyValues, facts: Sequence[Mapping[str, str]], templates: Sequence[Mapping[str, str]]
) -> list[str]:
    notes = []
    for name in _ALIKE:
        texts = list(dict.fromkeys(found[name] for found in facts if name in found))
        if len(texts) > 1:
            shown = ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
            notes.append(f"Not all rows were scored with the same {name.replace('_', ' ')}: {shown}.")
    for name, versions in _versions(values).items():
        if len(versions) > 1:
            notes.append(f"Rows were scored with several versions of {name}: {', '.join(versions)}.")
    unfinished = sum(manifest.get("complete") is False for manifest in _runs(values))
    if unfinished:
        notes.append(f"{unfinished} runs aren't finished: these are their rows so far.")
    names = [each["name"] for each in templates]
    notes += [f"Two templates are called {name!r}." for name in dict.fromkeys(names) if names.count(name) > 1]
    return notes


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    """A fact as people read it; None where nothing is said."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return {"true": "yes", "false": "no"}.get(value, value)
    return str(value)
