"""From entries of a study file to data sets and templates."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyscore.sweep.spec_models import ChatEntry, DatasetEntry, DatasetOptions, TemplateEntry
from pyscore.sweep.spec_yaml import Mistakes, nearest
from pyscore.sweep.spec_yaml import Path as Place
from pyscore.sweep.study import Dataset, NamedTemplate
from pyscore.tasks import TEMPLATES, ChatTemplate, read_template
from pyscore.tasks.columns import check_columns
from pyscore.tasks.names import dataset_names

__all__ = ["datasets", "templates"]


def datasets(
    entries: Sequence[tuple[DatasetEntry, Place]],
    defaults: DatasetOptions,
    known: Sequence[str],
    folder: Path,
    mistakes: Mistakes,
) -> list[Dataset]:
    """The data sets that entries name.

    Args:
        entries: each with its place in the file.
        defaults: what they have in common.
        known: names of the study's templates.
        folder: that relative paths start from.
        mistakes: where what is wrong is noted.
    """
    found: list[tuple[str | None, tuple[str, ...], dict[str, Any]]] = []
    for entry, place in entries:
        files = _files(entry.files, folder, mistakes, (*place, "files"))
        options = _options(entry, defaults, known, mistakes, place)
        if entry.name is not None:
            found.append((entry.name, tuple(files), options))
        else:
            found += [(None, (file,), options) for file in files]
    unnamed = iter(dataset_names([Path(files[0]) for name, files, _ in found if name is None]))
    return [Dataset(next(unnamed) if name is None else name, files, **options) for name, files, options in found]


def templates(given: Any, folder: Path, mistakes: Mistakes) -> list[NamedTemplate]:
    """The templates that a list, or a mapping from their names, gives."""
    found = []
    pairs = given.items() if isinstance(given, dict) else enumerate(given)
    for key, each in pairs:
        place: Place = ("templates", key)
        entry = each
        if isinstance(each, str):
            if not each:
                mistakes.add(place, "is empty: write {name: ..., text: ...}, or one of " + ", ".join(TEMPLATES))
                continue
            entry = TemplateEntry(name=None if isinstance(key, str) else each, text=each)
            if not isinstance(key, str) and each not in TEMPLATES:
                names = ", ".join(TEMPLATES)
                mistakes.add(place, f"{each!r:.60} is not one of {names}: write {{name: ..., text: ...}} for your own")
                continue
        if isinstance(key, str):
            if entry.name is not None:
                mistakes.add((*place, "name"), "its name is that of the mapping: leave it out")
            entry = entry.model_copy(update={"name": key})
        made = _template(entry, folder, mistakes, place)
        if made is not None:
            found.append(made)
    return found


def _template(entry: TemplateEntry, folder: Path, mistakes: Mistakes, place: Place) -> NamedTemplate | None:
    kinds = [kind for kind in ("text", "file", "chat") if getattr(entry, kind) is not None]
    if len(kinds) != 1:
        mistakes.add(place, "give one of text, file and chat")
        return None
    try:
        if entry.file is not None:
            path = os.path.join(folder, os.path.expanduser(entry.file))
            template, name = read_template(f"@{path}"), entry.name or Path(path).stem
            return NamedTemplate(name, _checked(template))
        if entry.name is None:
            mistakes.add((*place, "name"), "is missing: what tables call the template")
            return None
        if entry.chat is not None:
            return NamedTemplate(entry.name, _chat(entry.chat))
        return NamedTemplate(entry.name, _checked(str(entry.text)))
    except (ValueError, TypeError, OSError) as error:
        mistakes.add((*place, kinds[0]), " ".join(str(error).split()))
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
    entry: DatasetEntry, defaults: DatasetOptions, known: Sequence[str], mistakes: Mistakes, place: Place
) -> dict[str, Any]:
    options = {**defaults.given(), **entry.given()}
    options = {name: value for name, value in options.items() if name in DatasetOptions.model_fields}
    if options.get("columns") is not None:
        try:
            check_columns(options["columns"])
        except (ValueError, TypeError) as error:
            mistakes.add((*place, "columns"), str(error))
        if options.get("format", "auto") != "auto":
            mistakes.add((*place, "columns"), "format and columns both say what a row is: give one of them")
        pairs = options["columns"].items()
        options["columns"] = tuple((key, each if isinstance(each, str) else tuple(each)) for key, each in pairs)
    names = options.get("templates")
    if names is not None:
        options["templates"] = names = (names,) if isinstance(names, str) else tuple(names)
        for name in names:
            if name not in known:
                mistakes.add((*place, "templates"), f"no template is called {name!r:.60}: {nearest(name, known)}")
        if not names:
            mistakes.add((*place, "templates"), "is empty: name some, or leave it out for all of them")
    return options


def _files(given: str | list[str], folder: Path, mistakes: Mistakes, place: Place) -> list[str]:
    """The files that are meant, each there and named once."""
    found: list[str] = []
    for each in [given] if isinstance(given, str) else given:
        if "://" in each:
            mistakes.add(place, f"{each!r:.80} is a URL, and questions are read from files: download it first")
            continue
        path = os.path.normpath(os.path.join(folder, os.path.expanduser(each)))
        matching = [path]
        if not os.path.exists(path) and glob.has_magic(path):
            matching = sorted(glob.glob(path, recursive=True))
        if not matching or not os.path.exists(matching[0]):
            mistakes.add(place, f"no such file: {path}" if matching else f"no file matches {path}")
            continue
        for file in matching:
            if os.path.isdir(file):
                mistakes.add(place, f"{file} is a folder: name its files, such as {file}/*.jsonl")
            elif file in found:
                mistakes.add(place, f"{file} is there twice")
            else:
                found.append(file)
    if not given:
        mistakes.add(place, "is empty: name a file")
    return found
