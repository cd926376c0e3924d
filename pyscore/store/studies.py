"""The folder of a study: study.json, which says what it consists of, and a run for each checkpoint and template.

<study>/study.json
<study>/questions/<data set>-<digest>.parquet
<study>/runs/<checkpoint>/<template>/part-00000.parquet
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pyscore.store.files import locate
from pyscore.store.manifest import DATASETS, as_json, check_fields, read_manifest
from pyscore.store.questions import keep_questions, read_questions
from pyscore.tasks import Question

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["OF_TEMPLATE", "Cell", "StudyFolder", "StudyRun", "is_study", "run_name"]

_FORMAT, _VERSION = "pyscore study", 1
_STUDY, _RUNS, _QUESTIONS = "study.json", "runs", "questions"
_OWN = (_RUNS, _QUESTIONS, "claims", "events", "failures")
"""Folders in that of a study."""
_READ_AT_ONCE = 64
"""Manifests read at the same time: a remote file system takes as long for many of them as for one."""
_REMEMBERED = 16
"""Different entries on data sets that manifests are compared with: those of 150 data sets take 54 kB of memory."""
_ENTRIES: dict[str, dict[str, type]] = {
    "models": {"key": str, "folder": str, "name": str},
    "templates": {"name": str, "text": str},
    "datasets": {"name": str, "content_sha256": str, "templates": list},
}
"""What each entry of study.json has, at least."""
_OF_DAY = "prompts"
"""The component of a fingerprint that differs where a template prints another day."""
OF_TEMPLATE = (_OF_DAY, "chat_template")
"""Components of a fingerprint that say nothing of the model."""


class DamagedStudyError(ValueError):
    """study.json is none that was written whole."""


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
        """What the sweep that opened it last said of it: "model" (its key), "template", "stamp" and "opening"."""
        found = self.manifest["sessions"][-1].get("arguments", {})
        return found if isinstance(found, dict) else {}

    @property
    def opening(self) -> int:
        """A number above that of all runs of its checkpoint that were there when it was opened last.

        Clocks don't tell which run was opened last: those of two machines differ, and they are set back.
        """
        found = self.arguments.get("opening")
        return found if isinstance(found, int) else 0

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
        settings = (dict(run.manifest["settings"]) for run in (self, other))
        mine, others = ({**each, "fingerprint": _without(each, (_OF_DAY,))} for each in settings)
        return mine == others

    def has_weights_of(self, other: StudyRun) -> bool:
        """Whether both have rows of the same weights, tokenizer and configuration, under whichever template."""
        mine, others = (_without(run.manifest["settings"], OF_TEMPLATE) for run in (self, other))
        return mine == others


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
        try:
            is_said = self._found() == entries
        except DamagedStudyError:
            is_said = False
        if not is_said:
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

    def keep_questions(self, datasets: Iterable[tuple[str, str, Sequence[Question]]]) -> None:
        """Keep the questions of data sets beside study.json, those that aren't there yet.

        Args:
            datasets: of each its name, its "content_sha256" and its questions.

        Raises:
            OSError: a file can't be written.
        """
        named = ((_questions_file(name, digest), questions) for name, digest, questions in datasets)
        keep_questions(self.place / _QUESTIONS, named)

    def questions(self, dataset: Mapping[str, Any]) -> pa.Table | None:
        """The questions of a data set, an entry "datasets" of `read`; None where the sweep kept none.

        Returns:
            A line a question: id, prompt, answers, is_matching, cluster, group, choices, and meta, which is JSON.

        Raises:
            ValueError: their file is damaged, or holds others; the message names it.
            OSError: what is behind a URL can't be reached.
        """
        digest = dataset["content_sha256"]
        return read_questions(self.place / _QUESTIONS / _questions_file(dataset["name"], digest), digest)

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
        folder, kept = self.place / _RUNS, _Kept()

        def read(checkpoint: str) -> list[StudyRun]:
            own = [f"{checkpoint}/{name}" for name in (folder / checkpoint).names()]
            manifests = [read_manifest(folder / name) for name in own]
            return [StudyRun(name, kept.once(m)) for name, m in zip(own, manifests, strict=True) if m is not None]

        names = folder.names() if checkpoints is None else checkpoints
        if len(names) == 1:  # as each checkpoint asks before it is scored: threads would take longer to start
            found = read(names[0])
        else:
            with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
                found = list(chain.from_iterable(pool.map(read, names)))
        return sorted(found, key=lambda run: (run.opening, run.manifest["sessions"][-1]["started"]), reverse=True)

    def cells(self, study: Mapping[str, Any] | None = None, runs: Sequence[StudyRun] | None = None) -> Iterator[Cell]:
        """Every cell of the grid, model by model, template by template, data sets in their order.

        A cell's run is the last one that holds its data set, among those of the same settings as the run of its model
        and template that was opened last, and of the same weights as the last one of its model under any template: rows
        of weights that were overwritten since are none of it.
        """
        entries = self.read() if study is None else study
        by_cell: dict[tuple[Any, Any], list[StudyRun]] = {}
        last: dict[Any, StudyRun] = {}
        for run in self.runs() if runs is None else runs:
            model = run.arguments.get("model")
            own = by_cell.setdefault((model, run.arguments.get("template")), [])
            if run.has_weights_of(last.setdefault(model, run)) and (not own or run.is_of_model(own[0])):
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
            raise DamagedStudyError(f"{place} is damaged: {error}. Run the sweep again, which writes it anew") from None
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise ValueError(f"{place} is no study of pyscore's: name another folder")
        if found.get("version") != _VERSION:
            raise ValueError(
                f"{place} is of version {found.get('version')!r}, this pyscore reads version {_VERSION}: "
                "use the pyscore that wrote it"
            )
        check_fields(found, str(place), "", {"name": str, "models": list, "templates": list, "datasets": list})
        for kind, fields in _ENTRIES.items():
            for n, entry in enumerate(found[kind]):
                check_fields({f"{kind}[{n}]": entry}, str(place), "", {f"{kind}[{n}]": dict})
                check_fields(entry, str(place), f"{kind}[{n}].", fields)
        check_fields(found, str(place), "", {"scoring": dict, "comparison": dict}, optional=True)
        return found


def is_study(path: str | Path) -> bool:
    """Whether a path, or an fsspec URL, is the folder of a study."""
    place = locate(path)
    return place.is_folder() and (place / _STUDY).is_file()


class _Kept:
    """What manifests say of their data sets, kept once where they say the same, as most runs of a study do."""

    def __init__(self) -> None:
        self._known: deque[Any] = deque(maxlen=_REMEMBERED)

    def once(self, manifest: dict[str, Any]) -> dict[str, Any]:
        found = manifest.get(DATASETS)
        # A copy, as other threads add to it meanwhile.
        same = next((known for known in tuple(self._known) if known == found), None)
        if same is not None:
            return {**manifest, DATASETS: same}
        if found:
            self._known.append(found)
        return manifest


def _without(settings: Mapping[str, Any], components: Sequence[str]) -> dict[str, Any]:
    """The fingerprint of a run's settings without some of its components."""
    return {name: digest for name, digest in settings.get("fingerprint", {}).items() if name not in components}


def _questions_file(name: str, digest: str) -> str:
    return f"{run_name(name, digest)}.parquet"


def run_name(label: str, digest: str) -> str:
    """The name of a run's folder: what people read in it, in letters that every file system takes, and a digest."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.")[:80]
    return f"{readable}-{digest[:16]}".lstrip("-")
