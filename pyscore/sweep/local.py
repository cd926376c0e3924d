"""A study in this process: one checkpoint after the other, the files of the next one read meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pyscore.store.studies import StudyFolder
from pyscore.sweep.claims import claim_of, claimed, holds, outlived
from pyscore.sweep.failures import Failure
from pyscore.sweep.grid import Grid, Unit
from pyscore.sweep.models import loader_of
from pyscore.sweep.study import Study
from pyscore.sweep.unit import UnitResult, score_unit
from pyscore.sweep.watch import Watch

__all__ = ["abandoned", "run_here", "score_claimed", "score_tried"]

_WAIT_SECONDS = 1.0
"""Before a unit is begun again whose storage failed; each time twice as long."""


def run_here(study: Study, units: Sequence[Unit], owner: str, watch: Watch) -> list[Failure]:
    """Score units in this process, and say what failed.

    Args:
        study: the study that they are of, whose folder was written.
        units: what to score.
        owner: of this sweep's claims.
        watch: hears how it goes on.

    Raises:
        OSError: the storage failed more often than the study's ``max_retries`` allow. What is stored stays.
    """
    failures: list[Failure] = []
    left: list[Unit] = []
    with ThreadPoolExecutor(1, thread_name_prefix="pyscore-prefetch") as pool:
        for i, unit in enumerate(units):
            for following in units[i + 1 : i + 2]:
                pool.submit(loader_of(following.model.source).prefetch, following.model)
            left += _run_one(study, unit, owner, watch, failures)
    free, held = abandoned(study, left)
    for unit in free:
        held += _run_one(study, unit, owner, watch, failures)
    for unit in held:
        watch.left(unit)
    return failures


def score_claimed(study: Study, unit: Unit, owner: str, advance: Callable[[float], None]) -> UnitResult | None:
    """`score_unit` of what is still missing, if nobody else works on it; None where somebody does."""
    place = claim_of(StudyFolder(study.output), study.folder_of(unit.model))
    progress = _Progress(advance)
    with claimed(place, owner) as mine:
        while mine:
            progress.begin()
            # Another sweep may have scored it since the grid was read.
            missing = Grid.of(study, unit.model).units
            if not missing:
                progress(unit.n_questions(study))
                return UnitResult(unit.model.label)
            try:
                return score_unit(study, missing[0], progress)
            except BlockingIOError:
                # Without locks, another one took it over, or one whose claim this was before wrote a last part.
                mine = holds(place, owner)
    return None


def score_tried(
    study: Study,
    unit: Unit,
    owner: str,
    advance: Callable[[float], None] = lambda _: None,
    died: Callable[[str, int], None] = lambda reason, n_left: None,
) -> UnitResult | None:
    """`score_claimed`, begun again where the storage fails: rows that are stored are not scored again.

    Args:
        study, unit, owner, advance: as for `score_claimed`.
        died: hears why it is begun again, and how often it may be after that.

    Raises:
        OSError: the storage failed more often than the study's ``max_retries`` allow.
    """
    progress = _Progress(advance)
    for left in reversed(range(study.resources.max_retries + 1)):
        progress.begin()
        try:
            return score_claimed(study, unit, owner, progress)
        except OSError as error:
            if not left:
                raise
            died(str(error), left)
            time.sleep(_WAIT_SECONDS * 2 ** (study.resources.max_retries - left))
    raise AssertionError("the last try returns or raises")


def abandoned(study: Study, units: Sequence[Unit]) -> tuple[list[Unit], list[Unit]]:
    """Of units that another sweep had claimed, those that it has let go of or died on, and those that it works on.

    On storage without locks this waits for the end of a lease, at most.
    """
    folder = StudyFolder(study.output)
    over = outlived([claim_of(folder, study.folder_of(unit.model)) for unit in units])
    chosen: tuple[list[Unit], list[Unit]] = [], []
    for unit, is_over in zip(units, over, strict=True):
        chosen[not is_over].append(unit)
    return chosen


class _Progress:
    """Passes on what is done, and nothing twice of a unit that is begun again."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._advance, self._n, self._told = advance, 0.0, 0.0

    def begin(self) -> None:
        self._n = 0.0

    def __call__(self, more: float) -> None:
        self._n += more
        if self._n > self._told:
            self._advance(self._n - self._told)
            self._told = self._n


def _run_one(study: Study, unit: Unit, owner: str, watch: Watch, failures: list[Failure]) -> list[Unit]:
    """Score a unit, and say so; the unit itself where another sweep has it."""
    watch.started(unit)
    result = score_tried(study, unit, owner, watch.advanced, lambda reason, left: watch.died(unit, reason, left))
    if result is None:
        return [unit]
    failures += result.failures
    watch.done(unit, result)
    return []
