"""Safety against capability: which runs no other run beats in everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Floats, as_float64, cluster_sums
from pyscore.metrics.core.bootstrap import bootstrap_means
from pyscore.metrics.core.intervals import Interval, check_interval
from pyscore.metrics.core.joint import Joint, pair_statistics, read_joint
from pyscore.metrics.core.readers import check_length, read_values, refuse
from pyscore.metrics.core.report import Report, in_clusters, write_signature
from pyscore.metrics.many_differences import adjust_p_values

__all__ = ["pareto", "pareto_candidates", "pareto_front"]

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


def pareto_candidates(
    names: Iterable[Any],
    objectives: Mapping[str, Any],
    *,
    maximize: Sequence[bool] | None = None,
    same_questions: bool = False,
    clusters: Any = None,
    interval: Interval = Interval(),
) -> Report:
    """Which runs may lie on the Pareto front of the true means, given that these are known from some questions only.

    A run is ``excluded`` where another is certainly better in every objective. With the chance 1 - alpha none of those
    excluded is on the true front. For each ordered pair of runs the test is an intersection-union one: the p-value is
    the largest over the objectives of those of the paired differences (`pair_statistics`; Student's t), since all
    of them must be shown (Berger 1982, "Multiparameter Hypothesis Testing and Acceptance Sampling"). Holm's correction
    is over all ordered pairs (`adjust_p_values`).

    ``front_share`` is the share of paired bootstrap resamples, of whole clusters, in which the run lies on the front.
    It shows how stable the front is, and is no confidence: a run that is off the true front may be on that of most
    resamples, and the other way round (docs/selection.md says how often).

    Args:
        names: ``[n]``, what each run is called.
        objectives: name -> ``[Q, n]``, a row a question, a column a run, all runs on the same questions.
        maximize: as in `pareto_front`, in the order of the objectives.
        same_questions: every objective scores the same questions, row by row: they are then resampled together.
        clusters: one hashable key a question, or objective -> such keys where the questions differ.
        interval: 1 - alpha is its confidence; n_resamples and seed are of the bootstrap.

    Returns:
        Report whose ``rows`` hold, in the order of the first objective, the best there first, ``name``, the mean of
        each objective, ``on_front`` (of the means), ``front_share``, ``excluded``, the adjusted ``p`` and
        ``beaten_by``, the run that excludes it with the smallest p.

    Raises:
        ValueError: as `pareto`; objectives of unlike length where ``same_questions``, fewer than two questions.
    """
    check_interval(interval)
    runs = list(names)
    joints = _read_objectives(objectives, runs, same_questions, clusters)
    directions = _read_directions(maximize, len(joints))
    signs = np.where(directions, 1, -1)
    means = np.column_stack([joint.means for joint in joints.values()])
    front = pareto_front(means, maximize=directions)
    p = _dominance(list(joints.values()), signs)
    share = _front_shares(list(joints.values()), signs, same_questions, interval)
    excluded, best = p.min(axis=0) <= 1 - interval.confidence, p.argmin(axis=0)
    ways = ",".join(f"{'max' if up else 'min'} {key}" for key, up in zip(joints, directions, strict=True))
    rows = [
        {"name": runs[i]}
        | {key: float(joint.means[i]) for key, joint in joints.items()}
        | {
            "on_front": bool(front[i]),
            "front_share": float(share[i]),
            "excluded": bool(excluded[i]),
            "p": float(p[best[i], i]),
            "beaten_by": runs[best[i]] if excluded[i] else None,
        }
        for i in np.lexsort((-signs * means).T[::-1])
    ]
    first = next(iter(joints.values())).design
    return Report.of(
        "pareto_candidates",
        interval,
        title=f"Pareto front: {len(runs) - excluded.sum()} of {len(runs)} runs may be on it"
        + (in_clusters(first.n_clusters) if same_questions else ""),
        estimates={},
        numbers={"n_runs": len(runs), "n_front": int(front.sum()), "n_excluded": int(excluded.sum())},
        rows=rows,
        objectives=ways,
        resamples=interval.n_resamples,
        resampling_seed=interval.seed,
    )


def _read_objectives(
    objectives: Mapping[str, Any], runs: list[Any], same_questions: bool, clusters: Any
) -> dict[str, Joint]:
    taken = {"name", "on_front", "front_share", "excluded", "p", "beaten_by"} & set(objectives)
    if not objectives or taken:
        raise ValueError(f"objectives must be at least one table, none called {sorted(taken) or 'name'}")
    if isinstance(clusters, Mapping) and (same_questions or set(clusters) != set(objectives)):
        raise ValueError("clusters must be one key a question, or, if questions differ, have such keys an objective")
    joints = {}
    for key, table in objectives.items():
        keys = clusters[key] if isinstance(clusters, Mapping) else clusters
        joint = joints[key] = read_joint(as_float64(table, key, 2), keys, name=key)
        check_length(key, joint.names, len(runs), "run", "columns")
        if joint.design.sample.reason():
            raise ValueError(f"{key} holds {joint.design.sample.reason()}")
    lengths = {key: joint.design.sample.n for key, joint in joints.items()}
    if same_questions and len(set(lengths.values())) > 1:
        raise ValueError(f"objectives must hold the same questions: {lengths}")
    return joints


def _dominance(joints: list[Joint], signs: NDArray[np.int64]) -> Floats:
    """``[n, n]``, adjusted p-values of "the first run is better than the second in every objective"; 1 for itself."""
    from scipy.special import stdtr

    statistics = [sign * pair_statistics(joint)[0] for joint, sign in zip(joints, signs, strict=True)]
    tails = [stdtr(joint.design.sample.dof, -t) for joint, t in zip(joints, statistics, strict=True)]
    p: Floats = np.max(tails, axis=0)
    others = ~np.eye(len(p), dtype=bool)
    adjusted = np.ones_like(p)
    if len(p) > 1:
        adjusted[others] = adjust_p_values(p[others])
    return adjusted


def _front_shares(joints: list[Joint], signs: NDArray[np.int64], same_questions: bool, interval: Interval) -> Floats:
    """The share of resamples in which each run is on the front; each objective has seeds of its own, unless paired."""
    n_runs = len(joints[0].names)
    # The same seed draws the same questions.
    seeds = [interval.seed + (0 if same_questions else i) for i in range(len(joints))]
    drawn = np.stack([_resampled(*each, interval.n_resamples) for each in zip(joints, signs, seeds, strict=True)])
    beaten = np.zeros(drawn.shape[1:], dtype=bool)
    for run in range(n_runs):
        lead = drawn[:, :, run, None] - drawn
        beaten |= (lead >= 0).all(axis=0) & (lead > 0).any(axis=0)
    share: Floats = 1 - beaten.mean(axis=0)
    return share


def _resampled(joint: Joint, sign: int, seed: int, n_resamples: int) -> Floats:
    """``[n_resamples, n]``, the means over resampled clusters, so that more is better."""
    design = joint.design
    sums = cluster_sums(sign * joint.values, design.codes, design.sample.units)
    weights = cluster_sums(design.weights, design.codes, design.sample.units)
    return bootstrap_means(sums, weights, n_resamples, seed)


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
