"""Differences between the checkpoints of a study for people: a table a metric, templates beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from pyscore.cli.compare_output import HEADLINES, METRICS, add_columns, as_cells, change_table, is_known, meaning
from pyscore.cli.output import as_text, new_table, print_tables

if TYPE_CHECKING:
    from rich.table import Table

    from pyscore.results import RunDifference, RunDifferences

__all__ = ["print_study"]

_SHOWN = 200  # differences of a curve on a terminal, of which JSON has all


def print_study(found: RunDifferences) -> None:
    """Every checkpoint against the first of its curve, then what the numbers mean.

    What changed most, and how many preferences did, is shown of the last checkpoint of each curve.
    """
    tables, notes, last = [], [], []
    firsts = list(dict.fromkeys(each.against for each in found.differences))
    for against in firsts:
        own = [each for each in found.differences if each.against == against]
        last.append(own[-1].run)
        shown, left_out = _shown(own)
        notes += left_out
        tables += _tables(found, shown)
    for run in last:
        for each in found.find("pooled", run=run):
            changes = [change for change in found.changes if (change.run, change.template) == (run, each.template)]
            if changes:
                tables.append(change_table(changes, each.against, f"{run}, template {each.template}"))
    if any(getattr(each, metric).template_min is not None for each in found.differences for metric in HEADLINES):
        notes.append("range: the smallest and the largest difference over the templates")
    first = f"{firsts[0]} is" if len(firsts) == 1 else "the first of each family, size and tags is"
    told = f"{first} what other checkpoints are compared with, under each template by itself"
    averages = [each for each in found.find("pooled") if each.run in last]
    print_tables(tables, [*meaning(found, told, averages), *notes])


def _shown(differences: Sequence[RunDifference]) -> tuple[list[RunDifference], list[str]]:
    """What a terminal shows of a curve, and what to say of the rest: of many only pooled averages, if there are any."""
    if len(differences) <= _SHOWN:
        return list(differences), []
    pooled = [each for each in differences if each.scope == "pooled"]
    kept = (pooled or list(differences))[:_SHOWN]
    return kept, [f"{len(differences) - len(kept):,} of {len(differences):,} differences are left out: --json has all"]


def _tables(found: RunDifferences, differences: Sequence[RunDifference]) -> list[Table]:
    """Of one data set, or average, a table a metric of all checkpoints; of several a table a checkpoint and metric."""
    against = differences[0].against
    scopes = list(dict.fromkeys(_name(each) for each in differences))
    if len(scopes) == 1:
        return [
            _table(found, "checkpoint", differences, metric, f"each - {against}: {METRICS[metric]}, {scopes[0]}")
            for metric in HEADLINES
            if is_known(differences, metric)
        ]
    tables = []
    for run in dict.fromkeys(each.run for each in differences):
        own = sorted((each for each in differences if each.run == run), key=lambda each: scopes.index(_name(each)))
        own.sort(key=lambda each: each.scope != "dataset")
        for metric in HEADLINES:
            if is_known(own, metric):
                tables.append(_table(found, "data set", own, metric, f"{run} - {against}: {METRICS[metric]}"))
    return tables


def _table(found: RunDifferences, column: str, differences: Sequence[RunDifference], metric: str, title: str) -> Table:
    """A line a template; after those of one checkpoint and data set their range."""
    table = new_table(column, title)
    table.add_column("template", overflow="fold")
    table.add_column("n", justify="right", no_wrap=True)
    add_columns(table, found)
    is_dataset = True
    for _, group in groupby(differences, key=lambda each: (each.run, _name(each))):
        templates = list(group)
        if column == "data set" and is_dataset and templates[0].scope != "dataset":
            table.add_section()
            is_dataset = False
        name = templates[0].run if column == "checkpoint" else _name(templates[0])
        for each in templates:
            cells = as_cells(getattr(each, metric), found)
            table.add_row(as_text(name), as_text(each.template or ""), str(each.n_questions), *cells)
            name = ""
        for low, high in _ranges(templates, metric):
            table.add_row("", "range", "", "", "", "", f"[{low:+.4f}, {high:+.4f}]", style="dim")
    return table


def _name(each: RunDifference) -> str:
    return (each.dataset or "(no name)") if each.scope == "dataset" else f"{each.scope} average"


def _ranges(templates: Sequence[RunDifference], metric: str) -> list[tuple[float, float]]:
    """What the differences are between under all templates; averages of unlike data sets have ranges of their own."""
    found = [(getattr(each, metric).template_min, getattr(each, metric).template_max) for each in templates]
    return [(low, high) for low, high in dict.fromkeys(found) if low is not None]
