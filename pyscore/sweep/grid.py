"""What of a study is stored, what is missing, and why: told by what lies in its folder, without loading a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from pyscore._digest import json_digest
from pyscore.store.studies import OF_TEMPLATE, Cell, StudyFolder, StudyRun
from pyscore.sweep.models import loader_of
from pyscore.sweep.study import Dataset, Model, NamedTemplate, Study

__all__ = ["Grid", "Unit", "conditions_of", "unreadable_datasets"]

NEW, CHANGED, UNTOLD = "not scored yet", "its files or options changed", "nothing tells whether it changed"
"""Why a checkpoint has to be loaded."""
_STAMPS_AT_ONCE = 32


@dataclass(frozen=True)
class Unit:
    """A checkpoint and all that is missing of it: what one worker does, loading it once.

    Attributes:
        model: the checkpoint.
        stamp: of its files, as they are now, and of how the study says to load and score it; None where nothing is
            known of its files. See `pyscore.sweep.models.Loader.stamp`.
        missing: names of the data sets to score, by the name of the template.
        why: why it has to be loaded.
        opening: of the runs that it opens; see `pyscore.store.studies.StudyRun.opening`.
        held: `conditions_of` the run of this checkpoint that was opened last; None where there is none.
    """

    model: Model
    stamp: str | None
    missing: Mapping[str, tuple[str, ...]]
    why: str
    opening: int = 1
    held: str | None = None

    def datasets(self, study: Study) -> Iterator[tuple[NamedTemplate, list[Dataset]]]:
        """Each template with the data sets that are missing under it."""
        for template in study.templates:
            names = set(self.missing.get(template.name, ()))
            if names:
                yield template, [each for each in study.datasets_of(template) if each.name in names]

    def n_questions(self, study: Study) -> int:
        """How many questions it has to answer, at most: some may be stored."""
        return sum(len(each.questions) for _, datasets in self.datasets(study) for each in datasets)


@dataclass(frozen=True)
class Grid:
    """The cells of a study, each with the run that holds it.

    Attributes:
        study: the study.
        cells: the runs of all cells, None where there is none, by the indices of model, template and data set.
        units: what is missing, in the order of the models.
        unreadable: data sets whose files can't be read, with the reason.
    """

    study: Study
    cells: Sequence[Cell]
    units: Sequence[Unit]
    unreadable: Mapping[str, str]

    @classmethod
    def of(cls, study: Study, only: Model | None = None) -> Grid:
        """The grid as it is now, by what lies in the study's folder.

        Args:
            study: the study; the files of its data sets are read.
            only: look at this checkpoint alone.

        Raises:
            ValueError: a manifest is damaged; a model's source can't be imported.
        """
        folder = StudyFolder(study.output)
        study = study if only is None else replace(study, models=(only,))
        unreadable = unreadable_datasets(study)
        entries = study.to_dict([each.name for each in study.datasets if each.name not in unreadable])
        runs = folder.runs(None if only is None else [study.folder_of(only)])
        latest: dict[tuple[Any, Any], StudyRun] = {}
        last: dict[Any, StudyRun] = {}
        for run in runs:
            latest.setdefault((run.arguments.get("model"), run.arguments.get("template")), run)
            last.setdefault(run.arguments.get("model"), run)
        cells = list(folder.cells(entries, runs))
        stamps = _stamps(study)
        units = []
        by_model = {key: list(own) for key, own in groupby(cells, key=lambda cell: cell.model["key"])}
        for model, stamp in zip(study.models, stamps, strict=True):
            unit = _unit(study, model, stamp, by_model.get(study.key(model), []), latest)
            if unit is not None:
                before = last.get(study.key(model))
                held = None if before is None else conditions_of(before.manifest["settings"])
                units.append(replace(unit, opening=1 + (before.opening if before else 0), held=held))
        return cls(study, cells, units, unreadable)

    @property
    def n_cells(self) -> int:
        """How many cells the grid has, without those of data sets that can't be read."""
        return len(self.cells)

    @property
    def n_missing(self) -> int:
        """How many cells have to be looked at: not stored, or of a checkpoint that may have changed."""
        return sum(len(names) for unit in self.units for names in unit.missing.values())


