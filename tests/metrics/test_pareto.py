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

from pyscore.metrics.pareto import pareto, pareto_front

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
