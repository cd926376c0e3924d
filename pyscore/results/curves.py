"""A metric over the checkpoints of a study, with bands that hold for a whole curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.metrics import Interval
from pyscore.metrics.core.columns import METRICS
from pyscore.metrics.question_values import Rule, compare
from pyscore.ops.checks import check_choice
from pyscore.results.comparison import NORMALIZATIONS
from pyscore.results.curve_points import (
    NO_ROWS,
    Point,
    Questions,
    align,
    infinite_of,
    lacking_of,
    matrix_of,
    reason_of,
    series_of,
)
from pyscore.results.run_answers import COLUMNS, RunAnswers
from pyscore.results.sources import LABELS, Group, Paths, open_sources
from pyscore.results.tables import plan_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["curve"]

_SCOPES = ("pooled", "macro")
_NUMBERS = ("value", "stderr", "low", "high", "band_low", "band_high", "difference", "p", "adjusted_p")


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
    macro = scope == "macro" and dataset is None
    for source in open_sources(path):
        plan = plan_of(source)
        chosen = interval or Interval(plan.confidence)
        for groups, problem in series_of(source.groups, x, dataset, template, family):
            if problem:
                raise ValueError(f"{problem}; family= takes the curves of one family")
            points, questions = align(groups, x, partial(_read, dataset=dataset, metric=metric, rule=plan.rule))
            matrix, n_clusters = None, None
            if questions is not None:
                matrix = matrix_of(points, questions, metric, macro=macro, clustered=clustered)
                n_clusters = questions.n_clusters if clustered else None
            rows = {} if matrix is None else matrix.rows(chosen, against)
            labels = {"dataset": dataset, "metric": metric, "n_clusters": n_clusters}
            lines += [_line(point, rows.get(point.x), labels) for point in points]
    if not lines:
        wanted = {"dataset": dataset, "template": template, "family": family}
        named = ", ".join(f"{key} {value!r}" for key, value in wanted.items() if value is not None)
        raise ValueError(f"no checkpoint with a {x}{f' of {named}' if named else ''}: there is no curve to draw")
    return _table(lines)


def _read(
    group: Group, dataset: str | None, metric: str, rule: Rule
) -> tuple[Questions | None, NDArray[np.float64] | None, str]:
    """The questions of a checkpoint with their values, or why it has none."""
    reason = lacking_of(group, dataset)
    if reason:
        return None, None, reason
    column = NORMALIZATIONS[rule.normalize]
    lengths = () if column is None else (column,)
    try:
        run = RunAnswers.gather(group.scan((*COLUMNS, *lengths)), lengths, with_ids=True)
        asked = run.whole() if dataset is None else run.of(dataset)
        if asked is None or not len(asked.answers):
            return None, None, NO_ROWS
        values = np.asarray(getattr(compare(asked.answers, rule), METRICS[metric]), np.float64)
    except ValueError as error:
        raise ValueError(f"{group.name}: {error}") from None
    questions = Questions(asked.ids, asked.datasets, asked.names, asked.clusters, asked.n_clusters)
    reason = infinite_of(values, metric)
    return (None, None, reason) if reason else (questions, values, "")


def _line(point: Point, found: Mapping[str, Any] | None, labels: Mapping[str, Any]) -> dict[str, Any]:
    numbers = found or {}
    return {
        **point.group.labels,
        **labels,
        **{name: numbers.get("mean" if name == "value" else name) for name in _NUMBERS},
        "n": 0 if point.values is None else len(point.values),
        "n_clusters": labels["n_clusters"] if found else None,
        "reason": reason_of(point, found) or None,
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