def unreadable_datasets(study: Study) -> dict[str, str]:
    """Data sets whose questions can't be read, with the reason; or whose first one no template of theirs can render.

    One that only some templates can't render is left to be scored: those fail by themselves, or skip its questions.
    """
    found = {}
    for dataset in study.datasets:
        try:
            _ = dataset.content_sha256
            reasons = [_unrendered(template, dataset) for template in _templates_of(study, dataset)]
        except (ValueError, OSError, ImportError) as error:  # a package may be missing that reads such files
            found[dataset.name] = str(error)
            continue
        if study.scoring.on_error == "raise" and None not in reasons:
            found[dataset.name] = str(reasons[0])
    return found


def _templates_of(study: Study, dataset: Dataset) -> list[NamedTemplate]:
    return [each for each in study.templates if dataset.templates is None or each.name in dataset.templates]


def _unrendered(template: NamedTemplate, dataset: Dataset) -> str | None:
    """Why a template can't render a data set's first question, as far as that is told without a model."""
    try:
        template.check(dataset.questions[0])
    except ValueError as error:
        return str(error)
    return None


def conditions_of(settings: Mapping[str, Any]) -> str:
    """A digest of what the settings of a run say of its model and of how it is scored, under whichever template."""
    of_template = ("template", *OF_TEMPLATE)
    fingerprint = {name: value for name, value in settings.get("fingerprint", {}).items() if name not in of_template}
    rest = {name: value for name, value in settings.items() if name not in of_template}
    return json_digest({**rest, "fingerprint": fingerprint})


def _stamps(study: Study) -> list[str | None]:
    loaders = {source: loader_of(source) for source in {model.source for model in study.models}}

    def stamp_of(model: Model) -> str | None:
        try:
            return loaders[model.source].stamp(model)
        except Exception:  # such as files that are being removed: loading the checkpoint says what is wrong with it
            return None

    if len(study.models) == 1:  # as each unit asks before it begins: a thread would take longer to start
        of_files = [stamp_of(study.models[0])]
    else:
        with ThreadPoolExecutor(_STAMPS_AT_ONCE) as pool:
            of_files = list(pool.map(stamp_of, study.models))
    return [
        None if stamp is None else json_digest([stamp, study.conditions(model)])
        for stamp, model in zip(of_files, study.models, strict=True)
    ]


def _unit(
    study: Study,
    model: Model,
    stamp: str | None,
    cells: Sequence[Cell],
    latest: Mapping[tuple[Any, Any], StudyRun],
) -> Unit | None:
    """What is missing of a checkpoint; None where everything is stored and nothing changed."""
    missing: dict[str, tuple[str, ...]] = {}
    reasons = []
    for template in study.templates:
        own = [cell for cell in cells if cell.template["name"] == template.name]
        run = latest.get((study.key(model), template.text))
        if run is not None and (stamp is None or run.arguments.get("stamp") != stamp):
            names = [cell.dataset["name"] for cell in own]  # whether rows are still its own shows once it is loaded
            reasons.append(UNTOLD if stamp is None else CHANGED)
        else:
            names = [cell.dataset["name"] for cell in own if not _is_done(cell, study)]
            reasons.append(NEW)
        if names:
            missing[template.name] = tuple(names)
    if not missing:
        return None
    return Unit(model, stamp, missing, next((why for why in reasons if why != NEW), NEW))


def _is_done(cell: Cell, study: Study) -> bool:
    stored = None if cell.run is None else cell.run.stored(cell.dataset)
    return stored is not None and (study.scoring.on_error == "skip" or not stored.get("skipped"))
