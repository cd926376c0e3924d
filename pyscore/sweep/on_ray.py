"""A study on a Ray cluster: one task a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from pyscore.sweep.failures import Failure
from pyscore.sweep.grid import Unit
from pyscore.sweep.study import Study
from pyscore.sweep.watch import Watch

__all__ = ["run_on_ray"]


def run_on_ray(study: Study, units: Sequence[Unit], owner: str, watch: Watch) -> list[Failure]:
    """Score units as Ray tasks, and say what failed."""
    raise NotImplementedError
