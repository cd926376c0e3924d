"""Calibration of a study's checkpoints is that of comparison_calibration on the same rows; log odds are all counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pyscore.metrics import comparison_calibration
from pyscore.metrics.core.intervals import Interval
from pyscore.results.calibration_tables import Calibrations, calibration_tables, log_odds_edges
from pyscore.results.comparison import clusters_from_rows, comparison_from_rows
from pyscore.results.study_values import read_values
from pyscore.store import read_run
from pyscore.store.scanning import scan_run
from pyscore.store.studies import StudyFolder
from pyscore.sweep import run
from pyscore.sweep.study import Study
from tests.sweep.fake_models import small_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    found = small_study(tmp_path_factory.mktemp("study"), datasets=(40, 25))
    run(found)
    return found


@pytest.fixture(scope="module")
def found(study: Study) -> Calibrations:
    return calibration_tables(read_values(study.output, confidence=0.9))


def in_order_written(path: str) -> pa.Table:
    """The rows of a run in the order in which values are read, as sums in another order round otherwise."""
    key = ["dataset", "question_id", "answer_index"]
    written = {tuple(row.values()): i for i, row in enumerate(pa.concat_tables(scan_run(path, key)).to_pylist())}
    table = read_run(path)
    places = [written[tuple(row.values())] for row in table.select(key).to_pylist()]
    return table.take(np.argsort(places))


@pytest.fixture(scope="module")
def rows(study: Study) -> dict[tuple[Any, ...], Any]:
    folder = StudyFolder(study.output)
    read = {}
    for cell in folder.cells():
        assert cell.run is not None
        step = cell.model["step"]
        table = in_order_written(folder.run_path(cell.run.name))
        read[f"m, step {step}", cell.template["name"], None] = table
        of_dataset = [each == cell.dataset["name"] for each in table["dataset"].to_pylist()]
        read[f"m, step {step}", cell.template["name"], cell.dataset["name"]] = table.filter(of_dataset)
    return read


@pytest.mark.parametrize("clustered", [True, False])
def test_numbers_are_those_of_comparison_calibration(
    study: Study, rows: dict[tuple[Any, ...], Any], clustered: bool
) -> None:
    tables = calibration_tables(read_values(study.output, confidence=0.9, clustered=clustered)).tables
    assert len(tables) == len(rows) == 6 * 3
    for table in tables:
        own = rows[table.checkpoint, table.template, table.dataset]
        clusters = clusters_from_rows(own) if clustered else None
        report = comparison_calibration(comparison_from_rows(own), clusters=clusters, interval=Interval(0.9))
        assert (clusters is None) == (table.n_clusters is None)
        np.testing.assert_equal(list(table.bins), list(report.rows))
        for name, estimate in table.estimates.items():
            np.testing.assert_equal(vars(estimate), vars(report[name]))


def test_every_question_is_in_one_bin_of_each_table(found: Calibrations) -> None:
    for table in found.tables:
        assert sum(each["n"] for each in table.bins) == table.log_odds.counts.sum() == table.n
        assert len(table.log_odds.counts) == len(found.edges) - 1


def test_counts_are_those_between_edges(found: Calibrations, rows: dict[tuple[Any, ...], Any]) -> None:
    for table in found.tables:
        log_odds = np.asarray(comparison_from_rows(rows[table.checkpoint, table.template, table.dataset]).log_odds)
        held = np.clip(log_odds, found.edges[0], np.nextafter(found.edges[-1], 0))
        expected = [
            sum(low <= each < high for each in held.tolist())
            for low, high in zip(found.edges[:-1], found.edges[1:], strict=True)
        ]
        assert table.log_odds.counts.tolist() == expected


@pytest.mark.parametrize("reach", [1e-300, 1e-3, 0.9, 1.0, 7.3, 24.0, 24.1, 99.0, 700.0, 1e6])
def test_edges_are_few_round_and_have_0_among_them(reach: float) -> None:
    edges = log_odds_edges([np.array([-reach, 0.1 * reach, reach, np.inf, -np.inf])])
    assert 3 <= len(edges) <= 31
    assert 0.0 in edges
    np.testing.assert_array_equal(edges, -edges[::-1])
    assert (np.diff(edges) > 0).all()
    assert edges[-1] >= reach
    np.testing.assert_allclose(np.diff(edges), edges[1] - edges[0])


def test_few_far_ones_and_infinite_ones_are_counted_in_the_outer_bins() -> None:
    from pyscore.results.calibration_tables import _histogram

    near = np.linspace(-3, 3, 2000)
    log_odds = np.concatenate([near, [700.0, -np.inf, -np.inf, np.inf]])
    edges = log_odds_edges([log_odds])
    assert edges[-1] < 5
    found = _histogram(log_odds, edges)
    assert found.counts.sum() == len(log_odds)
    assert (found.infinite, found.beyond) == ((2, 1), (2, 2))
    assert found.counts[0] >= 2


def test_no_finite_log_odds_still_have_edges() -> None:
    for columns in ([], [np.array([np.inf])], [np.zeros(3)]):
        assert log_odds_edges(columns)[-1] > 0
