"""A study on a Ray cluster: one task a checkpoint; Ray places tasks, and rows go from its workers to the storage."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

from pyscore.store.studies import StudyFolder
from pyscore.sweep.failures import Failure, note_failures
from pyscore.sweep.grid import Unit
from pyscore.sweep.local import abandoned, score_tried
from pyscore.sweep.study import Study
from pyscore.sweep.unit import UnitResult
from pyscore.sweep.watch import Watch

__all__ = ["run_on_ray"]

_AT_LEAST_AT_ONCE, _A_CPU = 64, 4
"""Tasks that Ray is given at a time: so many, or so many a CPU, whichever is more. Enough for an autoscaler to see that
there is work, and few enough that what the driver keeps does not grow with the study."""
_REASONS = {
    "WorkerCrashedError": "its worker was killed, or crashed",
    "OutOfMemoryError": "its worker was stopped because the machine ran out of memory",
    "NodeDiedError": "its node died",
    "LocalRayletDiedError": "the raylet of its node died",
}


def run_on_ray(study: Study, units: Sequence[Unit], owner: str, watch: Watch) -> list[Failure]:
    """Score units as Ray tasks, and say what failed.

    Ray is the cluster that this process is connected to; else the one that RAY_ADDRESS names, or that this machine is
    part of; else one of this machine, until this returns. A unit whose worker or node dies is begun again,
    ``study.resources.max_retries`` times at most, and then reported; what was stored of it is not scored again. That is
    counted here and not by Ray, which starts a task that runs out of memory again without end.

    Args:
        study: the study that they are of, whose folder was written.
        units: what to score.
        owner: of this sweep's claims.
        watch: hears how it goes on; a unit is "started" when Ray is given it.

    Raises:
        ImportError: Ray is not installed.
        OSError: the storage can't be written from here either; or the Ray of this machine stopped. What is stored
            stays.
    """
    if not units:
        return []
    try:
        import ray
    except ImportError as error:
        raise ImportError('the runner "ray" needs Ray: pip install "pyscore-engine[ray]"') from error
    with _connected(ray):
        sweep = _Sweep(ray, study, owner, watch)
        free, held = abandoned(study, sweep.run(units))
        for unit in [*held, *sweep.run(free)]:
            watch.left(unit)
        return sweep.failures


@contextmanager
def _connected(ray: Any) -> Iterator[None]:
    """Connected to a cluster; one that this begins is gone afterwards."""
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS")
    ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
    try:
        yield
    finally:
        ray.shutdown()


class _Sweep:
    """The units of a study, on their way through Ray."""

    def __init__(self, ray: Any, study: Study, owner: str, watch: Watch) -> None:
        self.failures: list[Failure] = []
        self._ray, self._study, self._owner, self._watch = ray, study, owner, watch
        wanted = study.resources
        # GPUs are asked for here and not by options(), so that Ray gives each task a new worker: a process that has
        # used one GPU goes on using it when Ray has assigned it another.
        declared = ray.remote(
            num_cpus=wanted.cpus,
            num_gpus=wanted.gpus,
            memory=wanted.memory,
            resources=dict(wanted.custom) or None,
            max_retries=0,
        )
        self._task = declared(_score).options(name=f"pyscore {study.name}")
        self._shared = [ray.put(study)]  # in a list, a reference is passed as it is: each worker fetches it once

    def run(self, units: Sequence[Unit]) -> list[Unit]:
        """Those of the units that other sweeps work on; the others are scored, or failed."""
        waiting = deque((unit, self._study.resources.max_retries) for unit in units)
        running: dict[Any, tuple[Unit, int]] = {}
        left = []
        try:
            while waiting or running:
                at_once = self._at_once()  # a cluster may grow
                while waiting and len(running) < at_once:
                    unit, retries = waiting.popleft()
                    running[self._task.remote(self._shared, unit, self._owner)] = unit, retries
                    self._watch.started(unit)
                for done in self._ray.wait(list(running))[0]:
                    unit, retries = running.pop(done)
                    try:
                        result = self._ray.get(done)
                    except self._ray.exceptions.RayError as error:
                        if not self._failed(unit, error, retries):
                            waiting.appendleft((unit, retries - 1))
                        continue
                    if result is None:
                        left.append(unit)
                    else:
                        self._finished(unit, result)
        finally:
            for task in running:  # all are done unless an error, or Ctrl-C, ends this early
                with suppress(self._ray.exceptions.RayError):
                    self._ray.cancel(task, force=True)
        return left

    def _at_once(self) -> int:
        n_cpus = self._ray.cluster_resources().get("CPU", 0.0)
        return max(_AT_LEAST_AT_ONCE, int(_A_CPU * n_cpus))

    def _finished(self, unit: Unit, result: UnitResult) -> None:
        self.failures += result.failures
        self._watch.advanced(result.n_questions if result.failures else unit.n_questions(self._study))
        self._watch.done(unit, result)

    def _failed(self, unit: Unit, error: Exception, retries: int) -> bool:
        """Whether that was the last try of a unit; then its failure is noted."""
        label = unit.model.label
        if isinstance(error, self._ray.exceptions.RayTaskError):
            cause: Any = error.cause
            reason = _first_line(cause)
        else:
            self._check_alive()
            reason = _REASONS.get(type(error).__name__) or _first_line(error)
            if retries:
                self._watch.died(unit, reason, retries)
                return False
            reason = f"{reason}, {self._study.resources.max_retries + 1} times"
        failures = (Failure(label, None, None, reason),)
        # Where this process can't write either, it is the storage that fails, and not one node: OSError ends the sweep.
        note_failures(StudyFolder(self._study.output), self._study.folder_of(unit.model), failures)
        self._finished(unit, UnitResult(label, failures))
        return True

    def _check_alive(self) -> None:
        """Raise ConnectionError if nothing can run any more, as the Ray of this machine died."""
        own = self._ray.get_runtime_context().get_node_id()
        if not any(node["Alive"] for node in self._ray.nodes() if node["NodeID"] == own):
            raise ConnectionError(
                "the Ray of this machine stopped: run the sweep again, which goes on with what is stored"
            )


def _score(shared: list[Any], unit: Unit, owner: str) -> UnitResult | None:
    """What a worker does."""
    return score_tried(_fetched(shared[0]), unit, owner)


@lru_cache(1)
def _fetched(study: Any) -> Study:
    """The study, as its driver put it; its questions come along, so that no worker reads the files of data sets."""
    import ray

    found: Study = ray.get(study)
    return found


def _first_line(error: BaseException) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}"
