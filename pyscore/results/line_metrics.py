"""The metrics of tidy tables, by name: fields of summaries, and those of presets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from pyscore.metrics import Interval, Summary, summarize
from pyscore.metrics.bounds import ComparisonBounds, compare_between, summarize_between
from pyscore.metrics.core.report import NAN, BoundedEstimate, Estimate, write_signature
from pyscore.metrics.presets import PRESETS, apply_preset
from pyscore.metrics.question_values import Rule, compare
from pyscore.results.comparison import NORMALIZATIONS
from pyscore.results.run_answers import Asked

__all__ = ["SUMMARY_METRICS", "Line", "LineMetrics"]

SUMMARY_METRICS = tuple(each.name for each in fields(Summary) if each.type == "Estimate" or each.name == "chance")
"""Fields of `Summary` that are numbers of the model."""


class Line(NamedTuple):
    """A number of one metric.

    Attributes:
        metric: its name.
        estimate: the number; NaN where there is none.
        n_clusters: None where questions count as independent. One cluster can't be compared with others: intervals then
            count its questions as independent.
        confidence: of the interval.
        reason: why there is no value, or no interval; "" where there are both.
    """

    metric: str
    estimate: Estimate
    n_clusters: int | None
    confidence: float
    reason: str


@dataclass(frozen=True)
class LineMetrics:
    """Which metrics, and how they are made.

    Attributes:
        names: of `SUMMARY_METRICS`, and of `PRESETS`.
        rule: how answers are compared, but for presets.
        confidence: of the intervals.
        clustered: use clusters.

    Raises:
        ValueError: no name, an unknown one, or a preset of two prompts.
    """

    names: tuple[str, ...]
    rule: Rule
    confidence: float
    clustered: bool

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError(f"metrics is empty: give some of {', '.join(SUMMARY_METRICS)}, or of a preset")
        for name in self.names:
            if name not in SUMMARY_METRICS and name not in PRESETS:
                known = ", ".join((*SUMMARY_METRICS, *PRESETS))
                raise ValueError(f"metrics has {name!r}, which is none of {known}")
            if name in PRESETS and PRESETS[name].two_prompts:
                raise ValueError(f"metrics has {name!r}, which compares two prompts: rows of one run hold one")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of rows that hold the lengths which are needed."""
        column = NORMALIZATIONS[self.rule.normalize]
        presets = ("n_tokens", "n_chars", "n_bytes") if any(name in PRESETS for name in self.names) else ()
        return tuple(dict.fromkeys([*([column] if column else []), *presets]))

    def signature(self, metric: str) -> str:
        """How numbers of a metric are made: of one of `Summary`, or "preset/metric"."""
        preset, _, name = metric.rpartition("/")
        clusters = "yes" if self.clustered else "no"
        if not preset:
            interval = Interval(self.confidence).settings()
            return write_signature(metric, **vars(self.rule), clusters=clusters, **interval)
        of = PRESETS[preset]
        interval = Interval(self.confidence, ddof=of.ddof).settings()
        sets, ties = (of.sets, of.ties) if of.ties else (None, None)
        return write_signature(name, preset=preset, sets=sets, ties=ties, clusters=clusters, **interval)

    def lines(self, asked: Asked, weights: Any = None) -> Iterator[Line]:
        """The lines of questions; with weights without those of presets, which have none."""
        clusters = asked.clusters if self.clustered else None
        n_clusters = None if clusters is None else asked.n_clusters
        used = None if n_clusters == 1 else clusters
        summary = None
        bounds = None if asked.low is None else compare_between(asked.answers, asked.low, self.rule)
        told = "" if bounds is None else _reason_of(bounds)
        if any(name in SUMMARY_METRICS for name in self.names):
            design: dict[str, Any] = {"clusters": used, "weights": weights, "confidence": self.confidence}
            summary = (
                summarize(compare(asked.answers, self.rule), **design)
                if bounds is None
                else summarize_between(bounds, **design)
            )
        for name in self.names:
            if summary is not None and name in SUMMARY_METRICS:
                found = [(name, _estimate(summary, name))]
            elif weights is None:
                found = self._preset(name, asked, used, told)
            else:
                continue
            for metric, estimate in found:
                bounded = told if isinstance(estimate, BoundedEstimate) else ""
                reason = "; ".join(filter(None, [bounded, estimate.reason]))
                yield Line(metric, estimate, n_clusters, self.confidence, reason)

    def empty(self, reason: str, *, macro: bool = False) -> Iterator[Line]:
        """The same lines without numbers."""
        for name in self.names:
            if name in PRESETS and macro:
                continue
            for metric in _names_in(name) if name in PRESETS else [name]:
                yield Line(metric, Estimate.without_interval(NAN, 0, reason), None, self.confidence, reason)

    def _preset(self, name: str, asked: Asked, clusters: Any, bounded: str) -> list[tuple[str, Estimate]]:
        answers, n = asked.answers, len(asked.answers)
        if bounded:  # Losses and the like of upper bounds are no numbers of the model.
            reason = f"{bounded}: presets need exact ones"
            return [(metric, Estimate.without_interval(NAN, n, reason)) for metric in _names_in(name)]
        try:
            report = apply_preset(answers, name, clusters=clusters, confidence=self.confidence)
        except ValueError as error:  # A data set may have questions that a preset isn't defined for.
            return [(metric, Estimate.without_interval(NAN, n, str(error))) for metric in _names_in(name)]
        numbers = {
            key: Estimate.without_interval(float(value), n, "a number that has no interval")
            for key, value in report.numbers.items()
        }
        known = _names_in(name)
        return [(f"{name}/{key}", e) for key, e in {**report.estimates, **numbers}.items() if f"{name}/{key}" in known]


def _reason_of(bounds: ComparisonBounds) -> str:
    """Why numbers have bounds in place of a value."""
    n, bounded, undecided = len(bounds), int(bounds.has_bounds.sum()), int(bounds.undecided.sum())
    return f"bounds: {bounded} of {n} questions have log-probabilities that aren't exact, {undecided} are undecided"


def _names_in(preset: str) -> list[str]:
    found = PRESETS[preset]
    return [
        f"{preset}/{name}" for name in (*(each.name for each in found.metrics), *(name for name, _ in found.numbers))
    ]


def _estimate(summary: Summary, name: str) -> Estimate:
    value = getattr(summary, name)
    if isinstance(value, Estimate):
        return value
    reason = "a property of the questions: it has no interval"
    return Estimate.without_interval(value, summary.n_questions, reason)
