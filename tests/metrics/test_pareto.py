"""The Pareto front: brute force over all pairs, and what must not change it."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.pareto import pareto, pareto_candidates, pareto_front

# few distinct values, so that ties and duplicates are common
values = st.sampled_from([-inf, -1.0, -0.0, 0.0, 0.5, 2.0, 1e300, inf])
clouds = st.integers(1, 4).flatmap(
    lambda d: st.lists(st.lists(values, min_size=d, max_size=d), min_size=1, max_size=25)
)


def brute_force(points: NDArray[np.float64]) -> list[bool]:
    beats: Any = (points >= points[:, None]).all(axis=2) & (points > points[:, None]).any(axis=2)
    return [not any(row) for row in beats.tolist()]


@given(clouds, st.lists(st.booleans(), min_size=4, max_size=4))
def test_the_front_is_that_of_brute_force(cloud: list[list[float]], ways: list[bool]) -> None:
    points = np.array(cloud)
    ways = ways[: points.shape[1]]
    expected = brute_force(np.where(ways, points, -points))
    assert pareto_front(points, maximize=ways).tolist() == expected


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(2, 4))
def test_the_front_of_many_points_is_that_of_brute_force(seed: int, n: int, d: int) -> None:
    points = np.random.default_rng(seed).normal(size=(n, d)).round(1)
    assert pareto_front(points).tolist() == brute_force(points)


@given(clouds, st.integers(0, 2**32 - 1))
def test_neither_the_order_of_points_nor_that_of_objectives_matters(cloud: list[list[float]], seed: int) -> None:
    points = np.array(cloud)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(len(points)), rng.permutation(points.shape[1])
    assert pareto_front(points[rows][:, columns]).tolist() == pareto_front(points)[rows].tolist()


@given(clouds)
def test_minimising_is_maximising_the_negative(cloud: list[list[float]]) -> None:
    points = np.array(cloud)
    ways = [False] * points.shape[1]
    assert pareto_front(points, maximize=ways).tolist() == pareto_front(-points).tolist()


@given(clouds)
def test_duplicates_share_their_fate_and_change_nothing(cloud: list[list[float]]) -> None:
    front = pareto_front(cloud)
    assert pareto_front(cloud * 2).tolist() == [*front, *front]


def test_the_best_at_one_objective_alone_are_the_front() -> None:
    assert pareto_front([[1.0], [3.0], [3.0]]).tolist() == [False, True, True]


def test_tensors_of_any_dtype_are_points() -> None:
    points = torch.tensor([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]], dtype=torch.bfloat16)
    assert pareto_front(points).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("points", "ways", "message"),
    [
        ([[0.0, 1.0], [nan, 2.0]], None, r"points\[1\] has a NaN"),
        ([0.0, 1.0], None, r"got shape \(2,\)"),
        (np.zeros((0, 2)), None, r"got shape \(0, 2\)"),
        ([[0.0, 1.0]], [True], "2 objectives, 1 entries"),
    ],
)
def test_bad_points_are_refused(points: object, ways: list[bool] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pareto_front(points, maximize=ways)


def test_a_report_equals_a_worked_example() -> None:
    # d is beaten by c, e by a
    report = pareto(
        "abcde", {"accuracy": [1, 2, 3, 3, 0], "harmful": [0.1, 0.2, 0.5, 0.6, 0.1]}, maximize=[True, False]
    )
    assert [row["name"] for row in report.rows] == ["c", "b", "a"]
    assert report.rows[0] == {"name": "c", "accuracy": 3.0, "harmful": 0.5}
    assert report.numbers == {"n_runs": 5, "n_front": 3}
    assert "max accuracy,min harmful" in report.signature
    assert str(report).startswith("Pareto front: 3 of 5 runs\n")


@given(st.integers(0, 2**32 - 1))
def test_along_a_front_of_two_one_falls_while_the_other_rises(seed: int) -> None:
    x, y = np.random.default_rng(seed).normal(size=(2, 30)).round(1)
    rows = pareto(range(30), {"x": x, "y": y}).rows
    assert (np.diff([row["x"] for row in rows]) <= 0).all()
    assert (np.diff([row["y"] for row in rows]) >= 0).all()


def test_bad_objectives_are_refused() -> None:
    with pytest.raises(ValueError, match=r"y\[1\] is NaN"):
        pareto("ab", {"x": [0, 1], "y": [0, nan]})
    with pytest.raises(ValueError, match="y must have one entry a run: 2 runs, 3 entries"):
        pareto("ab", {"x": [0, 1], "y": [0, 1, 2]})
    with pytest.raises(ValueError, match="at least one column"):
        pareto("ab", {})


# Runs of which only some questions are known


def scored(n: int, means: list[float], seed: int = 0) -> NDArray[np.float64]:
    """0/1 answers ``[n, runs]``."""
    return (np.random.default_rng(seed).random((n, len(means))) < means).astype(np.float64)


def by_name(report: Any) -> dict[Any, Any]:
    return {row["name"]: row for row in report.rows}


def test_a_run_that_is_clearly_worse_in_everything_is_excluded_and_says_by_which() -> None:
    tables = {"accuracy": scored(400, [0.9, 0.5, 0.6]), "harmful": scored(300, [0.1, 0.5, 0.05], seed=1)}
    report = pareto_candidates("abc", tables, maximize=[True, False])
    rows = by_name(report)
    assert {name: (row["excluded"], row["beaten_by"]) for name, row in rows.items()} == {
        "a": (False, None),
        "b": (True, "a"),
        "c": (False, None),
    }
    assert rows["b"]["front_share"] == 0 and rows["a"]["front_share"] > 0.99
    assert [row["name"] for row in report.rows] == ["a", "c", "b"]
    assert report.numbers == {"n_runs": 3, "n_front": 2, "n_excluded": 1}


def test_a_run_is_not_excluded_by_one_objective_alone_nor_by_two_rivals_together() -> None:
    # b is beaten by a in accuracy and by c in harm, but by no run in both
    tables = {"accuracy": scored(900, [0.9, 0.5, 0.2]), "harmful": scored(900, [0.9, 0.5, 0.2], seed=1)}
    report = pareto_candidates("abc", tables, maximize=[True, False])
    assert not any(row["excluded"] for row in report.rows)
    assert all(row["front_share"] == 1 for row in report.rows)


def test_the_means_and_their_front_are_those_of_points() -> None:
    tables = {"x": scored(50, [0.2, 0.5, 0.7, 0.4]), "y": scored(60, [0.6, 0.5, 0.2, 0.3], seed=1)}
    points = pareto(range(4), {key: table.mean(axis=0) for key, table in tables.items()})
    front = [row for row in pareto_candidates(range(4), tables).rows if row["on_front"]]
    assert [row["name"] for row in front] == [row["name"] for row in points.rows]
    assert [row["x"] for row in front] == pytest.approx([row["x"] for row in points.rows])


@pytest.mark.parametrize("same", [True, False])
def test_the_share_is_that_of_fronts_of_resampled_clusters(same: bool) -> None:
    rng, keys = np.random.default_rng(0), np.arange(90) // 3
    x, y = (rng.random((90, 4)).cumsum(axis=1) % 1 for _ in range(2))
    y = x[:, ::-1] + 0.3 * y  # so that questions in common matter
    report = pareto_candidates(range(4), {"x": x, "y": y}, same_questions=same, clusters=keys)
    counted = np.zeros(4)
    for _ in range(2000):
        first, second = rng.integers(0, 30, (2, 30))
        second = first if same else second
        means = [table.reshape(30, 3, 4)[drawn].mean(axis=(0, 1)) for table, drawn in ((x, first), (y, second))]
        counted += pareto_front(np.column_stack(means))
    share = [by_name(report)[i]["front_share"] for i in range(4)]
    assert share == pytest.approx(counted / 2000, abs=0.04)


def test_the_p_value_is_the_larger_of_two_paired_t_tests_times_the_pairs() -> None:
    from scipy.stats import ttest_rel

    x, y = np.random.default_rng(5).normal([0.6, 0.0], 1, (2, 40, 2))
    p = max(ttest_rel(*table.T, alternative="greater").pvalue for table in (x, y))
    assert by_name(pareto_candidates(range(2), {"x": x, "y": y}))[1]["p"] == pytest.approx(2 * p, rel=1e-9)


def test_copies_and_lone_runs_are_kept() -> None:
    table = scored(100, [0.5])
    twins = pareto_candidates("ab", {"x": table.repeat(2, axis=1), "y": table.repeat(2, axis=1)})
    assert [row["excluded"] for row in twins.rows] == [False, False]
    assert [row["front_share"] for row in twins.rows] == [1, 1]
    assert not pareto_candidates("a", {"x": table}).rows[0]["excluded"]


@pytest.mark.parametrize(
    ("tables", "options", "message"),
    [
        ({}, {}, "at least one table"),
        ({"p": np.zeros((3, 2))}, {}, "none called"),
        ({"x": np.zeros((3, 3))}, {}, "x must have one entry a run: 2 runs, 3 columns"),
        ({"x": np.zeros((1, 2))}, {}, "x holds one question"),
        ({"x": [[0.0, nan]]}, {}, r"x\[0, 1\] = nan must be finite"),
        ({"x": np.eye(2), "y": np.zeros((3, 2))}, {"same_questions": True}, "the same questions"),
        ({"x": np.eye(2)}, {"clusters": {"y": [0, 1]}}, "clusters must be one key a question"),
        ({"x": np.eye(2)}, {"maximize": [True, True]}, "1 objectives, 2 entries"),
    ],
)
def test_bad_tables_are_refused(tables: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pareto_candidates("ab", tables, interval=Interval(n_resamples=100), **options)
