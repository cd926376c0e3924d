"""Tidy tables: one line a checkpoint, template, data set and metric, from all runs of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyscore.metrics.core.report import NAN
from pyscore.metrics.question_values import Rule
from pyscore.ops.checks import check_choice
from pyscore.results.comparison import NORMALIZATIONS
from pyscore.results.line_metrics import Line, LineMetrics
from pyscore.results.run_answers import COLUMNS, Asked, RunAnswers
from pyscore.results.sources import LABELS, Group, Paths, Source, open_sources
from pyscore.store.files import locate

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["group_lines", "plan_of", "tidy", "without_bounds", "write_table"]

_RUNS_AT_ONCE = 2
"""Arrow reads files and the kernels count without Python's lock: two runs at a time keep two cores busy."""

_NUMBERS = ("value", "value_low", "value_high", "stderr", "low", "high")
_TYPES = {
    **dict.fromkeys(LABELS, "string"),
    "size": "float64",
    "step": "int64",
    "scope": "string",
    "dataset": "string",
    "n_datasets": "int64",
    "metric": "string",
    **dict.fromkeys(_NUMBERS, "float64"),
    **dict.fromkeys(("n", "n_clusters", "n_skipped"), "int64"),
    "confidence": "float64",
    "template_min": "float64",
    "template_max": "float64",
    "n_templates": "int64",
    "reason": "string",
}


def tidy(
    path: Paths,
    *,
    metrics: Sequence[str] | None = None,
    averages: bool = True,
    confidence: float | None = None,
    clustered: bool = True,
    normalize: str | None = None,
    sets: str | None = None,
    ties: str | None = None,
) -> pa.Table:
    """Every number of a study in one table: a line a checkpoint, template, data set and metric.

    Runs are read one after the other, two at a time, and of each only the numbers that metrics are made of are kept
    until its lines are written. What is not given is what the study says.

    Args:
        path: a study's folder, a run's folder or a Parquet file of rows, paths or URLs; or several of them.
        metrics: fields of `pyscore.Summary`, and names of `pyscore.metrics.PRESETS`, whose metrics are called
            "preset/metric".
        averages: add lines of scope "pooled" and "macro" where a checkpoint has several data sets, as
            `summarize_rows` averages them; presets have no macro average.
        confidence: of the intervals.
        clustered: use the clusters of the rows, where questions share any.
        normalize, sets, ties: as in `comparison_from_rows`; presets compare by their own rules.

    Returns:
        Columns: model, revision, family, size, step, tags (a JSON object), template, scope ("dataset", "pooled" or
        "macro"), dataset, n_datasets, metric, value, value_low, value_high (the bounds of a value that bounds of
        log-probabilities leave open, and which is null then), stderr, low, high, n, n_clusters, n_skipped, confidence,
        template_min and template_max (the smallest and the largest value over the n_templates of the study that have
        one, null where that is one) and reason: why there is no value or no interval, else null. See docs/tables.md.

    Raises:
        FileNotFoundError: no study, run or file there.
        ValueError: an unknown metric or option; damaged files, or rows that can't be compared, with the run's name.
    """
    tables = []
    for source in open_sources(path):
        plan = plan_of(source, metrics, confidence, clustered, normalize, sets, ties)
        tables.append(_table([*chain.from_iterable(group_lines(source, plan, averages=averages))]))
    import pyarrow as pa

    return pa.concat_tables(tables).combine_chunks()


def write_table(table: pa.Table, path: str | Path) -> None:
    """Write a table as Parquet or CSV, by the ending of the name; the file is whole or what it was before.

    Args:
        table: of columns that CSV can hold, as `tidy` and `curve` return it.
        path: a path or an fsspec URL that ends in ".parquet" or ".csv".

    Raises:
        ValueError: another ending.
        OSError: the file can't be written.
    """
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    name = str(path).lower()
    if not name.endswith((".parquet", ".csv")):
        raise ValueError(f"{path} must end in .parquet or .csv: the ending says what is written")
    with locate(path).replacing() as file:
        if name.endswith(".csv"):
            csv.write_csv(table, file)
        else:
            pq.write_table(table, file, compression="zstd")


def plan_of(
    source: Source,
    metrics: Sequence[str] | None = None,
    confidence: float | None = None,
    clustered: bool = True,
    normalize: str | None = None,
    sets: str | None = None,
    ties: str | None = None,
) -> LineMetrics:
    """What is asked for, and for the rest what the study says."""
    if isinstance(metrics, str):
        raise TypeError(f"metrics must be a sequence of names, got the string {metrics!r}")
    study = source.study
    told = study.get("comparison", {})
    chosen = {
        "normalize": normalize or told.get("normalize", "sum"),
        "sets": sets or told.get("sets", "max"),
        "ties": ties or told.get("ties", "half"),
    }
    check_choice(chosen["normalize"], "normalize", tuple(NORMALIZATIONS))
    given = study.get("metrics", ["mean_probability", "preference_rate"]) if metrics is None else metrics
    return LineMetrics(
        tuple(given), Rule(**chosen), study.get("confidence", 0.95) if confidence is None else confidence, clustered
    )


