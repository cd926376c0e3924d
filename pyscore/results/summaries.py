"""Summaries of rows: one a data set, and the averages over data sets, each by its name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.metrics import Summary, summarize
from pyscore.metrics.bounds import summarize_between
from pyscore.metrics.core.report import interval_header, interval_text, value_text
from pyscore.metrics.core.shown import Grid, Shown, as_html, as_text
from pyscore.results.comparison import bounds_from_rows, clusters_from_rows, comparison_from_rows
from pyscore.store.bounded import has_bounds
from pyscore.store.grouping import count_questions
from pyscore.store.schema import check_schema

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowsSummaries", "RowsSummary", "bounds_text", "summarize_rows"]

_MODEL_KEY = ("model", "revision", "step")


@dataclass(frozen=True)
class RowsSummary:
    """A summary and what it is of.

    Attributes:
        model, revision, step: which model's rows.
        scope: "dataset"; "pooled": all questions of all data sets, each question counting the same; or "macro": the
            same questions, each data set counting the same.
        dataset: the data set's name; None for an average, and for rows that name no data set.
        n_datasets: how many data sets it is of.
        summary: the numbers.
        one_cluster: all questions share one cluster. Clusters can't be compared then, so the intervals count the
            questions as independent and speak for this one cluster only.
        n_merged: how many questions have an answer with a token that spans its join with the prompt, see
            docs/engine.md.
        n_indistinguishable: how many have answers of the same tokens, which tie whatever the model is.
        n_nested: how many have an answer that begins with all tokens of another, which it can't beat. This and the
            number before are None where rows don't say, since an earlier release scored them.
        n_bounded: how many have an answer whose log-probability is known between bounds alone. Where that is above 0,
            estimates of the summary that it leaves open are `pyscore.metrics.BoundedEstimate`.
        n_undecided: how many of these may be preferred either way.
    """

    model: str
    revision: str | None
    step: int | None
    scope: str
    dataset: str | None
    n_datasets: int
    summary: Summary
    one_cluster: bool = False
    n_merged: int = 0
    n_indistinguishable: int | None = None
    n_nested: int | None = None
    n_bounded: int = 0
    n_undecided: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the summary's entries stand beside the names."""
        names = [field.name for field in fields(self) if field.name != "summary"]
        return {name: getattr(self, name) for name in names} | self.summary.to_dict()

    def __str__(self) -> str:
        return as_text(self.shown())

    def _repr_html_(self) -> str:
        return as_html(self.shown())

    def shown(self) -> Shown:
        """What is printed, and what a notebook shows: the summary under the names of what it is of."""
        title, grids, notes = self.summary.shown()
        *numbers, signature = notes
        counts = {text: getattr(self, name) for name, text in _REMARKS.items()}
        remarks = [bounds_text(self)] if self.n_bounded else []
        remarks += [f"{n} of {self.summary.n_questions} questions: {text}" for text, n in counts.items() if n]
        if self.one_cluster:
            remarks.append(_ONE_CLUSTER)
        return Shown(f"{_model(self)}, {_part(self)}: {title}", grids, [*numbers, *remarks, signature])


class RowsSummaries(list[RowsSummary]):
    """A list of summaries, which prints, and is shown in a notebook, as a table: a line each, both headline numbers."""

    def __str__(self) -> str:
        return as_text(self.shown())

    def _repr_html_(self) -> str:
        return as_html(self.shown())

    def shown(self) -> Shown:
        """What is printed, and what a notebook shows."""
        headers = ["model", "data set", "questions", "clusters"]
        for name in _HEADLINES:
            # Summaries that were put together by hand may be of several confidences.
            levels = {interval_header(s.summary.confidence) for s in self}
            headers += [name.replace("_", " "), levels.pop() if len(levels) == 1 else "interval"]
        grid = Grid([*headers, "coverage", "ties"], [_line(s) for s in self], left=(0, 1, 5, 7))
        notes = [_ONE_CLUSTER] if any(s.one_cluster for s in self) else []
        notes += [f"{_model(s)}, {_part(s)}: {bounds_text(s)}" for s in self if s.n_bounded]
        signatures = dict.fromkeys(s.summary.signature for s in self)
        return Shown(f"{len(self)} summaries", [grid] if self else [], [*notes, *signatures])


_HEADLINES = ("mean_probability", "preference_rate")
_ONE_CLUSTER = "one cluster: all questions share it, so the interval speaks for this cluster, not for others"
_REMARKS = {
    "n_indistinguishable": "some answers are the same tokens, and tie whatever the model is",
    "n_nested": "an answer begins with all tokens of another, and can't beat it",
    "n_merged": "a token spans the join of prompt and answer",
}


