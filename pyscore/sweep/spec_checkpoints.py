"""From entries of a study file to checkpoints: folders by patterns, revisions of a hub's repository."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pyscore.engine.sources.huggingface.bundled import BUNDLED_MODEL
from pyscore.sweep.spec_models import ModelEntry, ModelOptions, Revisions
from pyscore.sweep.spec_patterns import Named, NamePattern, natural, parse_size
from pyscore.sweep.spec_variables import MOST_ENTRIES, numbers
from pyscore.sweep.spec_yaml import Mistakes, Where
from pyscore.sweep.study import Model

__all__ = ["checkpoints"]

_OPTIONS = (
    *("dtype", "device", "batch_tokens", "backend", "adapter"),
    *("add_bos_token", "trust_remote_code", "allow_unused_weights"),
)
_NOTHING = Named({})
_HUB = re.compile(r"[\w.-]+(/[\w.-]+)?")


def checkpoints(
    entry: ModelEntry, defaults: ModelOptions, folder: Path, mistakes: Mistakes, where: Where
) -> list[Model]:
    """The checkpoints that an entry names.

    Args:
        entry, defaults: of the study file.
        folder: that relative paths start from.
        mistakes: where what is wrong is noted.
        where: the entry stands in the file.
    """
    return _Entry(entry, defaults, folder, mistakes, where).models()


class _Entry:
    def __init__(
        self, entry: ModelEntry, defaults: ModelOptions, folder: Path, mistakes: Mistakes, where: Where
    ) -> None:
        self.entry, self.folder, self.mistakes, self.where = entry, folder, mistakes, where
        common = {name: value for name, value in defaults.given().items() if name not in entry.model_fields_set}
        self.fields = entry.model_copy(update=common)
        self.fields.tags = {**defaults.tags, **entry.tags}
        self.fields.options = {**defaults.options, **entry.options}
        given = {*defaults.model_fields_set, *entry.model_fields_set}
        self.options = {name: getattr(self.fields, name) for name in _OPTIONS if name in given}
        self.options |= self.fields.options
        if isinstance(self.options.get("adapter"), str):
            self.options["adapter"] = self._adapter(self.options["adapter"])
        self.pattern = self._pattern("pattern", self.fields.pattern)

    def models(self) -> list[Model]:
        entry = self.entry
        if (entry.path is None) == (entry.hub is None):
            self._wrong("", "give either path, for files, or hub, for a name on the model hub")
            return []
        if entry.revision is not None and entry.revisions is not None:
            self._wrong("revision", "give either revision or revisions")
            return []
        if entry.hub is not None:
            return self._of_hub(entry.hub)
        if entry.revision is not None or entry.revisions is not None:
            self._wrong("revisions" if entry.revisions is not None else "revision", "is for models of a hub")
            return []
        return self._of_path(str(entry.path))

    def _wrong(self, field: str, text: str) -> None:
        self.mistakes.add((*self.where, field) if field else self.where, text)

    def _pattern(self, field: str, text: str | None) -> NamePattern | None:
        try:
            return None if text is None else NamePattern(text)
        except ValueError as error:
            self._wrong(field, f"{text!r:.80}: {error}")
            return None

    def _adapter(self, given: str) -> str:
        path = _absolute(given, self.folder)
        if os.path.isdir(path) or not _HUB.fullmatch(given) or given.startswith("."):
            return path
        return given

    def _of_hub(self, hub: str) -> list[Model]:
        if not _HUB.fullmatch(hub):
            self._wrong("hub", f"{hub!r:.80} is no name on a model hub, such as EleutherAI/pythia-160m")
            return []
        revisions: list[tuple[str | None, Named]] = [(self.entry.revision, _NOTHING)]
        if isinstance(self.entry.revisions, Revisions):
            revisions = list(self._numbered(self.entry.revisions))
        elif self.entry.revisions is not None:
            revisions = list(self._listed(self.entry.revisions))
        elif self.pattern is not None:
            revisions = [(self.entry.revision, found) for found in self._read(self.pattern, hub, hub)]
        return [self._model(hub, named, revision, hub) for revision, named in revisions]

    def _listed(self, revisions: list[str]) -> Iterator[tuple[str, Named]]:
        for revision in revisions:
            if self.pattern is None:
                yield revision, NamePattern("step{step}").read(revision) or _NOTHING
            else:
                for named in self._read(self.pattern, revision, f"the revision {revision!r}"):
                    yield revision, named

    def _numbered(self, revisions: Revisions) -> Iterator[tuple[str, Named]]:
        steps = list(revisions.steps)
        if revisions.range is not None:
            steps += numbers(revisions.range, self.mistakes, (*self.where, "revisions", "range"))
        if "{step}" not in revisions.pattern:
            self.mistakes.add((*self.where, "revisions", "pattern"), "must hold {step}")
        elif not steps:
            self.mistakes.add((*self.where, "revisions"), "stands for no revision: give steps or range")
        for step in sorted(set(steps)):
            yield revisions.pattern.replace("{step}", str(step)), Named({"step": str(step)})

    def _of_path(self, given: str) -> list[Model]:
        registered = entry_points(group="pyscore_sources", name=given.partition(":")[0]) if ":" in given else ()
        if given == BUNDLED_MODEL or registered:
            return [self._model(given, _NOTHING, None, given)]
        path = _absolute(given, self.folder)
        plain = os.path.exists(path) or not glob.has_magic(path)
        if plain and self.fields.source == "huggingface" and not os.path.exists(path):
            hint = "; a name on the model hub goes under hub" if _HUB.fullmatch(given) else ""
            self._wrong("path", f"no such folder: {path}{hint}")
            return []
        found = [path.rstrip("/")] if plain else self._matching(path)
        chosen = [(each, named) for each in found for named in self._named(each)]
        models = [self._model(each, named, None, self._default_name(each)) for each, named in chosen]
        return sorted(models, key=_order)

    def _matching(self, path: str) -> list[str]:
        """The folders, and files of GGUF, that a pattern matches."""
        own = self.fields.source != "huggingface"
        matching = [each.rstrip("/") for each in glob.glob(path, recursive=True)]
        found = [each for each in matching if own or os.path.isdir(each) or each.endswith(".gguf")]
        if not found or len(found) > MOST_ENTRIES:
            number = "no folder matches" if not found else f"more than {MOST_ENTRIES:,} folders match"
            self._wrong("path", f"{number} {path}")
            return []
        return found

    def _named(self, path: str) -> list[Named]:
        named = [_NOTHING] if self.pattern is None else self._read(self.pattern, path, path)
        checked = named and self.fields.source == "huggingface" and os.path.isdir(path)
        if checked and not os.path.isfile(os.path.join(path, "config.json")):
            self._wrong("path", f"{path} is no model: it has no config.json")
            return []
        return named

    def _read(self, pattern: NamePattern, name: str, what: str) -> list[Named]:
        found = pattern.read(name)
        if found is None:
            if not self.fields.ignore_unmatched:
                self._wrong("pattern", f"{pattern.text} doesn't fit {what}: ignore_unmatched: true leaves it out")
            return []
        return [found]

    def _default_name(self, path: str) -> str:
        if self.pattern is not None and self.pattern.above(path):
            return self.pattern.above(path)
        return os.path.basename(path).removesuffix(".gguf") or path

    def _model(self, path: str, named: Named, revision: str | None, name: str) -> Model:
        entry, size = self.entry, named.size
        if isinstance(entry.size, str):
            try:
                size = parse_size(entry.size)
            except ValueError as error:
                self._wrong("size", str(error))
        elif entry.size is not None:
            size = entry.size
        source = self.fields.source
        if source.rpartition(":")[0].endswith(".py"):
            source = _absolute(source, self.folder)
        given: dict[str, Any] = {"family": self.fields.family or named.family, "source": source}
        return Model(
            entry.name or named.name or name,
            path,
            revision=revision,
            step=named.step if entry.step is None else entry.step,
            size=size,
            tags={**named.tags, **{key: _text(value) for key, value in self.fields.tags.items()}},
            options=self.options,
            **given,
        )


def _absolute(path: str, folder: Path) -> str:
    expanded = os.path.expanduser(path)
    return os.path.normpath(os.path.join(folder, expanded)) + ("/" if path.endswith("/") else "")


def _order(model: Model) -> tuple[Any, ...]:
    """Family, size, step, and what else a path says, each as people count."""
    return (
        natural(model.family or ""),
        model.size or 0,
        natural(model.name),
        -1 if model.step is None else model.step,
        natural(model.path),
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
