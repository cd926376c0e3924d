"""The coverage tool: what falls short is marked, exact cells have no slack, and one family can be run again alone."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pyscore.metrics.core.design import read_design
from tools import coverage
from tools.coverage import Row, main, modules, summary, table, verdict
from tools.simulation import bell_mccaffrey_ends, cluster_sizes, copies, measured, scores_of, t_ends


@pytest.mark.parametrize(
    "name, share, samples, expected",
    [
        ("covered", 0.95, 2000, ""),
        ("covered", 0.925, 2000, ""),  # two standard errors are 1.2 points
        ("covered", 0.915, 2000, "short"),
        ("covered", 0.925, 0, "short"),  # exact
        ("covered", 0.975, 2000, ""),
        ("covered", 0.985, 2000, "wide"),
        ("covered", 1.0, 10, ""),
        ("covered", float("nan"), 2000, ""),
        ("covered", None, 2000, ""),
        ("false", 0.06, 2000, ""),  # three standard errors are 1.6 points
        ("false", 0.075, 2000, "short"),
        ("false", 0.01, 2000, ""),
        ("wrong", 0.075, 2000, "short"),
    ],
)
def test_a_share_is_marked_where_it_is_outside_by_more_than_its_uncertainty(
    name: str, share: float | None, samples: int, expected: str
) -> None:
    assert verdict(name, share, samples) == expected


def test_a_table_shows_shares_in_per_cent_and_marks() -> None:
    rows: list[Row] = [{"n": 10, "covered": 0.8, "width": 0.25, "t": 0.7}, {"n": 30, "covered": 1.0, "width": 0.1}]
    lines = table(rows, 2000, ["t"]).splitlines()
    assert lines[0] == "| n | covered | width | t |"
    assert lines[2:] == ["| 10 | 80.0 * | 0.25 | 70.0 |", "| 30 | 100.0 + | 0.1 |  |"]
    assert summary(rows, 2000).startswith("0 of 2 cells within 93-97 %, 1 short (*), 1 above (+); lowest 80.0")


def test_one_family_is_run_again_and_the_others_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def family(name: str) -> ModuleType:
        module = ModuleType(name, f"About {name}.")

        def cells(replicates: int) -> list[Row]:
            asked.append((name, replicates))
            return [{"n": np.int64(7), "covered": np.float64(0.95)}]

        module.__dict__["cells"] = cells
        return module

    monkeypatch.setattr(coverage, "modules", lambda: {name: family(name) for name in ("first", "second")})
    path = tmp_path / "coverage.json"
    main(path, replicates=50)
    main(path, ["second"], replicates=60)
    assert asked == [("first", 50), ("second", 50), ("second", 60)]
    families = json.loads(path.read_text())["families"]
    assert [(name, each["replicates"]) for name, each in families.items()] == [("first", 50), ("second", 60)]
    text = path.with_suffix(".md").read_text()
    assert "| first | 1 | 1 | 0 | 0 | 95.0 | 95.0 |" in text
    assert "## first\n\nAbout first." in text and "| 7 | 95.0 |" in text
    with pytest.raises(ValueError, match="only names 'third', which is not one of first, second"):
        main(path, ["third"])


def test_every_family_says_what_it_measures() -> None:
    for name, module in modules().items():
        assert module.__doc__, name
        assert callable(module.cells), name


def test_copies_keep_the_distribution_and_are_as_alike_as_was_asked_for() -> None:
    rng = np.random.default_rng(0)
    values = copies(rng, lambda r, shape: r.exponential(size=shape), np.repeat(np.arange(20_000), 2), 0.3, 2)
    first, second = values[:, 0].reshape(-1, 2).T
    assert (first.mean(), first.std()) == pytest.approx((1, 1), abs=0.03)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.3, abs=0.03)


def test_sizes_of_clusters_are_as_named() -> None:
    assert cluster_sizes("one dominant", 50) == [500] + [5] * 49
    assert cluster_sizes("Zipf", 4) == [8, 4, 3, 2]
    assert sum(cluster_sizes("equal", 300)) == 3000


def test_the_two_peers_of_clusters_agree_where_clusters_are_equal() -> None:
    rng, codes = np.random.default_rng(0), np.repeat(np.arange(8), 3)
    values, design = rng.normal(size=(24, 5)), read_design(24, codes)
    assert bell_mccaffrey_ends(values, design) == pytest.approx(t_ends(values, design))


def test_measured_counts_no_interval_that_is_not_printed() -> None:
    ends = np.array([[0.0, 0.2, np.nan, 0.6], [0.4, 0.4, np.nan, 0.8]])
    found = measured(ends, 0.1)
    assert found == pytest.approx({"covered": 1 / 3, "width": 0.8 / 3, "below": 0, "above": 2 / 3, "none": 0.25})
    weighted = measured(ends, 0.1, chances=np.array([0.7, 0.1, 0.1, 0.1]))
    assert weighted["covered"] == pytest.approx(7 / 9)


def test_scores_have_the_counts_that_were_asked_for() -> None:
    scores = scores_of(np.array([[2, 0], [1, 3]]), 4)
    assert scores.T.tolist() == [[1, 1, -1, 0], [-1, -1, -1, 0]]
