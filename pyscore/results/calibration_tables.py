"""How well each checkpoint of a study is calibrated, and how its log odds are spread, for each data set and pooled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Codes, Floats
from pyscore.metrics.core.binning import width_bins
from pyscore.metrics.core.columns import top_label
from pyscore.metrics.core.intervals import Interval
from pyscore.metrics.core.means import Averages
from pyscore.metrics.core.reliability import binned_errors, reliability_table
from pyscore.metrics.core.report import Estimate
from pyscore.metrics.core.scales import SHARE
from pyscore.results.question_scores import QuestionScores
from pyscore.results.study_values import StudyValues
from pyscore.store.grouping import encode

__all__ = ["CalibrationTable", "Calibrations", "Histogram", "calibration_tables", "log_odds_edges"]

_BINS = 15
"""Of equal width, as in `pyscore.metrics.comparison_calibration`."""
_MOST_EDGES = 15
"""Bins of a histogram on either side of 0, at most."""
_WITHIN = 0.995
"""The share of finite log odds that lie between the outermost edges, at least: a few far ones would leave the others a
bin or two."""
_STEPS = (1.0, 2.0, 2.5, 5.0)


class Histogram(NamedTuple):
    """How many questions have log odds between edges.

    Attributes:
        counts: of each bin, [edge, next edge); the first also has all below it and the last all above it.
        beyond: how many of these lie below the first edge, and above the last one, infinite ones among them.
        infinite: how many are -inf and +inf.
    """

    counts: NDArray[np.int64]
    beyond: tuple[int, int]
    infinite: tuple[int, int]


@dataclass(frozen=True)
class CalibrationTable:
    """The calibration of a checkpoint under a template, on a data set or on all questions.

    Attributes:
        checkpoint: its name.
        template: the template's name.
        scope: "dataset", or "pooled": all questions count the same.
        dataset: the data set's name; None where it is pooled, or names none.
        n: questions.
        n_clusters: None where they count as independent.
        bins: the rows of `pyscore.metrics.comparison_calibration`, a bin each that holds any question: low, high, n,
            mean_probability (of the more probable side: its confidence), observed (how often that side is that of the
            matching answers), observed_low, observed_high and reason.
        estimates: its ``brier``, ``ece`` and ``calibration_error``.
        log_odds: of the matching answers against the others, nats.
    """

    checkpoint: str
    template: str | None
    scope: str
    dataset: str | None
    n: int
    n_clusters: int | None
    bins: Sequence[Mapping[str, Any]]
    estimates: Mapping[str, Estimate]
    log_odds: Histogram


class Calibrations(NamedTuple):
    """The tables of a study.

    Attributes:
        edges: ``[B + 1]`` of all histograms, ascending, 0 among them.
        tables: checkpoint by checkpoint and template by template, each pooled first, then by data set.
    """

    edges: Floats
    tables: Sequence[CalibrationTable]


def calibration_tables(values: StudyValues) -> Calibrations:
    """The calibration of every checkpoint under every template that has any rows.

    Numbers are those of `pyscore.metrics.comparison_calibration` with 15 bins of equal width, of the same questions.
    """
    edges = log_odds_edges([each.scores.value("log_odds") for each in values.groups if each.scores is not None])
    tables: list[CalibrationTable] = []
    for each in values.groups:
        if each.scores is None:
            continue
        columns = _Columns.of(each.scores, values.clustered)
        codes, names = encode(each.scores.datasets)
        scopes: list[tuple[str, str | None, Any]] = [("pooled", None, slice(None))]
        order = np.argsort(codes, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(codes))[:-1])
        scopes += [("dataset", name, part) for name, part in zip(names.to_pylist(), parts, strict=True)]
        tables += [
            _table(each.checkpoint, each.template, scope, dataset, columns.take(questions), edges, values.confidence)
            for scope, dataset, questions in scopes
        ]
    return Calibrations(edges, tables)


def log_odds_edges(columns: Sequence[Floats]) -> Floats:
    """Edges of one histogram for all columns: round numbers on both sides of 0, which is one of them.

    99.5 % of all finite log odds at least lie between the first and the last.
    """
    finite = np.abs(np.concatenate([column[np.isfinite(column)] for column in columns] or [np.zeros(0)]))
    reach = max(float(np.quantile(finite, _WITHIN, method="higher")) if len(finite) else 0.0, 1e-3)
    power = 10.0 ** np.floor(np.log10(reach / _MOST_EDGES))
    step = next(each * power for each in (*_STEPS, 10.0) if reach <= each * power * _MOST_EDGES)
    n = max(int(np.ceil(reach / step)), 1)
    edges: Floats = np.arange(-n, n + 1) * step
    return edges


class _Columns(NamedTuple):
    """What tables are made of, an entry a question; clusters as codes, None where questions count as independent."""

    probability: Floats
    log_odds: Floats
    clusters: Codes | None

    @classmethod
    def of(cls, scores: QuestionScores, clustered: bool) -> _Columns:
        codes = None
        if clustered and scores.clusters is not None and scores.clusters.null_count < len(scores):
            codes, _ = encode(scores.clusters)
            alone = np.asarray(scores.clusters.is_null())
            codes[alone] = len(codes) + np.arange(np.count_nonzero(alone))
        return cls(scores.value("probability"), scores.value("log_odds"), codes)

    def take(self, questions: Any) -> _Columns:
        clusters = None if self.clusters is None else self.clusters[questions]
        if clusters is not None and len(np.unique(clusters)) == len(clusters):
            clusters = None
        return _Columns(self.probability[questions], self.log_odds[questions], clusters)


def _table(
    checkpoint: str,
    template: str | None,
    scope: str,
    dataset: str | None,
    columns: _Columns,
    edges: Floats,
    confidence: float,
) -> CalibrationTable:
    p = columns.probability
    top, right = top_label(p)
    codes, over = width_bins(top, _BINS), Averages(len(p), columns.clusters, Interval(confidence))
    return CalibrationTable(
        checkpoint=checkpoint,
        template=template,
        scope=scope,
        dataset=dataset,
        n=len(p),
        n_clusters=over.n_clusters,
        bins=reliability_table(top, right, codes, _BINS, over),
        estimates={"brier": over.mean((1 - p) ** 2, scale=SHARE), **binned_errors(top, right, codes, over)},
        log_odds=_histogram(columns.log_odds, edges),
    )


def _histogram(log_odds: Floats, edges: Floats) -> Histogram:
    bins = np.clip(np.searchsorted(edges, log_odds, side="right") - 1, 0, len(edges) - 2)
    counts = np.bincount(bins, minlength=len(edges) - 1)
    beyond = int(np.count_nonzero(log_odds < edges[0])), int(np.count_nonzero(log_odds > edges[-1]))
    infinite = int(np.count_nonzero(log_odds == -np.inf)), int(np.count_nonzero(log_odds == np.inf))
    return Histogram(counts, beyond, infinite)
