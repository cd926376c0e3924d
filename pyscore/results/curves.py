"""A metric over the checkpoints of a study, with bands that hold for a whole curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isnan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pyscore import metrics as families
from pyscore.metrics import Interval
from pyscore.metrics.core.columns import METRICS
from pyscore.metrics.core.scales import REAL
from pyscore.metrics.question_values import Rule, compare
from pyscore.ops.checks import check_choice
from pyscore.results.comparison import NORMALIZATIONS
from pyscore.results.run_answers import COLUMNS, Asked, RunAnswers
from pyscore.results.sources import LABELS, Group, Paths, open_sources
from pyscore.results.tables import plan_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["curve"]

_SCOPES = ("pooled", "macro")
_NUMBERS = ("value", "stderr", "low", "high", "band_low", "band_high", "difference", "p", "adjusted_p")


class _Point(NamedTuple):
    """A checkpoint on a curve: its place and its values, in the order of the curve's questions, or why it has none."""

    group: Group
    x: float
    values: NDArray[np.float64] | None
    reason: str


def curve(
    path: Paths,
    metric: str = "mean_probability",
    *,
    dataset: str | None = None,
    scope: str = "pooled",
    template: str | None = None,
    family: str | None = None,
    x: str = "step",
    against: float | None = None,
    clustered: bool = True,
    interval: Interval | None = None,
) -> pa.Table:
    """A metric over the training steps, or the sizes, of checkpoints that were asked the same questions.

    One curve each for every template and, over steps, for every family, size and tags; over sizes for every family,
    step and tags. Checkpoints without a step (or size) are on none. The numbers are those of `pyscore.metrics.curve`:
    each checkpoint's interval alone, a band that holds for all points of one curve at once, and with ``against`` paired
    differences with adjusted p-values. Held in memory are the values [questions, checkpoints] of one curve, float64,
    a few times over, and one run.

    Args:
        path: as in `tidy`.
        metric: mean_probability, preference_rate, mean_probability_raw, mean_log_odds, mean_coverage or tie_rate.
        dataset: the data set; None for all of the study.
        scope: over all data sets "pooled", each question counting the same, or "macro", each data set.
        template, family: leave out curves of others.
        x: "step" or "size".
        against: the step (or size) of the checkpoint to compare the others with.
        clustered: use the clusters of the rows, where questions share any.
        interval: of the points and bands; by default of the study's confidence.

    Returns:
        A line a checkpoint, curves one after the other, each in ascending order: model, revision, family, size, step,
        tags, template, dataset, metric, value, stderr, low, high, band_low, band_high, difference, p, adjusted_p (null
        without ``against``), n, n_clusters and reason: why a checkpoint has no value or no interval.

    Raises:
        ValueError: no such curve; fewer than two checkpoints on one; two at one place; checkpoints that were asked
            other questions than the first, by their names; a metric or a value that no mean can be of.
    """
    check_choice(metric, "metric", tuple(METRICS))
    check_choice(scope, "scope", _SCOPES)
    check_choice(x, "x", ("step", "size"))
    lines: list[dict[str, Any]] = []
    for source in open_sources(path):
        plan = plan_of(source)
        options = _Options(metric, scope == "macro" and dataset is None, against, interval or Interval(plan.confidence))
        for groups in _curves(source.groups, x, dataset, template, family):
            points, asked = _aligned(groups, x, dataset, metric, plan.rule)
            numbers, n_clusters = {}, None
            if asked is not None:
                clusters = asked.clusters if clustered else None
                n_clusters = None if clusters is None else asked.n_clusters
                numbers = _numbers(points, asked, None if n_clusters == 1 else clusters, options)
            labels = {"dataset": dataset, "metric": metric, "n_clusters": n_clusters}
            lines += [_line(point, numbers.get(point.x), labels) for point in points]
    if not lines:
        wanted = {"dataset": dataset, "template": template, "family": family}
        named = ", ".join(f"{key} {value!r}" for key, value in wanted.items() if value is not None)
        raise ValueError(f"no checkpoint with a {x}{f' of {named}' if named else ''}: there is no curve to draw")
    return _table(lines)


def _curves(
    groups: Sequence[Group], x: str, dataset: str | None, template: str | None, family: str | None
) -> Iterator[list[Group]]:
    """The checkpoints of each curve, in ascending order."""
    found: dict[tuple[Any, ...], list[Group]] = {}
    for group in groups:
        of = group.labels
        wanted = (template in (None, of["template"])) and (family in (None, of["family"]))
        if wanted and of[x] is not None and (dataset is None or dataset in group.datasets):
            other = "size" if x == "step" else "step"
            found.setdefault((of["family"], of[other], of["tags"], of["template"]), []).append(group)
    for own in found.values():
        own.sort(key=lambda group: float(group.labels[x]))
        for before, after in pairwise(own):
            if float(before.labels[x]) == float(after.labels[x]):  # places are floats: beyond 2**53 steps may be one
                raise ValueError(
                    f"two checkpoints of one curve have the {x} {after.labels[x]}, {before.name} and {after.name}: "
                    "give each its own family, or tags that tell them apart"
                )
        if len(own) < 2:
            raise ValueError(
                f"{own[0].name} is the only checkpoint of its curve: a curve has two or more; name another family="
            )
        yield own


