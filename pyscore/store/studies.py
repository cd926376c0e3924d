"""The folder of a study: study.json, which says what it consists of, and a run for each checkpoint and template.

<study>/study.json
<study>/runs/<checkpoint>/<template>/part-00000.parquet
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from pyscore.store.files import locate
from pyscore.store.manifest import DATASETS, as_json, check_fields, read_manifest

__all__ = ["Cell", "StudyFolder", "StudyRun", "is_study", "run_name"]

_FORMAT, _VERSION = "pyscore study", 1
_STUDY, _RUNS = "study.json", "runs"
_OWN = (_RUNS, "claims", "events", "failures")
"""Folders in that of a study."""
_READ_AT_ONCE = 64
"""Manifests read at the same time: a remote file system takes as long for many of them as for one."""
_OF_PROMPTS = ("prompts", "chat_template")
"""Components of a fingerprint that say nothing of the model."""


class StudyRun(NamedTuple):
    """A run of a study.

    Attributes:
        name: of its folder, and before it that of its checkpoint's folder.
        manifest: what manifest.json holds.
    """

    name: str
    manifest: dict[str, Any]

    @property
    def arguments(self) -> dict[str, Any]:
        """What the sweep that opened it last said of it: "model" (the key of a model), "template" and "stamp"."""
        found = self.manifest["sessions"][-1].get("arguments", {})
        return found if isinstance(found, dict) else {}

    def holds(self, dataset: Mapping[str, Any]) -> bool:
        """Whether it has scored these questions: an entry "datasets" of `StudyFolder.read`."""
        return self.stored(dataset) is not None

    def stored(self, dataset: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the manifest says of a data set whose questions are these; None where it holds others, or none."""
        found = self.manifest.get(DATASETS, {}).get(dataset["name"])
        same = isinstance(found, dict) and found.get("content_sha256") == dataset["content_sha256"]
        return found if same else None

    def is_of_model(self, other: StudyRun) -> bool:
        """Whether both have rows of the same model under the same settings, though templates may print another day."""
        return _of_model(self) == _of_model(other)


class Cell(NamedTuple):
    """A checkpoint, a template and a data set of a study.

    Attributes:
        model, template, dataset: entries of `StudyFolder.read`.
        run: the run that holds its rows, None where there are none yet.
    """

    model: dict[str, Any]
    template: dict[str, Any]
    dataset: dict[str, Any]
    run: StudyRun | None


