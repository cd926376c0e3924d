"""Run a study: what is missing of its grid is scored, here or on a cluster, and what failed is said at the end."""

from __future__ import annotations

import re
import uuid
import warnings
from collections.abc import Sequence
from dataclasses import replace

from pyscore.store.studies import StudyFolder
from pyscore.sweep.failures import Failure, read_failures
from pyscore.sweep.grid import Grid, Unit
from pyscore.sweep.study import Dataset, Study
from pyscore.sweep.watch import Watch

__all__ = ["FailedUnits", "Shard", "run", "units_of"]

RUNNERS = ("local", "ray")


class FailedUnits(RuntimeError):
    """Some of a study could not be scored; the rest is stored.

    Attributes:
        failures: what failed, and why.
    """

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__("\n".join(map(str, failures)))
        self.failures = tuple(failures)


class Shard:
    """A part of a study's checkpoints: every n-th one, for the tasks of a job array.

    Args:
        index: which part, from 1.
        count: of how many.

    Raises:
        ValueError: no such part.
    """

    def __init__(self, index: int, count: int) -> None:
        if not 1 <= index <= count:
            raise ValueError(f"shard {index}/{count}: the first number must be 1 to {count}")
        self.index, self.count = index, count

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Of "3/16", the third of sixteen."""
        found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if found is None:
            raise ValueError(f"shard {text!r} must be written as 3/16, the third of sixteen parts")
        return cls(int(found[1]), int(found[2]))

    def has(self, position: int) -> bool:
        """Whether the checkpoint at this position in the study is in it."""
        return position % self.count == self.index - 1


def run(
    study: Study,
    *,
    runner: str = "local",
    resume: bool = True,
    shard: Shard | None = None,
    retry_failed: bool = False,
    watch: Watch | None = None,
    argv: Sequence[str] | None = None,
) -> None:
    """Score what is missing of a study, into its folder.

    What is done is told by what lies in the folder: rows of the same weights, questions, template and options are never
    scored again. Several sweeps of one study may run at once; they share its checkpoints.

    Args:
        study: as `pyscore.sweep.load` reads it.
        runner: "local", in this process; or "ray", on the Ray cluster that this process is connected to, or one of
            this machine.
        resume: go on with what is there. False raises if there is a study already.
        shard: take a part of the checkpoints only.
        retry_failed: take only checkpoints that failed before.
        watch: hears how it goes on.
        argv: the arguments of the command that this is, which the manifests of the runs that it opens keep.

    Raises:
        FailedUnits: some checkpoints or data sets could not be scored; everything else was.
        FileExistsError: there is a study, and ``resume`` is False; the folder has other files.
        ValueError: an unknown runner; a source that can't be imported.
        OSError: the storage can't be written.
    """
    if runner not in RUNNERS:
        raise ValueError(f"runner={runner!r} is not one of {', '.join(RUNNERS)}")
    study = study if argv is None else replace(study, argv=tuple(argv))
    folder, watch = StudyFolder(study.output), watch or Watch()
    folder.check()
    if not resume and folder.place.names():
        raise FileExistsError(f"{folder.place} has a study already: leave out resume=False, or name another output")
    grid = Grid.of(study)
    readable = [each for each in study.datasets if each.name not in grid.unreadable]
    folder.write(study.to_dict([each.name for each in readable]))
    _keep_questions(folder, readable)
    units = units_of(grid, shard=shard, retry_failed=retry_failed)
    failures = [Failure(None, None, name, reason) for name, reason in grid.unreadable.items()]
    watch.began(grid, units)
    owner = uuid.uuid4().hex
    try:
        if runner == "ray":
            from pyscore.sweep.on_ray import run_on_ray

            failures += run_on_ray(study, units, owner, watch)
        else:
            from pyscore.sweep.local import run_here

            failures += run_here(study, units, owner, watch)
    finally:
        watch.ended()
    if failures:
        raise FailedUnits(failures)


def _keep_questions(folder: StudyFolder, datasets: Sequence[Dataset]) -> None:
    """Keep the questions, for people to look at; no row depends on them, and so no sweep ends where they can't be."""
    try:
        folder.keep_questions((each.name, each.content_sha256, each.questions) for each in datasets)
    except OSError as error:
        reason = f"the study's questions can't be kept beside its rows ({error})"
        warnings.warn(f"{reason}: the next sweep tries again, and until then reports lack prompts", stacklevel=3)


def units_of(grid: Grid, *, shard: Shard | None = None, retry_failed: bool = False) -> list[Unit]:
    """What of a grid's units a sweep with these options tries."""
    positions = {model: i for i, model in enumerate(grid.study.folder_of(each) for each in grid.study.models)}
    failed = read_failures(StudyFolder(grid.study.output)) if retry_failed else {}
    chosen = []
    for unit in grid.units:
        checkpoint = grid.study.folder_of(unit.model)
        if (shard is None or shard.has(positions[checkpoint])) and (not retry_failed or checkpoint in failed):
            chosen.append(unit)
    return chosen
