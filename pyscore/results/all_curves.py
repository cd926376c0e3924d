"""All curves of a study, of every data set and both averages, with their trends corrected together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyscore.metrics import Interval
from pyscore.metrics.core.arrays import Floats
from pyscore.metrics.core.columns import METRICS
from pyscore.metrics.core.report import NAN, Record
from pyscore.ops.checks import check_choice
from pyscore.results.alike import Alike
from pyscore.results.curve_points import (
    NO_ROWS,
    Point,
    Questions,
    align,
    infinite_of,
    lacking_of,
    matrix_of,
    other_axis,
    problem_of,
    reason_of,
    series_of,
)
from pyscore.results.curve_trends import Change, Trend, shape_of, trends_of
from pyscore.results.dataset_slices import DatasetSlices
from pyscore.results.question_scores import SCORES, QuestionScores
from pyscore.results.sources import Group
from pyscore.results.study_values import GroupValues, StudyValues

__all__ = ["CurvePoint", "StudyCurve", "StudyCurves", "curves_of_study"]

_SHOWN = 5  # data sets that a note lists


@dataclass(frozen=True)
class CurvePoint(Record):
    """A checkpoint on a curve, with the numbers of `pyscore.results.curve`.

    Attributes:
        checkpoint: its name.
        x: where it lies.
        value, stderr, low, high: its mean with the interval that it has alone; NaN where there is none.
        band_low, band_high: the band that holds for all points of the curve at once.
        n: how many questions.
        reason: why there is no value, or no interval; else "".
    """

    checkpoint: str
    x: float
    value: float
    stderr: float
    low: float
    high: float
    band_low: float
    band_high: float
    n: int
    reason: str


@dataclass(frozen=True)
class StudyCurve(Record):
    """A metric over the checkpoints of one family, size (or step), tags and template.

    Attributes:
        x: "step" or "size".
        family: of the checkpoints.
        series: what else they have in common, as text: "size 1e+06", "step 100", tags; "" for nothing.
        series_value: that size or step; None where they name none.
        template: under which they were scored.
        scope: "dataset"; "pooled": all questions count the same; "macro": all data sets count the same.
        dataset: its name; None for an average.
        metric: its name.
        n_clusters: in how many clusters the questions lie; None where they count as independent. With 1 they do, too.
        points: in ascending order.
        trend: of the last point with a value minus the first.
    """

    x: str
    family: str | None
    series: str
    series_value: float | None
    template: str | None
    scope: str
    dataset: str | None
    metric: str
    n_clusters: int | None
    points: Sequence[CurvePoint]
    trend: Trend


class StudyCurves(NamedTuple):
    """The curves of a study, and of those that can't be drawn a sentence each that says why."""

    curves: list[StudyCurve]
    notes: list[str]


class _Scope(NamedTuple):
    scope: str
    dataset: str | None

    def __str__(self) -> str:
        return f"data set {self.dataset or '(no name)'}" if self.scope == "dataset" else f"{self.scope} average"


@dataclass
class _Drawn:
    """What was drawn so far: curves whose trends wait for the others of their kind, and why others weren't."""

    curves: list[tuple[dict[str, Any], Change]] = field(default_factory=list)
    reasons: list[tuple[str, str, _Scope]] = field(default_factory=list)


def curves_of_study(
    values: StudyValues, metrics: Sequence[str] = ("mean_probability", "preference_rate"), x: str = "step"
) -> StudyCurves:
    """Every curve of a study: of each data set and, where there are several, pooled and macro.

    The points are those of `pyscore.results.curve`, computed by the same code. A curve that can't be drawn becomes a
    note: checkpoints that were asked different questions, that have no values, or of which two lie at one place.

    Args:
        values: of a study, or of several sources, each of which has curves of its own.
        metrics: mean_probability, preference_rate, mean_log_odds, mean_coverage or tie_rate.
        x: "step": over the steps of checkpoints of one family, size and tags; or "size": over the sizes of those of one
            family, step and tags. One curve a template. Checkpoints without a step (or size) are on none.

    Raises:
        ValueError: an unknown metric or x.
    """
    check_choice(x, "x", ("step", "size"))
    known = tuple(name for name, of in METRICS.items() if of in SCORES)
    for metric in metrics:
        check_choice(metric, "metrics", known)
    drawn = _Drawn()
    reader = _Reader(values)
    for source in values.sources:
        for series in series_of(source.groups, x, None):
            for scope in _scopes(series.groups):
                own = [g for g in series.groups if scope.scope != "dataset" or scope.dataset in g.datasets]
                _draw(own, scope, metrics, x, reader, drawn)
    return StudyCurves(_with_trends(drawn.curves, values.confidence), _notes(drawn.reasons))


def _scopes(groups: Sequence[Group]) -> Iterator[_Scope]:
    datasets = list(dict.fromkeys(name for group in groups for name in group.datasets))
    for name in datasets:
        yield _Scope("dataset", name)
    if len(datasets) > 1:
        yield _Scope("pooled", None)
        yield _Scope("macro", None)