class StudyFolder:
    """A study's folder.

    Args:
        path: a path, or an fsspec URL.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path).rstrip("/") or "/"
        self.place = locate(path)

    def write(self, study: Mapping[str, Any]) -> None:
        """Say what the study consists of; what was said before is replaced, runs stay.

        Args:
            study: as `read` returns it, without "format" and "version". What JSON can hold.

        Raises:
            FileExistsError: the folder has other files, and no study.
            OSError: the folder can't be made or written to.
        """
        entries = {"format": _FORMAT, "version": _VERSION, **as_json(study)}
        self.check()
        self.place.make_folder()
        (self.place / _RUNS).make_folder()
        if self._found() != entries:
            with (self.place / _STUDY).replacing() as file:
                file.write(json.dumps(entries, indent=1).encode() + b"\n")

    def check(self) -> None:
        """Raise as `write` would of the folder, without making it."""
        if self.place.is_file():
            raise FileExistsError(f"{self.place} is a file: name a folder for the study")
        other = [name for name in self.place.names() if not name.startswith(".")]
        strange = sorted(set(other) - {_STUDY, *_OWN})
        if strange and _STUDY not in other:
            which = f"{self.place} has files and is no study ({strange[0]})"
            raise FileExistsError(f"{which}: name a new or an empty folder")
        if not self.place.is_folder():
            self.place.check_writable()

    def read(self) -> dict[str, Any]:
        """What the study consists of.

        Returns:
            "name"; "models", each with "key", "folder", "name", "revision", "step", "size", "family" and "tags";
            "templates", each with "name" and "text"; "datasets", each with "name", "questions", "content_sha256" and
            "templates", the names of those that it is scored under; and what else the sweep wrote there.

        Raises:
            FileNotFoundError: there is no study.
            ValueError: study.json is damaged, or of another version.
        """
        found = self._found()
        if found is None:
            raise FileNotFoundError(f"no study in {self.place}: it has no {_STUDY}")
        return found

    def run_path(self, name: str) -> str:
        """Where the run of this name lies; the folder that it is in is made."""
        (self.place / _RUNS / name.partition("/")[0]).make_folder()
        return f"{self.path}/{_RUNS}/{name}"

    def runs(self, checkpoints: Sequence[str] | None = None) -> list[StudyRun]:
        """The runs, the one that was opened last first.

        Args:
            checkpoints: the "folder" of each checkpoint whose runs to read; None for all that are there.

        Raises:
            ValueError: a manifest is damaged; the message names it.
        """
        folder = self.place / _RUNS

        def read(checkpoint: str) -> list[StudyRun]:
            names = [f"{checkpoint}/{name}" for name in (folder / checkpoint).names()]
            manifests = [read_manifest(folder / name) for name in names]
            return [StudyRun(name, each) for name, each in zip(names, manifests, strict=True) if each is not None]

        with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
            found = list(chain.from_iterable(pool.map(read, folder.names() if checkpoints is None else checkpoints)))
        return sorted(found, key=lambda run: run.manifest["sessions"][-1]["started"], reverse=True)

    def cells(self, study: Mapping[str, Any] | None = None, runs: Sequence[StudyRun] | None = None) -> Iterator[Cell]:
        """Every cell of the grid, model by model, template by template, data sets in their order.

        A cell's run is the last one that holds its data set, among those of the same weights and settings as the run of
        its model and template that was opened last: rows of weights that were overwritten since are none of it.
        """
        entries = self.read() if study is None else study
        by_cell: dict[tuple[Any, Any], list[StudyRun]] = {}
        for run in self.runs() if runs is None else runs:
            own = by_cell.setdefault((run.arguments.get("model"), run.arguments.get("template")), [])
            if not own or run.is_of_model(own[0]):
                own.append(run)
        for model in entries["models"]:
            for template in entries["templates"]:
                own = by_cell.get((model["key"], template["text"]), [])
                for dataset in entries["datasets"]:
                    if template["name"] in dataset["templates"]:
                        yield Cell(model, template, dataset, next((run for run in own if run.holds(dataset)), None))

    def _found(self) -> dict[str, Any] | None:
        place = self.place / _STUDY
        if not place.is_file():
            return None
        try:
            found = json.loads(place.read())
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"{place} is damaged: {error}. Run the sweep again, which writes it anew") from None
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise ValueError(f"{place} is no study of pyscore's: name another folder")
        if found.get("version") != _VERSION:
            raise ValueError(
                f"{place} is of version {found.get('version')!r}, this pyscore reads version {_VERSION}: "
                "use the pyscore that wrote it"
            )
        check_fields(found, str(place), "", {"name": str, "models": list, "templates": list, "datasets": list})
        return found


def is_study(path: str | Path) -> bool:
    """Whether a path, or an fsspec URL, is the folder of a study."""
    place = locate(path)
    return place.is_folder() and (place / _STUDY).is_file()


def _of_model(run: StudyRun) -> dict[str, Any]:
    settings = run.manifest["settings"]
    fingerprint = settings.get("fingerprint", {})
    return {**settings, "fingerprint": {k: v for k, v in fingerprint.items() if k not in _OF_PROMPTS}}


def run_name(label: str, digest: str) -> str:
    """The name of a run's folder: what people read in it, in letters that every file system takes, and a digest."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.")[:80]
    return f"{readable}-{digest[:16]}".lstrip("-")
