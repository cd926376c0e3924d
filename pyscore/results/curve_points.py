"""Checkpoints on one curve, with their values in one order of questions: what curves and trends are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pyscore import metrics as families
from pyscore.metrics import Estimate, Interval
from pyscore.metrics.core.arrays import Floats
from pyscore.metrics.core.columns import METRICS
from pyscore.metrics.core.design import read_design
from pyscore.metrics.core.scales import REAL
from pyscore.results.paired import mean_difference
from pyscore.results.sources import Group

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = [
    "NO_ROWS",
    "Matrix",
    "Point",
    "Questions",
    "Series",
    "align",
    "infinite_of",
    "lacking_of",
    "matrix_of",
    "other_axis",
    "problem_of",
    "reason_of",
    "series_of",
]

NO_ROWS = "no question has rows"


class Series(NamedTuple):
    """The checkpoints of one family, size (or step), tags and template.

    Attributes:
        groups: in ascending order.
        problem: why there is no curve through them, or "".
    """

    groups: list[Group]
    problem: str


@dataclass(frozen=True)
class Questions:
    """Which questions values are of.

    Attributes:
        ids: ``[Q]``, "question_id" of each.
        datasets: ``[Q]``, the index of each one's data set in names.
        names: of the data sets.
        clusters: ``[Q]``, a code each; None where no two share one.
        n_clusters: how many there are; None likewise.
    """

    ids: pa.Array
    datasets: NDArray[np.int64]
    names: Sequence[str | None]
    clusters: NDArray[np.int64] | None
    n_clusters: int | None

    @cached_property
    def keys(self) -> pa.Array:
        """``[Q]``, what tells each from the others."""
        import pyarrow as pa
        import pyarrow.compute as pc

        names = pa.array([str(name) for name in self.names], pa.string()).take(pa.array(self.datasets))
        return pc.binary_join_element_wise(names, self.ids, "\0")


class Point(NamedTuple):
    """A checkpoint on a curve: its place and its values, in the order of the curve's questions, or why it has none."""

    group: Group
    x: float
    values: Floats | None
    reason: str


class Matrix(NamedTuple):
    """The values of a curve's checkpoints, as `pyscore.metrics` takes them.

    Attributes:
        metric: whose values they are.
        scores: ``[n, K]``, of the checkpoints that have values.
        places: ``[K]``, where they lie.
        options: scale, clusters and weights.
    """

    metric: str
    scores: Floats
    places: list[float]
    options: dict[str, Any]

    def rows(self, interval: Interval, against: float | None = None) -> dict[float, Mapping[str, Any]]:
        """The rows of `pyscore.metrics.curve` by place; ValueError where ``against`` is no checkpoint's."""
        if against is not None and against not in self.places:
            raise ValueError(f"against={against:g} is no checkpoint of the curve, which has {self.places}")
        reference = None if against is None else self.places.index(against)
        report = families.curve(self.scores, self.places, against=reference, interval=interval, **self.options)
        return dict(zip(self.places, report.rows, strict=True))

    def last_minus_first(self, interval: Interval) -> tuple[Estimate, float]:
        """The paired difference of the last checkpoint and the first, and its p-value, as `compare_runs` has them.

        `pyscore.metrics.contrast` has Student's t alone for shares, so that one would be told here that a difference is
        shown, and there that it isn't.
        """
        design = read_design(len(self.scores), self.options["clusters"], self.options["weights"])
        mean = mean_difference(self.metric, self.scores[:, 0], self.scores[:, -1], design)
        return mean.estimate(interval), mean.p_value()


def other_axis(x: str) -> str:
    """What the checkpoints of a curve have in common: "size" over steps, "step" over sizes."""
    return "size" if x == "step" else "step"


def series_of(
    groups: Iterable[Group], x: str, dataset: str | None, template: str | None = None, family: str | None = None
) -> list[Series]:
    """The checkpoints of each curve; those without a step (or size) are on none.

    Args:
        groups: of a source.
        x: "step" or "size".
        dataset: leave out checkpoints that ought not to have it; None for none.
        template, family: leave out others.
    """
    found: dict[tuple[Any, ...], list[Group]] = {}
    for group in groups:
        of = group.labels
        wanted = (template in (None, of["template"])) and (family in (None, of["family"]))
        if wanted and of[x] is not None and (dataset is None or dataset in group.datasets):
            found.setdefault((of["family"], of[other_axis(x)], of["tags"], of["template"]), []).append(group)
    for own in found.values():
        own.sort(key=lambda group: float(group.labels[x]))
    return [Series(own, problem_of(own, x)) for own in found.values()]


