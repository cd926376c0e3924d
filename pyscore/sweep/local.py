"""A study in this process: one checkpoint after the other, the files of the next one read meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pyscore.store.studies import StudyFolder
from pyscore.sweep.claims import claim_of, claimed
from pyscore.sweep.failures import Failure
from pyscore.sweep.grid import Grid, Unit
from pyscore.sweep.models import loader_of
from pyscore.sweep.study import Study
from pyscore.sweep.unit import UnitResult, score_unit
from pyscore.sweep.watch import Watch

__all__ = ["run_here", "score_claimed"]

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
    with ThreadPoolExecutor(1, thread_name_prefix="pyscore-prefetch") as pool:
        for i, unit in enumerate(units):
            for following in units[i + 1 : i + 2]:
                pool.submit(loader_of(following.model.source).prefetch, following.model)
            watch.started(unit)
            result = _tried(study, unit, owner, watch)
            if result is None:
                watch.left(unit)
                continue
            failures += result.failures
            watch.done(unit, result)
    return failures


def score_claimed(study: Study, unit: Unit, owner: str, advance: Callable[[float], None]) -> UnitResult | None:
    """`score_unit` of what is still missing, if nobody else works on it; None where somebody does."""
    with claimed(claim_of(StudyFolder(study.output), study.folder_of(unit.model)), owner) as mine:
        if not mine:
            return None
        # Another sweep may have scored it since the grid was read.
        left = Grid.of(study, unit.model).units
        if not left:
            advance(unit.n_questions(study))
            return UnitResult(unit.model.label)
        try:
            return score_unit(study, left[0], advance)
        except BlockingIOError:  # without locks, another one took it over
            return None


def _tried(study: Study, unit: Unit, owner: str, watch: Watch) -> UnitResult | None:
    """`score_claimed`, begun again where the storage fails: rows that are stored are not scored again."""
    for left in reversed(range(study.resources.max_retries + 1)):
        try:
            return score_claimed(study, unit, owner, watch.advanced)
        except OSError as error:
            if not left:
                raise
            watch.died(unit, str(error), left)
            time.sleep(_WAIT_SECONDS * 2 ** (study.resources.max_retries - left))
    raise AssertionError("the last try returns or raises")
