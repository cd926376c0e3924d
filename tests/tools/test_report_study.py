"""The made-up study for measuring reports: it is whole, and its numbers are those that were made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyscore.results import tidy
from pyscore.sweep.status import status_of
from tools.report_study import made_up_study


def test_a_made_up_study_is_finished_and_has_every_line(tmp_path: Path) -> None:
    study = made_up_study(tmp_path, 4, 3, 60)
    groups = status_of(study.output).groups
    assert [(group.cells, group.stored) for group in groups] == [(3, 3)] * 4
    lines = tidy(study.output, metrics=["mean_probability", "mean_coverage"]).to_pylist()
    assert len(lines) == 4 * (3 + 2) * 2
    assert all(line["n"] == (60 if line["scope"] == "dataset" else 180) for line in lines)
    assert {line["n_clusters"] for line in lines if line["dataset"] == "topic 0"} == {12}
    assert {line["n_clusters"] for line in lines if line["dataset"] == "topic 1"} == {None}
    covered = [line["value"] for line in lines if line["metric"] == "mean_coverage" and line["scope"] == "dataset"]
    assert np.mean(covered) == pytest.approx(0.75, abs=0.03)  # uniform between a half and one
    shares = [line["value"] for line in lines if line["metric"] == "mean_probability" and line["scope"] == "dataset"]
    assert len(set(shares)) == 4 * 3