def problem_of(own: Sequence[Group], x: str) -> str:
    """Why there is no curve through checkpoints in ascending order, at least one of them, or ""."""
    for before, after in pairwise(own):
        if float(before.labels[x]) == float(after.labels[x]):  # places are floats: beyond 2**53 steps may be one
            return (
                f"two checkpoints of one curve have the {x} {after.labels[x]}, {before.name} and {after.name}: "
                "give each its own family, or tags that tell them apart"
            )
    if len(own) < 2:
        return f"{own[0].name} is the only checkpoint of its curve: a curve has two or more"
    return ""


def lacking_of(group: Group, dataset: str | None) -> str:
    """Why a data set, or with None the average over all, can't be used; "" where it can."""
    names = group.datasets if dataset is None else [dataset]
    return "; ".join(f"{name or '(no name)'}: {group.lacking[name]}" for name in names if name in group.lacking)


def infinite_of(values: Floats, metric: str) -> str:
    """Why values have no mean, or ""."""
    infinite = int(np.count_nonzero(np.isinf(values)))
    return f"{infinite} questions have an infinite {METRICS[metric]}" if infinite else ""


def reason_of(point: Point, row: Mapping[str, Any] | None) -> str:
    """Why a point has no number or no interval, or ""; ``row`` has its numbers, where there are any."""
    if point.values is None:
        return point.reason
    reason: str = "no other checkpoint of the curve has values" if row is None else row["reason"]
    return reason


Read = Callable[[Group], tuple[Questions | None, Floats | None, str]]


def align(groups: Iterable[Group], x: str, read: Read) -> tuple[list[Point], Questions | None]:
    """The points of a curve, and the questions of the first that has values: those of all.

    Args:
        groups: in ascending order.
        x: "step" or "size".
        read: gives the questions of a checkpoint and their values, or neither and the reason; called once for each.

    Raises:
        ValueError: checkpoints that were asked different questions.
    """
    points: list[Point] = []
    first: Questions | None = None
    named = ""
    for group in groups:
        questions, values, reason = read(group)
        if questions is not None and values is not None:
            first, named = (questions, group.name) if first is None else (first, named)
            order = _order(first, questions)
            if order is None:
                raise ValueError(
                    f"{named} and {group.name} were asked different questions: a curve is of the same ones; score "
                    "those that are missing, or draw a data set that has them all"
                )
            values = values[order]
        points.append(Point(group, float(group.labels[x]), values, reason))
    return points, first


def _order(one: Questions, other: Questions) -> NDArray[np.int64] | slice | None:
    """Where the questions of one stand in the other; None where those aren't the same."""
    import pyarrow.compute as pc

    if one is other or one.keys.equals(other.keys):
        return slice(None)
    found = pc.index_in(one.keys, other.keys)
    if len(one.keys) != len(other.keys) or found.null_count:
        return None
    order: NDArray[np.int64] = found.to_numpy().astype(np.int64)
    return order


def matrix_of(
    points: Sequence[Point], questions: Questions, metric: str, *, macro: bool, clustered: bool
) -> Matrix | None:
    """The values of the points that have any; None where fewer than two do.

    One cluster can't be compared with others: its questions count as independent.

    Args:
        points, questions: as `align` returns them.
        metric: whose values they are.
        macro: let each data set count the same.
        clustered: use clusters.
    """
    known = [point for point in points if point.values is not None]
    if len(known) < 2:
        return None
    clusters = None if not clustered or questions.n_clusters == 1 else questions.clusters
    options = {
        "scale": REAL if metric == "mean_log_odds" else None,
        "clusters": clusters,
        "weights": (1 / np.bincount(questions.datasets))[questions.datasets] if macro else None,
    }
    scores = np.column_stack([point.values for point in known if point.values is not None])
    return Matrix(metric, scores, [point.x for point in known], options)