def _aligned(
    groups: Sequence[Group], x: str, dataset: str | None, metric: str, rule: Rule
) -> tuple[list[_Point], Asked | None]:
    """The points of a curve, and the questions of the first that has values: those of all."""
    points: list[_Point] = []
    first: Asked | None = None
    named = ""
    for group in groups:
        place = float(group.labels[x])
        asked, values, reason = _read(group, dataset, metric, rule)
        if asked is not None and values is not None:
            first, named = (asked, group.name) if first is None else (first, named)
            order = _order(first, asked)
            if order is None:
                raise ValueError(
                    f"{named} and {group.name} were asked different questions: a curve is of the same ones; score "
                    "those that are missing, or draw a data set that has them all"
                )
            values = values[order]
        points.append(_Point(group, place, values, reason))
    return points, first


def _read(
    group: Group, dataset: str | None, metric: str, rule: Rule
) -> tuple[Asked | None, NDArray[np.float64] | None, str]:
    """The questions of a checkpoint with their values, or why it has none."""
    names = group.datasets if dataset is None else [dataset]
    reason = "; ".join(f"{name}: {group.lacking[name]}" for name in names if name in group.lacking)
    if reason:
        return None, None, reason
    column = NORMALIZATIONS[rule.normalize]
    lengths = () if column is None else (column,)
    try:
        run = RunAnswers.gather(group.scan((*COLUMNS, *lengths)), lengths, with_ids=True)
        asked = run.whole() if dataset is None else run.of(dataset)
        if asked is None or not len(asked.answers):
            return None, None, "no question has rows"
        values = np.asarray(getattr(compare(asked.answers, rule), METRICS[metric]), np.float64)
    except ValueError as error:
        raise ValueError(f"{group.name}: {error}") from None
    infinite = int(np.count_nonzero(np.isinf(values)))
    if infinite:
        return None, None, f"{infinite} questions have an infinite {METRICS[metric]}"
    return asked, values, ""


def _order(one: Asked, other: Asked) -> NDArray[np.int64] | None:
    """Where the questions of one stand in the other; None where those aren't the same."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def keys(asked: Asked) -> pa.Array:
        names = pa.array([str(name) for name in asked.names], pa.string()).take(pa.array(asked.datasets))
        return pc.binary_join_element_wise(names, asked.ids, "\0")

    mine, theirs = keys(one), keys(other)
    if mine.equals(theirs):
        return np.arange(len(mine))
    found = pc.index_in(mine, theirs)
    if len(mine) != len(theirs) or found.null_count:
        return None
    order: NDArray[np.int64] = found.to_numpy().astype(np.int64)
    return order


class _Options(NamedTuple):
    metric: str
    macro: bool
    against: float | None
    interval: Interval


def _numbers(points: Sequence[_Point], asked: Asked, clusters: Any, options: _Options) -> dict[float, Any]:
    """The rows of `pyscore.metrics.curve` by their places; none where fewer than two checkpoints have values."""
    known = [point for point in points if point.values is not None]
    if len(known) < 2:
        return {}
    places, against = [point.x for point in known], options.against
    if against is not None and against not in places:
        raise ValueError(f"against={against:g} is no checkpoint of the curve, which has {places}")
    report = families.curve(
        np.column_stack([point.values for point in known if point.values is not None]),
        places,
        against=None if against is None else places.index(against),
        scale=REAL if options.metric == "mean_log_odds" else None,
        clusters=clusters,
        weights=(1 / np.bincount(asked.datasets))[asked.datasets] if options.macro else None,
        interval=options.interval,
    )
    return dict(zip(places, report.rows, strict=True))


def _line(point: _Point, found: Mapping[str, Any] | None, labels: Mapping[str, Any]) -> dict[str, Any]:
    numbers = found or {}
    alone = point.values is not None and found is None
    reason = "no other checkpoint of the curve has values" if alone else point.reason or numbers.get("reason")
    return {
        **point.group.labels,
        **labels,
        **{name: numbers.get("mean" if name == "value" else name) for name in _NUMBERS},
        "n": 0 if point.values is None else len(point.values),
        "n_clusters": labels["n_clusters"] if found else None,
        "reason": reason or None,
    }


def _table(lines: Sequence[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    kinds = {name: "string" for name in LABELS} | {"size": "float64", "step": "int64"}
    kinds |= {"dataset": "string", "metric": "string", **dict.fromkeys(_NUMBERS, "float64")}
    kinds |= {"n": "int64", "n_clusters": "int64", "reason": "string"}
    columns = {name: [line[name] for line in lines] for name in kinds}
    for name in _NUMBERS:
        columns[name] = [None if value is None or isnan(value) else value for value in columns[name]]
    return pa.table({name: pa.array(columns[name], getattr(pa, kind)()) for name, kind in kinds.items()})
