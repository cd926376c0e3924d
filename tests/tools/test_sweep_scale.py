"""The simulation of large sweeps: what it measures adds up, and half of a study can be taken away again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyscore.sweep.grid import Grid
from tools.sweep_scale import SHARES, forget_half, measure, study_of


def test_scoring_and_scheduling_add_up_to_the_sweep(tmp_path: Path) -> None:
    study = study_of(tmp_path, 10, 3, 2)
    found = measure(study, "local", 1)
    assert found["units"] == 10 and not Grid.of(study).units
    assert set(found["driver_mib"]) == {"begin", *(f"{share:.0%}" for share in SHARES)}
    spread = found["scheduling_ms_spread"]
    assert found["scheduling_ms"] == pytest.approx(spread["mean"])
    assert 0 < found["scheduling_ms"] + found["scoring_ms"]["mean"] <= 1e3 * found["seconds"]
    forget_half(study)
    assert [unit.model.label for unit in Grid.of(study).units] == [each.label for each in study.models[::2]]
