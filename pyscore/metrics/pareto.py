"""Safety against capability: which runs no other run beats in everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import as_float64
from pyscore.metrics.core.readers import check_length, read_values, refuse
from pyscore.metrics.core.report import Report, write_signature

__all__ = ["pareto", "pareto_front"]

_Ranks = NDArray[np.int64]


def pareto_front(points: Any, *, maximize: Sequence[bool] | None = None) -> NDArray[np.bool_]:
    """``[n]`` bool, which points lie on the Pareto front: no other is as good in every objective and better in one.

    Points that are equal in everything are on the front together or not at all. O(n log n) for two objectives,
    O(n · front) for more. The front is one of values as they are: it knows of no intervals.

    Args:
        points: ``[n, d]`` floats, a row a run, a column an objective; infinities are ordinary values.
        maximize: ``[d]``, for each objective True if more is better, False if less is; by default more is, in all.

    Raises:
        ValueError: no points, another shape, a NaN with its row, a wrong number of directions.
    """
    values = as_float64(points, "points", 2)
    if not values.size:
        raise ValueError(f"points must have a row a run and a column an objective; got shape {values.shape}")
    refuse("points", values, np.isnan(values.min(axis=1)), "has a NaN: leave that run out or score it again")
    directions = _read_directions(maximize, values.shape[1])
    signed = np.where(directions, values, -values)
    # Each value is replaced by its rank: ranks have the same order, and are integers where values may be infinite.
    ranks = np.column_stack([np.unique(column, return_inverse=True)[1] for column in signed.T])
    return _front_of_two(ranks) if ranks.shape[1] == 2 else _front(ranks)


def pareto(names: Iterable[Any], objectives: Mapping[str, Any], *, maximize: Sequence[bool] | None = None) -> Report:
    """The runs on the Pareto front, in the order of the first objective, the best there first.

        pareto(runs, {"accuracy": accuracy, "harmful": harmful}, maximize=[True, False])

    Args:
        names: ``[n]``, what each run is called.
        objectives: name -> ``[n]`` floats.
        maximize: as in `pareto_front`, in the order of the objectives.

    Returns:
        Report whose ``rows`` hold ``name`` and the objectives.

    Raises:
        ValueError: no objectives, lengths that differ, a NaN with its row, an objective called "name".
    """
    runs = list(names)
    columns = {key: read_values(values, key) for key, values in objectives.items()}
    if not columns or "name" in columns:
        raise ValueError(f'objectives must be at least one column, none called "name"; got {list(columns)}')
    for key, column in columns.items():
        check_length(key, column, len(runs), "run")
    directions = _read_directions(maximize, len(columns))
    values = np.column_stack(list(columns.values()))
    front = np.flatnonzero(pareto_front(values, maximize=directions))
    signed = np.where(directions, -values, values)[front]
    order = front[np.lexsort(signed.T[::-1])]
    ways = ",".join(f"{'max' if up else 'min'} {key}" for key, up in zip(columns, directions, strict=True))
    return Report(
        title=f"Pareto front: {len(front)} of {len(runs)} runs",
        estimates={},
        signature=write_signature("pareto", objectives=ways),
        numbers={"n_runs": len(runs), "n_front": len(front)},
        rows=[{"name": runs[i]} | {key: float(column[i]) for key, column in columns.items()} for i in order],
    )


def _read_directions(maximize: Sequence[bool] | None, n: int) -> list[bool]:
    directions = [True] * n if maximize is None else [bool(up) for up in maximize]
    check_length("maximize", directions, n, "objective")
    return directions


def _front_of_two(ranks: _Ranks) -> NDArray[np.bool_]:
    first, second = ranks.T
    # The best second objective among the points of each first objective, and then among those of all better ones.
    best = np.full(first.max() + 1, -1)
    np.maximum.at(best, first, second)
    beyond = np.append(np.maximum.accumulate(best[::-1])[-2::-1], -1)
    on_front: NDArray[np.bool_] = (second == best[first]) & (second > beyond[first])
    return on_front


def _front(ranks: _Ranks) -> NDArray[np.bool_]:
    on_front = np.zeros(len(ranks), dtype=bool)
    # What beats a point has a larger sum of ranks, so the point with the largest sum of those left is on the front.
    left = np.argsort(-ranks.sum(axis=1), kind="stable")
    while len(left):
        best = ranks[left[0]]
        equal = (ranks[left] == best).all(axis=1)
        on_front[left[equal]] = True
        left = left[(ranks[left] > best).any(axis=1)]
    return on_front
