"""What a sweep would do: what is stored, what is missing and why, how many tokens that is, and how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pyscore.store.studies import StudyFolder
from pyscore.sweep.estimate import Pace
from pyscore.sweep.events import measured
from pyscore.sweep.failures import Failure, read_failures
from pyscore.sweep.grid import NEW, Grid, Unit
from pyscore.sweep.groups import Group, grouped
from pyscore.sweep.study import Study
from pyscore.sweep.sweeps import Shard, units_of
from pyscore.sweep.tokens import TokensToRun, tokens_to_run

__all__ = ["DryRun", "TimeToRun", "dry_run"]


@dataclass(frozen=True)
class TimeToRun:
    """About how long a sweep takes, one checkpoint after the other.

    Attributes:
        seconds: None where nothing was measured.
        n_measured: checkpoints that it is told by.
        n_scaled: checkpoints to score of whose size none was measured, so that their time follows from other sizes.
    """

    seconds: float | None
    n_measured: int
    n_scaled: int


@dataclass(frozen=True)
class DryRun:
    """What a sweep would do.

    Attributes:
        name, output: of the study.
        groups: all its checkpoints, by family and size where there are many.
        n_checkpoints, n_cells, n_questions: what this sweep would try.
        datasets: questions of each data set, and cells of it to try, by its name.
        templates: names.
        tokens, time: of what it would try.
        failures: what failed when it was last tried, and is missing still.
        unreadable: data sets that can't be read, with the reason.
    """

    name: str
    output: str
    groups: list[Group]
    n_checkpoints: int
    n_cells: int
    n_questions: int
    datasets: dict[str, tuple[int, int]]
    templates: list[str]
    tokens: TokensToRun
    time: TimeToRun
    failures: list[Failure]
    unreadable: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        groups = [{**asdict(group), "missing": group.missing} for group in self.groups]
        datasets = [{"name": name, "questions": n, "missing": m} for name, (n, m) in self.datasets.items()]
        return {**asdict(self), "groups": groups, "datasets": datasets}


def dry_run(study: Study, *, shard: Shard | None = None, retry_failed: bool = False) -> DryRun:
    """What `pyscore.sweep.run` would do with these options; nothing is written, and no weights are loaded.

    Raises:
        FileExistsError: the study's folder has other files.
        ValueError: a manifest is damaged; a model's source can't be imported.
    """
    folder = StudyFolder(study.output)
    folder.check()
    grid = Grid.of(study)
    units = units_of(grid, shard=shard, retry_failed=retry_failed)
    failures = read_failures(folder)
    missing = dict.fromkeys((each.name for each in study.datasets), 0)
    for unit in units:
        for names in unit.missing.values():
            for name in names:
                missing[name] += 1
    return DryRun(
        study.name,
        study.output,
        grouped(_checkpoints(grid, failures)),
        len(units),
        sum(len(names) for unit in units for names in unit.missing.values()),
        sum(unit.n_questions(study) for unit in units),
        {each.name: (_n_questions(grid, each.name), missing[each.name]) for each in study.datasets},
        [each.name for each in study.templates],
        tokens_to_run(study, units),
        _time(folder, study, units),
        [failure for unit in grid.units for failure in failures.get(study.folder_of(unit.model), ())],
        grid.unreadable,
    )


def _checkpoints(grid: Grid, failures: Mapping[str, tuple[Failure, ...]]) -> list[Group]:
    study = grid.study
    cells = dict.fromkeys((each.label for each in study.models), 0)
    labels = {study.key(each): each.label for each in study.models}
    for cell in grid.cells:
        cells[labels[cell.model["key"]]] += 1
    units = {unit.model.label: unit for unit in grid.units}
    found = []
    for model in study.models:
        unit, n = units.get(model.label), cells[model.label]
        n_missing = 0 if unit is None else sum(map(len, unit.missing.values()))
        has_failed = unit is not None and study.folder_of(model) in failures
        why = "failed before" if has_failed and unit is not None and unit.why == NEW else unit.why if unit else None
        reasons = {} if why is None else {why: 1}
        found.append(Group(model.label, model.family, model.size, 1, n, n - n_missing, int(has_failed), reasons))
    return found


def _n_questions(grid: Grid, name: str) -> int:
    if name in grid.unreadable:
        return 0
    return next(len(each.questions) for each in grid.study.datasets if each.name == name)


def _time(folder: StudyFolder, study: Study, units: list[Unit]) -> TimeToRun:
    pace = Pace(measured(folder))
    if not pace.n_measured:
        return TimeToRun(None, 0, 0)
    seconds = sum(pace.seconds(unit.model.size, unit.n_questions(study)) or 0.0 for unit in units)
    scaled = sum(not pace.is_measured(unit.model.size) for unit in units)
    return TimeToRun(seconds, pace.n_measured, scaled)