def group_lines(source: Source, plan: LineMetrics, *, averages: bool = True) -> list[list[dict[str, Any]]]:
    """The lines of `tidy` as dictionaries, group by group, in the order of the source."""
    with ThreadPoolExecutor(_RUNS_AT_ONCE) as pool:
        found = list(pool.map(partial(_lines, plan=plan, averages=averages), source.groups))
    _add_spread([*chain.from_iterable(found)], by_template=bool(source.study))
    return found


def _lines(group: Group, plan: LineMetrics, averages: bool) -> list[dict[str, Any]]:
    """The lines of a checkpoint and a template."""
    try:
        found = RunAnswers.gather(group.scan((*COLUMNS, *plan.columns)), plan.columns, bounds=True)
        return list(_made(group, found, plan, averages))
    except ValueError as error:
        raise ValueError(f"{group.name}: {error}") from None


def _made(group: Group, found: RunAnswers, plan: LineMetrics, averages: bool) -> Iterable[dict[str, Any]]:
    lacking = dict(group.lacking)
    for name in group.datasets:
        asked = None if name in lacking else found.of(name)
        if asked is None:
            # A data set of which every question was skipped has no rows.
            lacking.setdefault(name, "no question can be scored" if group.skipped.get(name) else "not scored")
        lines = plan.lines(asked) if asked is not None else plan.empty(lacking[name])
        yield from _labelled(group, lines, "dataset", name, 1, group.skipped.get(name))
    if not averages or len(group.datasets) < 2:
        return
    skipped = sum(group.skipped.values()) if group.skipped else None
    reason = "; ".join(f"{name or '(no name)'}: {why}" for name, why in lacking.items())
    whole = None if lacking else found.whole()
    for scope, macro in (("pooled", False), ("macro", True)):
        weights = _macro_weights(whole) if macro and whole is not None else None
        lines = plan.empty(reason, macro=macro) if whole is None else plan.lines(whole, weights)
        yield from _labelled(group, lines, scope, None, len(group.datasets), skipped)


def _macro_weights(asked: Asked) -> Any:
    return (1 / np.bincount(asked.datasets))[asked.datasets]


def without_bounds(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """A line of a tidy table; one of bounds has them in its reason alone, for whoever draws values and intervals."""
    if line["value_low"] is None and line["value_high"] is None:
        return line
    low, high = ("-" if each is None else f"{each:.4f}" for each in (line["value_low"], line["value_high"]))
    told = f"{low} to {high}"
    if line["low"] is not None and line["high"] is not None:
        told += f", interval [{line['low']:.4f}, {line['high']:.4f}]"
    return {**line, "low": None, "high": None, "reason": f"{told}; {line['reason']}"}


def _labelled(
    group: Group, lines: Iterable[Line], scope: str, dataset: str | None, n_datasets: int, skipped: int | None
) -> Iterable[dict[str, Any]]:
    for line in lines:
        estimate = line.estimate
        yield {
            **group.labels,
            "scope": scope,
            "dataset": dataset,
            "n_datasets": n_datasets,
            "metric": line.metric,
            **{name: _number(getattr(estimate, name, NAN)) for name in _NUMBERS},
            "n": estimate.n,
            "n_clusters": line.n_clusters,
            "n_skipped": skipped,
            "confidence": line.confidence,
            "reason": line.reason or None,
            # Averages over other data sets are no neighbours.
            "of": (dataset, *(group.datasets if dataset is None else ())),
        }


def _number(value: float) -> float | None:
    return None if isnan(value) else value


def _add_spread(lines: Sequence[dict[str, Any]], *, by_template: bool) -> None:
    """Say beside each number what it is under other templates; lines of no study are each other's neighbours nowhere.

    There, two runs of one model may have scored the same data set under the same template.
    """
    keys = ("model", "revision", "family", "size", "step", "tags", "scope", "of", "metric")
    by_cell: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for i, line in enumerate(lines):
        cell = tuple(line[key] for key in keys) if by_template else (i,)
        by_cell.setdefault(cell, []).append(line)
    for own in by_cell.values():
        values = [line["value"] for line in own if line["value"] is not None]
        spread: Mapping[str, Any] = {"n_templates": len(values), "template_min": None, "template_max": None}
        # Among bounds neither the smallest nor the largest value is known.
        if len(values) > 1 and all(line["value_low"] is None and line["value_high"] is None for line in own):
            spread = {**spread, "template_min": min(values), "template_max": max(values)}
        for line in own:
            line.update(spread)


def _table(lines: Sequence[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    schema = pa.schema([(name, getattr(pa, kind)()) for name, kind in _TYPES.items()])
    columns = [pa.array([line[field.name] for line in lines], field.type) for field in schema]
    return pa.table(columns, schema=schema)
