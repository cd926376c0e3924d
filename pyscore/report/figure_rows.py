"""What figures draw: a function a kind, from a study or a table to rows and to what the chart is told beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyscore.ops.checks import check_choice
from pyscore.report.charts.two_numbers import story
from pyscore.report.choices import checkpoint_name, choose, select
from pyscore.report.tables import headline_table
from pyscore.results import RunDifferences, compare_runs, curve
from pyscore.results.sources import open_sources
from pyscore.store.studies import is_study

__all__ = ["behaviour", "forest", "log_odds", "reliability", "two_numbers"]

Rows = tuple[list[dict[str, Any]], dict[str, Any]]
_BOTH = ("mean_probability", "preference_rate")
_AVERAGES = ("pooled", "macro")
_COMPARED = (*_BOTH, "mean_log_odds")


def is_path(data: Any) -> bool:
    """Whether data names files rather than being their content."""
    return isinstance(data, str | Path) or (
        isinstance(data, Sequence) and bool(data) and all(isinstance(each, str | Path) for each in data)
    )


def two_numbers(data: Any, clustered: bool, checkpoint: str | None, template: str | None, dataset: Any) -> Rows:
    """From the table of `tidy`: a row a data set."""
    found: Sequence[Mapping[str, Any]] = (
        headline_table(data, averages=False, clustered=clustered).lines if is_path(data) else _headlines(data)
    )
    chosen = choose("checkpoint", checkpoint, [line["checkpoint"] for line in found])
    lines = [line for line in found if line["checkpoint"] == chosen]
    wording = choose("template", template, [line["template"] for line in lines])
    lines = [line for line in lines if line["template"] == wording]
    names = select("dataset", dataset, [line["dataset"] for line in lines])
    rows = []
    for line in lines:
        if line["dataset"] in names:
            row = {"dataset": line["dataset"] or "", "template": wording or "", "checkpoint": chosen, "n": line["n"]}
            row |= {f"{metric}{end}": line.get(f"{metric}{end}") for metric in _BOTH for end in ("", "_low", "_high")}
            rows.append({**row, "story": story(row)})
    return rows, {"title": chosen}


def _headlines(table: Any) -> list[dict[str, Any]]:
    """The lines of a tidy table, those of both headline numbers as one."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    columns = ("model", "template", "scope", "dataset", "metric", "value")
    for line in _lines(table, columns, "pyscore.results.tidy"):
        if line["scope"] == "dataset" and line["metric"] in _BOTH:
            key = checkpoint_name(line), line["template"], line["dataset"]
            own = found.setdefault(key, dict(zip(("checkpoint", "template", "dataset"), key, strict=True)))
            if line["metric"] in own:
                raise ValueError(f"data has two lines of the {line['metric']} of {key[0]}, {key[2]}: give those of one")
            ends = {"": "value", "_low": "low", "_high": "high"}
            own |= {f"{line['metric']}{end}": line.get(column) for end, column in ends.items()}
            own["n"] = max(line["n"], own.get("n", 0))
    return list(found.values())


def behaviour(
    data: Any, clustered: bool, template: str | None, dataset: Any, metric: str | None, x: str | None
) -> Rows:
    """From the table of `curve`: a row a checkpoint, a panel a data set."""
    over, of = x or "step", metric or "mean_probability"
    check_choice(over, "x", ("step", "size"))
    if is_path(data):
        groups = [group for source in open_sources(data) for group in source.groups]
        wording = choose("template", template, [group.labels["template"] for group in groups])
        known = [name for group in groups for name in group.datasets]
        average = dataset if dataset in _AVERAGES and dataset not in known else None
        names = [None] if average or dataset is None else select("dataset", dataset, known)
        options: dict[str, Any] = {"scope": average or "pooled", "template": wording, "x": over, "clustered": clustered}
        tables = [curve(data, of, dataset=name, **options) for name in names]
        lines = [line for table in tables for line in table.to_pylist()]
    else:
        lines = _lines(data, ("dataset", "metric", "value", "band_low", "band_high"), "pyscore.results.curve")
        wording = choose("template", template, [line["template"] for line in lines])
        of = choose("metric", metric, [line["metric"] for line in lines])
        names = select("dataset", dataset, [line["dataset"] for line in lines])
        lines = [line for line in lines if (line["template"], line["metric"]) == (wording, of)]
        lines = [line for line in lines if line["dataset"] in names and line[over] is not None]
    names_of, value_of, ordered = _series(lines, over)
    rows = [
        {
            "panel": "all data sets" if line["dataset"] is None else line["dataset"],
            "series": names_of(line),
            "series_value": value_of(line),
            **{"x": line[over], "value": line["value"], "low": line["band_low"], "high": line["band_high"]},
            **{"n": line["n"], "checkpoint": checkpoint_name(line)},
        }
        for line in lines
    ]
    nats = of == "mean_log_odds"
    guide = 0.0 if nats else 0.5 if of in _BOTH else None
    drawn: dict[str, Any] = {"x": over, "ordered": ordered, "share": not nats, "guide": guide, "y_title": _titled(of)}
    panels = len({row["panel"] for row in rows})
    return rows, drawn | ({"columns": min(panels, 4), "width": 150, "height": 120} if panels > 1 else {})


