"""Summaries of rows: one a data set, and the averages over data sets, each by its name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.metrics import Summary, summarize
from pyscore.results.comparison import clusters_from_rows, comparison_from_rows
from pyscore.store.grouping import count_questions
from pyscore.store.schema import check_schema

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowsSummary", "summarize_rows"]

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

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the summary's entries stand beside the names."""
        names = [field.name for field in fields(self) if field.name != "summary"]
        return {name: getattr(self, name) for name in names} | self.summary.to_dict()


def summarize_rows(
    table: pa.Table,
    *,
    normalize: str = "sum",
    sets: str = "max",
    ties: str = "half",
    confidence: float = 0.95,
    clustered: bool = True,
) -> list[RowsSummary]:
    """Summarise rows for each model and data set, and for a model with several data sets their averages.

    A model's runs are averaged together where each scored other data sets; where a data set was scored by several runs
    every run stands alone. The macro average weights questions by one over the number of questions of their data set.

    Args:
        table: rows of one or several runs.
        normalize, sets, ties: as in `comparison_from_rows`.
        confidence: of the intervals.
        clustered: use the clusters of the rows, where questions share any.

    Raises:
        ValueError: as `comparison_from_rows` and `pyscore.summarize`, or no rows at all.
    """
    import pyarrow as pa

    check_schema(table.schema, "the table")
    if table.num_rows == 0:
        raise ValueError("there are no rows to summarise")

    def add(key: tuple[Any, ...], scope: str, dataset: str | None, n: int, rows: pa.Table, weights: Any = None) -> None:
        comparison = comparison_from_rows(rows, normalize=normalize, sets=sets, ties=ties)
        clusters = clusters_from_rows(rows) if clustered else None
        one = clusters is not None and len(set(clusters)) == 1
        summary = summarize(comparison, clusters=None if one else clusters, weights=weights, confidence=confidence)
        model, revision, step = key
        found.append(RowsSummary(model, revision, step, scope, dataset, n, summary, one, *count_questions(rows)))

    found: list[RowsSummary] = []
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
