"""From entries of a study file to data sets and templates."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path
from typing import Any

from pyscore._urls import is_url
from pyscore.sweep.spec_models import ChatEntry, DatasetEntry, DatasetOptions, TemplateEntry
from pyscore.sweep.spec_yaml import Mistakes, Where, nearest
from pyscore.sweep.study import Dataset, NamedTemplate
from pyscore.tasks import TEMPLATES, ChatTemplate, read_template
from pyscore.tasks.names import dataset_names
from pyscore.tasks.options import ReadOptions
from pyscore.tasks.reading import Place, Record, places_of
from pyscore.tasks.reading.hub import PREFIX
from pyscore.tasks.reading.packed import stem_of

__all__ = ["datasets", "templates"]

_READ = [each.name for each in fields(ReadOptions)]


def datasets(
    entries: Sequence[tuple[DatasetEntry, Where]],
    defaults: DatasetOptions,
    known: Sequence[str],
    folder: Path,
    mistakes: Mistakes,
) -> list[Dataset]:
    """The data sets that entries name.

    Args:
        entries: each with where it stands in the file.
        defaults: what they have in common.
        known: names of the study's templates.
        folder: that relative paths start from.
        mistakes: where what is wrong is noted.
    """
    found: list[tuple[str | None, tuple[str, ...], dict[str, Any]]] = []
    for entry, where in entries:
        files = _files(entry.files, folder, mistakes, (*where, "files"))
        options = _options(entry, defaults, known, mistakes, where)
        if entry.name is not None:
            found.append((entry.name, tuple(files), options))
        else:
            found += [(None, (file,), options) for file in files]
    unnamed = iter(dataset_names([_Named(files[0]) for name, files, _ in found if name is None]))
    return [Dataset(next(unnamed) if name is None else name, files, **options) for name, files, options in found]


def templates(given: Any, folder: Path, mistakes: Mistakes) -> list[NamedTemplate]:
    """The templates that a list, or a mapping from their names, gives."""
    found = []
    pairs = given.items() if isinstance(given, dict) else enumerate(given)
    for key, each in pairs:
        where: Where = ("templates", key)
        entry = each
        if isinstance(each, str):
            if not each:
                mistakes.add(where, "is empty: write {name: ..., text: ...}, or one of " + ", ".join(TEMPLATES))
                continue
            entry = TemplateEntry(name=None if isinstance(key, str) else each, text=each)
            if not isinstance(key, str) and each not in TEMPLATES:
                names = ", ".join(TEMPLATES)
                mistakes.add(where, f"{each!r:.60} is not one of {names}: write {{name: ..., text: ...}} for your own")
                continue
        if isinstance(key, str):
            if entry.name is not None:
                mistakes.add((*where, "name"), "its name is that of the mapping: leave it out")
            entry = entry.model_copy(update={"name": key})
        made = _template(entry, folder, mistakes, where)
        if made is not None:
            found.append(made)
    return found


def _template(entry: TemplateEntry, folder: Path, mistakes: Mistakes, where: Where) -> NamedTemplate | None:
    kinds = [kind for kind in ("text", "file", "chat") if getattr(entry, kind) is not None]
    if len(kinds) != 1:
        mistakes.add(where, "give one of text, file and chat")
        return None
    try:
        if entry.file is not None:
            path = os.path.join(folder, os.path.expanduser(entry.file))
            template, name = read_template(f"@{path}"), entry.name or Path(path).stem
            return NamedTemplate(name, _checked(template))
        if entry.name is None:
            mistakes.add((*where, "name"), "is missing: what tables call the template")
            return None
        if entry.chat is not None:
            return NamedTemplate(entry.name, _chat(entry.chat))
        return NamedTemplate(entry.name, _checked(str(entry.text)))
    except (ValueError, TypeError, OSError) as error:
        mistakes.add((*where, kinds[0]), " ".join(str(error).split()))
        return None


def _checked(template: str) -> str:
    if template in TEMPLATES or "{{" in template or "{%" in template:
        return template
    raise ValueError(
        f"{template!r:.60} is neither one of {', '.join(TEMPLATES)} nor Jinja that prints {{{{ question }}}}"
    )


def _chat(entry: ChatEntry) -> ChatTemplate:
    return ChatTemplate(entry.system, entry.arguments, entry.assistant_prefix, entry.date)


def _options(
    entry: DatasetEntry, defaults: DatasetOptions, known: Sequence[str], mistakes: Mistakes, where: Where
) -> dict[str, Any]:
    options = {**defaults.given(), **entry.given()}
    options = {name: value for name, value in options.items() if name in DatasetOptions.model_fields}
    try:
        ReadOptions(**{name: options[name] for name in _READ if name in options})
    except (ValueError, TypeError) as error:
        about = next((name for name in ("columns", "prompt_template") if options.get(name) is not None), "files")
        mistakes.add((*where, about), str(error))
    if options.get("columns") is not None:
        pairs = options["columns"].items()
        options["columns"] = tuple((key, tuple(each) if isinstance(each, list) else each) for key, each in pairs)
    names = options.get("templates")
    if names is not None:
        options["templates"] = names = (names,) if isinstance(names, str) else tuple(names)
        for name in names:
            if name not in known:
                mistakes.add((*where, "templates"), f"no template is called {name!r:.60}: {nearest(name, known)}")
        if not names:
            mistakes.add((*where, "templates"), "is empty: name some, or leave it out for all of them")
    return options


def _hub_stem(source: str) -> str:
    """Of "hf:owner/name/config:split", what the reader of hubs makes the stem: name, configuration and split."""
    path, _, split = source.removeprefix(PREFIX).partition(":")
    parts = path.strip("/").split("/")
    named = parts[-1:] if path.startswith((".", "/")) or len(parts) < 3 else parts[1:]
    return "-".join([*named, split] if split else named)


class _Named(Place):
    """A source of a data set by its name: what is elsewhere isn't asked for before it is read."""

    def __init__(self, source: str) -> None:
        self.name = source
        self.stem = _hub_stem(source) if source.startswith(PREFIX) else stem_of(source.rstrip("/").rpartition("/")[2])

    def records(self, header: Sequence[str] | None = None) -> AbstractContextManager[Iterator[Record]]:
        (place,) = places_of(self.name)
        return place.records(header)