class _Reader:
    """Gives the questions and values of checkpoints on a scope; those of the same questions share their cuts."""

    def __init__(self, values: StudyValues) -> None:
        self.values = values
        self.members: Mapping[int, GroupValues] = {id(each.group): each for each in values.groups}
        self._alike = Alike()
        self._slices: dict[int, DatasetSlices] = {}

    def read(self, group: Group, scope: _Scope, metric: str) -> tuple[Questions | None, Floats | None, str]:
        """As `align` asks for them."""
        scores = self.members[id(group)].scores
        reason = lacking_of(group, scope.dataset)
        if reason or scores is None:
            return None, None, reason or NO_ROWS
        slices = self._of(scores)
        cut = slices.of(scope.dataset) if scope.scope == "dataset" else slices.whole()
        if cut is None:
            return None, None, NO_ROWS
        questions, where = cut
        own = scores.value(METRICS[metric])[where]
        reason = infinite_of(own, metric)
        return (None, None, reason) if reason else (questions, own, "")

    def _of(self, scores: QuestionScores) -> DatasetSlices:
        number = self._alike.number(scores)
        if number not in self._slices:
            self._slices[number] = DatasetSlices(scores)
        return self._slices[number]


def _draw(
    groups: Sequence[Group], scope: _Scope, metrics: Sequence[str], x: str, reader: _Reader, drawn: _Drawn
) -> None:
    """The curves of one scope through checkpoints in ascending order, or why there are none."""
    labels = _labels(groups[0], x)
    for metric in metrics:
        found = _curve(groups, scope, metric, x, reader)
        if isinstance(found, str):
            drawn.reasons.append((_described(labels, x), found, scope))
        else:
            numbers, change = found
            drawn.curves.append(({**labels, **scope._asdict(), "metric": metric, **numbers}, change))


def _curve(
    groups: Sequence[Group], scope: _Scope, metric: str, x: str, reader: _Reader
) -> tuple[dict[str, Any], Change] | str:
    """The points of a curve and its change from the first to the last of them; or why it can't be drawn."""
    problem = problem_of(groups, x)
    if problem:
        return problem
    try:
        points, questions = align(groups, x, lambda group: reader.read(group, scope, metric))
    except ValueError as error:  # They were asked different questions.
        return str(error)
    clustered, interval = reader.values.clustered, Interval(reader.values.confidence)
    matrix = None
    if questions is not None:
        matrix = matrix_of(points, questions, metric, macro=scope.scope == "macro", clustered=clustered)
    if questions is None or matrix is None:
        why = next((f": {point.group.name}: {point.reason}" for point in points if point.reason), "")
        return f"fewer than two checkpoints have values{why}"
    rows, (change, p) = matrix.rows(interval), matrix.last_minus_first(interval)
    first, last = (_placed(x, place) for place in (matrix.places[0], matrix.places[-1]))
    shape = shape_of(rows, interval.confidence) if x == "size" else None
    numbers = {
        "n_clusters": questions.n_clusters if clustered else None,
        "points": [_point(point, rows.get(point.x), reader.members[id(point.group)].checkpoint) for point in points],
    }
    return numbers, Change(change, p, first, last, shape)


def _point(point: Point, row: Mapping[str, Any] | None, checkpoint: str) -> CurvePoint:
    names = {"value": "mean", **{name: name for name in ("stderr", "low", "high", "band_low", "band_high")}}
    numbers = {name: NAN if row is None else float(row[of]) for name, of in names.items()}
    n = 0 if point.values is None else len(point.values)
    return CurvePoint(checkpoint, point.x, **numbers, n=n, reason=reason_of(point, row))


def _with_trends(curves: Sequence[tuple[dict[str, Any], Change]], confidence: float) -> list[StudyCurve]:
    """The curves with their trends, whose p-values are corrected together for one metric and kind of scope."""
    together: dict[tuple[str, str], list[int]] = {}
    for i, (labels, _) in enumerate(curves):
        together.setdefault((labels["metric"], labels["scope"]), []).append(i)
    trends: dict[int, Trend] = {}
    for members in together.values():
        trends |= zip(members, trends_of([curves[i][1] for i in members], confidence), strict=True)
    return [StudyCurve(**labels, trend=trends[i]) for i, (labels, _) in enumerate(curves)]


def _labels(group: Group, x: str) -> dict[str, Any]:
    """What all checkpoints of a curve have in common."""
    of = group.labels
    value = of[other_axis(x)]
    tags = json.loads(of["tags"] or "{}")
    named = [] if value is None else [_placed(other_axis(x), value)]
    return {
        "x": x,
        "family": of["family"],
        "series": ", ".join([*named, *(f"{key} {each}" for key, each in tags.items())]),
        "series_value": None if value is None else float(value),
        "template": of["template"],
    }


def _placed(x: str, place: float) -> str:
    return f"step {int(place)}" if x == "step" else f"{_size(place)} parameters"


def _size(n: float) -> str:
    """810M of 8.1e8, 52B of 5.2e10."""
    factor, unit = next(((f, u) for f, u in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")) if n >= f), (1.0, ""))
    return f"{n / factor:.3g}{unit}"


def _described(labels: Mapping[str, Any], x: str) -> str:
    """Which curves a note is of."""
    named = [f"{key} {labels[key]}" for key in ("family", "template") if labels[key] is not None]
    return ", ".join([f"over {x}s", *named, *([labels["series"]] if labels["series"] else [])])


def _notes(reasons: Sequence[tuple[str, str, _Scope]]) -> list[str]:
    """A sentence for each reason, which many data sets may have in common."""
    found: dict[tuple[str, str], dict[_Scope, None]] = {}
    for of, reason, scope in reasons:
        found.setdefault((of, reason), {})[scope] = None
    notes = []
    for (of, reason), scopes in found.items():
        names = [str(scope) for scope in scopes]
        listed = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        notes.append(f"there is no curve {of}, of {listed}: {reason}")
    return notes
