"""95 % intervals of a rate hold the true rate in 93 to 97 % of samples: near 0.02, 0.5 and 0.98, clustered and not."""

from __future__ import annotations

import numpy as np
import pytest

from tools.coverage_cells.rates import (
    DESIGNS,
    NEAR,
    SEED,
    Bounds,
    Clustering,
    exact_cell,
    interval_bounds,
    normal_bounds,
    simulated_cell,
    without_clusters,
)

SAMPLES = 4000
SLACK = 3 * np.sqrt(0.95 * 0.05 / SAMPLES)  # three standard errors of a simulated coverage: 1 point


@pytest.mark.parametrize("rate", NEAR)
@pytest.mark.parametrize("n", [30, 300])
def test_exact_coverage_of_independent_questions(n: int, rate: float) -> None:
    cell = exact_cell(n, rate, {"auto": interval_bounds()})
    assert 0.93 <= cell.covered <= 0.97
    assert cell.covered + cell.below + cell.above == pytest.approx(1)


@pytest.mark.parametrize("rate", NEAR)
def test_exact_coverage_of_3000_independent_questions(rate: float) -> None:
    assert 0.94 <= exact_cell(3000, rate, {"auto": interval_bounds()}).covered <= 0.96


def test_the_normal_interval_fails_where_wilsons_holds() -> None:
    methods = {"normal": normal_bounds, "t": interval_bounds("t")}
    cell = exact_cell(30, 0.02, methods)
    # no event at all, which is the most likely count, makes both of them empty
    assert max(cell.methods.values()) < 0.5
    assert exact_cell(300, 0.98, methods).covered < 0.93


def test_exact_coverage_agrees_with_a_simulation() -> None:
    exact = exact_cell(30, 0.02, {"auto": interval_bounds()})
    simulated = covered("30", [1] * 30, Clustering("beta", 0.0), 0.02, interval_bounds())
    assert simulated == pytest.approx(exact.covered, abs=SLACK)


def covered(name: str, sizes: list[int], clustering: Clustering, rate: float, bounds: Bounds) -> float:
    methods = {"": bounds}
    return simulated_cell(name, sizes, clustering, rate, methods, replicates=SAMPLES, seed=(SEED, 9)).covered


@pytest.mark.parametrize("rate", NEAR)
@pytest.mark.parametrize("clustering", [Clustering("beta", 0.0), Clustering("beta", 0.3), Clustering("copies", 1.0)])
@pytest.mark.parametrize("name", ["30 = 10 x 3", "300 = 100 x 3", "300 = unequal"])
def test_simulated_coverage_of_clustered_questions(name: str, clustering: Clustering, rate: float) -> None:
    share = covered(name, DESIGNS[name], clustering, rate, interval_bounds())
    assert 0.93 - SLACK <= share <= 0.97 + SLACK


@pytest.mark.parametrize("rate", NEAR)
def test_simulated_coverage_of_3000_clustered_questions(rate: float) -> None:
    share = covered("", DESIGNS["3000 = 300 x 10"], Clustering("beta", 0.1), rate, interval_bounds())
    assert 0.93 - SLACK <= share <= 0.97 + SLACK


@pytest.mark.parametrize("rate", NEAR)
def test_ignoring_clusters_fails_where_clustered_intervals_hold(rate: float) -> None:
    share = covered("", DESIGNS["300 = unequal"], Clustering("copies", 1.0), rate, without_clusters)
    assert share < 0.93 - SLACK


def test_questions_of_a_cluster_are_as_alike_as_was_asked_for() -> None:
    rng, codes = np.random.default_rng(0), np.repeat(np.arange(40_000), 2)
    for kind in ("beta", "copies"):
        first, second = Clustering(kind, 0.3).draw(rng, np.array([0.2]), codes)[:, 0].reshape(-1, 2).T
        assert first.mean() == pytest.approx(0.2, abs=0.01)
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.3, abs=0.02)