def _series(lines: Sequence[Mapping[str, Any]], over: str) -> tuple[Any, Any, bool]:
    """What curves are called by what differs between them, their places in an order, and whether they have one."""
    other = "size" if over == "step" else "step"
    differing = [key for key in ("family", other, "tags") if len({line[key] for line in lines}) > 1]

    def name(line: Mapping[str, Any]) -> str:
        told = {"family": line["family"], "tags": line["tags"]}
        told[other] = (
            None if line[other] is None else f"{other} {line[other]:g}" if over == "step" else f"step {line[other]}"
        )
        return ", ".join(str(told[key]) for key in differing if told[key] is not None)

    ordered = differing in ([], [other])
    return name, lambda line: line[other] if ordered else None, ordered


def forest(
    data: Any,
    clustered: bool,
    checkpoint: str | None,
    template: str | None,
    dataset: Any,
    metric: str | None,
    against: str | None,
) -> Rows:
    """From what `compare_runs` returns: a row a data set, and the averages."""
    of = metric or "mean_probability"
    check_choice(of, "metric", _COMPARED)
    if isinstance(data, RunDifferences):
        found, lacking = data.differences, False
        if against is not None:
            found = [each for each in found if each.against == choose("against", against, [d.against for d in found])]
    else:
        runs = [data] if isinstance(data, str | Path) or not isinstance(data, Sequence) else list(data)
        # Of a study, as of its page, checkpoints are compared on the data sets that both have.
        match = "common" if len(runs) == 1 and is_path(runs[0]) and is_study(runs[0]) else "exact"
        options: dict[str, Any] = {"match": match, "template": template, "against": against, "clustered": clustered}
        compared = compare_runs(*runs, **options, changes=0)
        found, lacking = compared.differences, any("lacks data sets" in note for note in compared.notes)
    run = choose("checkpoint", checkpoint, [each.run for each in found])
    found = [each for each in found if each.run == run]
    first = choose("against", against, [each.against for each in found])
    wording = choose("template", template, [each.template for each in found])
    found = [each for each in found if (each.against, each.template) == (first, wording)]
    names = select("dataset", dataset, [each.dataset for each in found if each.scope == "dataset"])
    rows = []
    for each in found:
        if (each.scope != "dataset" and dataset is not None) or (each.scope == "dataset" and each.dataset not in names):
            continue
        one = getattr(each, of)
        averaged = {"pooled": "all questions (pooled)", "macro": "all data sets (macro)"}
        label = averaged.get(each.scope) or each.dataset or "questions that name no data set"
        ends = {"difference": one.difference.value, "low": one.difference.low, "high": one.difference.high}
        said = {"adjusted_p": one.adjusted_p, "verdict": one.verdict, "n": each.n_questions}
        rows.append({"label": label, **ends, **said})
    title = f"{run} - {first}" + (", on the data sets that both have" if lacking else "")
    return rows, {"x_title": f"difference of {_titled(of)}", "title": title}


def reliability(data: Any, clustered: bool, checkpoint: Any, template: str | None, dataset: Any) -> Rows:
    """From `comparison_calibration` of the rows: a row a bin of a checkpoint."""
    from pyscore.metrics import Interval, comparison_calibration
    from pyscore.report.compared import compared_answers

    rows = []
    for each in compared_answers(data, checkpoint, template, dataset):
        report = comparison_calibration(
            each.comparison,
            clusters=each.clusters if clustered else None,
            interval=Interval(confidence=each.confidence),
        )
        for line in report.rows:
            ends = {"rate_low": line["observed_low"], "rate_high": line["observed_high"]}
            mean = {"confidence": line["mean_probability"], "rate": line["observed"]}
            rows.append({**mean, **ends, "n": line["n"], "series": each.checkpoint})
    return rows, {}


def log_odds(data: Any, clustered: bool, checkpoint: Any, template: str | None, dataset: Any) -> Rows:
    """From the log odds of the compared answers: a row a bin of a checkpoint; all checkpoints have the same bins."""
    import numpy as np

    from pyscore.report.compared import bin_edges, compared_answers

    found = compared_answers(data, checkpoint, template, dataset)
    values = [np.asarray(each.comparison.log_odds, np.float64) for each in found]
    finite = [each[np.isfinite(each)] for each in values]
    edges = bin_edges(np.concatenate(finite))
    rows = []
    for each, own in zip(found, finite, strict=True):
        for low, high, count in zip(edges[:-1], edges[1:], np.histogram(own, edges)[0], strict=True):
            rows.append({"low": float(low), "high": float(high), "count": int(count), "series": each.checkpoint})
    left_out = sum(map(len, values)) - sum(map(len, finite))
    return rows, {"note": f"not drawn: {left_out} of infinite log odds"} if left_out else {}


def _lines(table: Any, columns: Iterable[str], made_by: str) -> list[dict[str, Any]]:
    if not hasattr(table, "to_pylist"):
        raise TypeError(f"data must be a path, several, or a table of {made_by}; got {type(table).__name__}")
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise ValueError(f"data has no column {missing[0]!r}: give a path, or the table that {made_by} returns")
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def _titled(metric: str) -> str:
    return f"{metric.replace('_', ' ')} ({'nats' if metric == 'mean_log_odds' else 'share'})"