def _files(given: str | list[str], folder: Path, mistakes: Mistakes, where: Where) -> list[str]:
    """The sources that are meant, each named once; of folders and patterns on this machine the files."""
    found: list[str] = []
    for each in [given] if isinstance(given, str) else given:
        for source in _sources(each, folder, mistakes, where):
            if source in found:
                mistakes.add(where, f"{source} is there twice")
            else:
                found.append(source)
    if not given:
        mistakes.add(where, "is empty: name a file")
    return found


def _sources(given: str, folder: Path, mistakes: Mistakes, where: Where) -> list[str]:
    if given == "-":
        mistakes.add(where, "standard input is read once, and a study reads its questions again: name a file")
        return []
    if given.startswith(f"{PREFIX}."):
        return [PREFIX + os.path.normpath(os.path.join(folder, given.removeprefix(PREFIX)))]
    if given.startswith(PREFIX) or is_url(given):
        return [given]
    path = os.path.normpath(os.path.join(folder, os.path.expanduser(given)))
    try:
        files = [file.name for file in places_of(path)]
    except (ValueError, OSError, ImportError) as error:
        mistakes.add(where, str(error))
        return []
    if os.path.isdir(path) or (glob.has_magic(path) and not os.path.exists(path)):
        return files
    if not os.path.exists(path.rpartition("::")[0] or path):
        mistakes.add(where, f"no such file: {path}")
        return []
    return [path]