def bounds_text(s: RowsSummary) -> str:
    """What is said of a summary of rows with bounds."""
    n = s.summary.n_questions
    bounded, undecided = (f"{k} of {n} questions ({100 * k / n:.3g} %)" for k in (s.n_bounded, s.n_undecided))
    return (
        f"bounds: {bounded} have answers whose log-probability is known between bounds alone, and {undecided} may be "
        "preferred either way; intervals hold all that this leaves open"
    )


def _model(s: RowsSummary) -> str:
    return ", ".join(part for part in (s.model, s.revision, None if s.step is None else f"step {s.step}") if part)


def _part(s: RowsSummary) -> str:
    return s.dataset or "(no name)" if s.scope == "dataset" else f"{s.scope} average"


def _line(s: RowsSummary) -> list[str]:
    found = s.summary
    clusters = "one" if s.one_cluster else "-" if found.n_clusters is None else str(found.n_clusters)
    line = [_model(s), _part(s), str(found.n_questions), clusters]
    for name in _HEADLINES:
        estimate = getattr(found, name)
        line += [value_text(estimate), interval_text(estimate)]
    return [*line, value_text(found.mean_coverage), value_text(found.tie_rate)]


def summarize_rows(
    table: pa.Table,
    *,
    normalize: str = "sum",
    sets: str = "max",
    ties: str = "half",
    confidence: float = 0.95,
    clustered: bool = True,
) -> RowsSummaries:
    """Summarise rows for each model and data set, and for a model with several data sets their averages.

    A model's runs are averaged together where each scored other data sets; where a data set was scored by several runs
    every run stands alone. The macro average weights questions by one over the number of questions of their data set.

    Args:
        table: rows of one or several runs.
        normalize, sets, ties: as in `comparison_from_rows`.
        confidence: of the intervals.
        clustered: use the clusters of the rows, where questions share any.

    Returns:
        A list, which prints as a table. Where log-probabilities are known between bounds alone, so are its numbers.

    Raises:
        ValueError: as `comparison_from_rows` and `pyscore.summarize`, or no rows at all.
    """
    import pyarrow as pa

    check_schema(table.schema, "the table")
    if table.num_rows == 0:
        raise ValueError("there are no rows to summarise")

    rule = {"normalize": normalize, "sets": sets, "ties": ties}

    def add(key: tuple[Any, ...], scope: str, dataset: str | None, n: int, rows: pa.Table, weights: Any = None) -> None:
        clusters = clusters_from_rows(rows) if clustered else None
        one = clusters is not None and len(set(clusters)) == 1
        design: dict[str, Any] = {"clusters": None if one else clusters, "weights": weights, "confidence": confidence}
        counts = count_questions(rows)
        n_bounded = n_undecided = 0
        if has_bounds(rows):
            bounds = bounds_from_rows(rows, **rule)
            summary = summarize_between(bounds, **design)
            n_bounded, n_undecided = int(bounds.has_bounds.sum()), int(bounds.undecided.sum())
        else:
            summary = summarize(comparison_from_rows(rows, **rule), **design)
        model, revision, step = key
        found.append(
            RowsSummary(model, revision, step, scope, dataset, n, summary, one, *counts, n_bounded, n_undecided)
        )

    found = RowsSummaries()
    for key, family in _families(table):
        of_datasets = _split(family, _pairs(family, "run_id", "dataset"))
        for (_, dataset), rows in of_datasets:
            add(key, "dataset", dataset, 1, rows)
        if len(of_datasets) > 1:
            sizes = [len(set(_pairs(rows, "question_id"))) for _, rows in of_datasets]
            # Data sets stand one after the other here, and so do their weights below.
            whole = pa.concat_tables([rows for _, rows in of_datasets])
            add(key, "pooled", None, len(of_datasets), whole)
            add(key, "macro", None, len(of_datasets), whole, np.repeat(1 / np.array(sizes), sizes))
    return found


def _families(table: pa.Table) -> list[tuple[tuple[Any, ...], pa.Table]]:
    """Rows whose data sets may be averaged: a model's, or a run's where several runs scored one data set."""
    families = []
    for key, rows in _split(table, _pairs(table, *_MODEL_KEY)):
        runs = _split(rows, _pairs(rows, "run_id"))
        datasets = [set(_pairs(run, "dataset")) for _, run in runs]
        disjoint = len(set().union(*datasets)) == sum(map(len, datasets))
        families += [(key, rows)] if disjoint else [(key, run) for _, run in runs]
    return families


def _pairs(table: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _split(table: pa.Table, keys: list[tuple[Any, ...]]) -> list[tuple[tuple[Any, ...], pa.Table]]:
    """The rows of each key, keys in the order of their first rows."""
    positions: dict[tuple[Any, ...], list[int]] = {}
    for i, key in enumerate(keys):
        positions.setdefault(key, []).append(i)
    return [(key, table.take(taken)) for key, taken in positions.items()]
