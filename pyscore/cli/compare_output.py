"""Differences between runs for people: a table a run and metric, what changed most, and what it all means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyscore.cli.output import PREFERENCES, TIES, as_number, as_text, new_table, print_tables

if TYPE_CHECKING:
    from rich.table import Table

    from pyscore.results import RunDifference, RunDifferences
    from pyscore.results.changes import QuestionChange
    from pyscore.results.run_differences import MetricDifference

__all__ = [
    "HEADLINES",
    "METRICS",
    "add_columns",
    "as_cells",
    "change_table",
    "is_known",
    "meaning",
    "print_differences",
]

METRICS = {
    "mean_probability": "mean probability",
    "preference_rate": "preference rate",
    "mean_log_odds": "mean log odds (nats)",
}
HEADLINES = ("mean_probability", "preference_rate")
_CORRECTIONS = {"holm": "Holm", "benjamini-hochberg": "Benjamini and Hochberg"}


def print_differences(found: RunDifferences) -> None:
    """Every run against the first, then what the numbers mean."""
    tables = []
    for run in found.runs[1:]:
        own = found.find("dataset", run=run.name)
        title = f"{run.name} - {found.runs[0].name}"
        if len(own) == 1:
            tables.append(_one(found, own[0], title))
        else:
            every = [each for each in found.differences if each.run == run.name]
            tables += [_many(found, every, metric, title) for metric in HEADLINES if is_known(every, metric)]
        changes = [change for change in found.changes if change.run == run.name]
        if changes:
            tables.append(change_table(changes, found.runs[0].name, run.name))
    first = f"the first run is {found.runs[0].name}"
    print_tables(tables, meaning(found, first, found.find("pooled")))


def _one(found: RunDifferences, each: RunDifference, title: str) -> Table:
    """All metrics of a single data set."""
    where = "in one cluster" if each.one_cluster else "that are independent"
    where = where if each.n_clusters is None else f"in {each.n_clusters} clusters"
    named = f"{title}: {each.dataset}" if each.dataset else title
    table = new_table(f"{each.n_questions} questions {where}", named)
    add_columns(table, found)
    for metric, label in METRICS.items():
        if is_known([each], metric):
            own: MetricDifference = getattr(each, metric)
            table.add_row(label, *as_cells(own, found), style="bold" if metric in HEADLINES else None)
    return table


def _many(found: RunDifferences, differences: Sequence[RunDifference], metric: str, title: str) -> Table:
    """One metric of several data sets, and its averages."""
    table = new_table("data set", f"{title}: {METRICS[metric]}")
    table.add_column("questions", justify="right", no_wrap=True)
    table.add_column("clusters", justify="right", no_wrap=True)
    add_columns(table, found)
    for each in differences:
        if each.scope == "pooled":
            table.add_section()
        name = each.dataset or "(no name)" if each.scope == "dataset" else f"{each.scope} average"
        clusters = "one" if each.one_cluster else "-" if each.n_clusters is None else str(each.n_clusters)
        table.add_row(as_text(name), str(each.n_questions), clusters, *as_cells(getattr(each, metric), found))
    return table


def add_columns(table: Table, found: RunDifferences) -> None:
    """Columns for what `as_cells` gives."""
    p = "corrected\np" if _n_tests(found) > 1 else "p"
    headers = ["first", "other", "difference", f"{100 * found.confidence:g} % interval", p]
    headers += [] if found.margin is None else [f"± {found.margin:g}\n{p}"]
    for header in headers:
        # In place of an interval may stand why there is none, which can be long.
        is_interval = header.endswith("interval")
        table.add_column(header, justify="right", no_wrap=not is_interval, min_width=18 if is_interval else None)
    table.add_column("verdict", min_width=len("equivalent"), overflow="fold")


def as_cells(own: MetricDifference, found: RunDifferences) -> list[str]:
    """A difference: both means, itself, its interval, its p-values and the verdict."""
    difference = own.difference
    bounds = f"[{difference.low:+.4f}, {difference.high:+.4f}]"
    cells = [as_number(own.first, 3), as_number(own.other, 3), f"{difference.value:+.4f}"]
    cells += [f"({difference.reason})" if difference.reason else bounds, _p(own.adjusted_p)]
    if found.margin is not None:
        cells.append("" if own.equivalence is None else _p(own.equivalence.adjusted_p))
    return [*cells, own.verdict]


def _n_tests(found: RunDifferences) -> int:
    """How many comparisons p-values of data sets are corrected for."""
    return len(found.find("dataset"))


def change_table(changes: Sequence[QuestionChange], first: str, other: str) -> Table:
    """The questions that changed most, of one run."""
    table = new_table("question", f"changed most: {other} - {first} (probability)")
    table.add_column("data set", overflow="fold")
    for header in ("first", "other", "change"):
        table.add_column(header, justify="right")
    table.add_column("preference")
    for each in changes:
        numbers = (as_number(each.first, 3), as_number(each.other, 3), f"{each.change:+.3f}")
        names = (as_text(each.question_id), as_text(each.dataset or "(no name)"))
        table.add_row(*names, *numbers, _flip(each))
    return table


def _flip(change: QuestionChange) -> str:
    if not change.flipped or change.prefers_first is None or change.prefers_other is None:
        return ""
    return f"{change.prefers_first:g} -> {change.prefers_other:g}"


def meaning(found: RunDifferences, first: str, averages: Sequence[RunDifference]) -> list[str]:
    """What the numbers mean; ``first`` says what others are compared with, flips are told of ``averages``."""
    alpha, p = 1 - found.confidence, "the corrected p" if _n_tests(found) > 1 else "p"
    n_datasets = max(each.n_datasets for each in found.differences)
    lines = [
        f"difference: other - first, question by question; {first}",
        "mean probability: how much of the compared answers' probability falls on the matching answer, on average",
        f"preference rate: {PREFERENCES[found.sets]}; {TIES[found.ties]}",
        f"verdict: higher or lower where {p} is at most {alpha:.3g}",
    ]
    if found.margin is not None:
        lines[-1] += f"; equivalent where the p of both one-sided tests against ± {found.margin:g} is at most that"
    if _n_tests(found) > 1:
        n_averages = sum(each.scope == "pooled" for each in found.differences) or len(found.find("pooled"))
        lines.append(
            f"corrected p: after {_CORRECTIONS[found.correction]}, of data sets for {_n_tests(found)} comparisons of a "
            f"metric, of averages for {n_averages}; intervals are not corrected"
        )
    if n_datasets > 1:
        lines.append("pooled average: every question counts the same; macro average: every data set counts the same")
    for each in averages:
        name = each.run if each.template is None else f"{each.run}, template {each.template}"
        lines.append(
            f"{name}: of {each.n_questions} preferences {each.n_raised} went to the matching answer, "
            f"{each.n_lowered} away from it"
        )
    if any(each.one_cluster for each in found.differences):
        lines.append("one cluster: all questions share it, so the interval speaks for this cluster, not for others")
    return [*lines, *found.notes]


def is_known(differences: Sequence[RunDifference], metric: str) -> bool:
    """Whether any of these knows the metric."""
    return any(not math.isnan(getattr(each, metric).difference.value) for each in differences)


def _p(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "<0.0001" if value < 1e-4 else f"{value:.4f}"
