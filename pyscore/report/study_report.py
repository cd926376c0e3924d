"""The report of a study: everything is read, computed and laid out, and then one file is written whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pyscore._version import __version__
from pyscore.report.cautions import cautions_of
from pyscore.report.cells import Cells, cells_of
from pyscore.report.charts import page_specs
from pyscore.report.curves import curve_entries
from pyscore.report.definitions import HEADLINES
from pyscore.report.differences import FAMILY, chosen_pairs, differences_block
from pyscore.report.drill import BUDGET, drill_down
from pyscore.report.page import render_page
from pyscore.report.provenance import provenance
from pyscore.report.targets import check_apart
from pyscore.results.all_curves import curves_of_study
from pyscore.results.all_pairs import pair_differences
from pyscore.results.sources import Paths
from pyscore.results.study_values import StudyValues, read_values
from pyscore.store.files import locate

if TYPE_CHECKING:
    from pyscore.tasks import Question

__all__ = ["Written", "report_blocks", "write"]

_TELLING = 3
"""Questions of each kind (most extreme, most changed, most undecided) that are shown of a data set and template."""


class Written(NamedTuple):
    """A report that was written.

    Attributes:
        path: of the file.
        n_bytes: its size.
        n_checkpoints, n_templates, n_datasets: what it is of.
        n_warnings: how many things it says that weaken a number.
    """

    path: str
    n_bytes: int
    n_checkpoints: int
    n_templates: int
    n_datasets: int
    n_warnings: int


def _silent(_: str) -> None:
    pass


def write(
    path: Paths,
    output: str | Path,
    *,
    title: str | None = None,
    questions: Sequence[Question] | None = None,
    prompts: bool = True,
    drill_bytes: int = BUDGET,
    metrics: Sequence[str] | None = None,
    confidence: float | None = None,
    clustered: bool = True,
    progress: Callable[[str], None] = _silent,
) -> Written:
    """Write the report of a study: one HTML file that asks for nothing else, to open, send and cite from.

    Its numbers are those of `pyscore.results.tidy`, of `compare_runs` for any two checkpoints, and of `curve`; see
    docs/report.md. The file holds the prompts of some questions of each data set.

    Args:
        path: as in `pyscore.results.tidy`: a study's folder, runs or files of rows.
        output: the file to write, a path or an fsspec URL; it is whole or what it was before.
        title: of the page; by default the name of the study.
        questions: where the rows belong to no study, the questions that were asked, for their prompts.
        prompts: show the questions of each data set that tell most, with prompts and answers. False leaves out all text
            of questions, for a page that others may see who may not see these.
        drill_bytes: how much of the file calibration by data set and questions may take; for less, fewer are shown.
        metrics: to show beside the headline numbers; by default those of the study.
        confidence: of the intervals; by default that of the study, else 0.95.
        clustered: use the clusters of the rows, where questions share any.
        progress: hears in a few words what is done next.

    Raises:
        FileNotFoundError: no study, run or file there.
        ValueError: nothing is scored yet; an unknown metric; damaged files, or rows that can't be compared, with the
            run's name; ``output`` is what is read, or could replace what is stored beside it.
        ModuleNotFoundError: the extra "report" isn't installed.
        OSError: the file can't be written.
    """
    target = locate(output)
    if target.is_folder():
        raise IsADirectoryError(f"output {output} is a folder: name a file, such as report.html in it")
    check_apart(output, _listed(path))
    progress("reading the rows")
    values = read_values(path, confidence=confidence, clustered=clustered)
    blocks = report_blocks(
        values,
        title=title,
        questions=questions,
        prompts=prompts,
        drill_bytes=drill_bytes,
        metrics=metrics,
        commands=_commands(path, output, title=title, prompts=prompts, drill_bytes=drill_bytes, clustered=clustered),
        progress=progress,
    )
    progress("writing the page")
    numbers = blocks["numbers"]
    data = render_page(blocks, numbers["title"]).encode("utf-8", "replace")
    with target.replacing() as file:
        file.write(data)
    return Written(
        path=str(output),
        n_bytes=len(data),
        n_checkpoints=len(values.checkpoints),
        n_templates=len(values.templates),
        n_datasets=len(values.datasets),
        n_warnings=len(numbers["warnings"]),
    )


def report_blocks(
    values: StudyValues,
    *,
    title: str | None = None,
    questions: Sequence[Question] | None = None,
    prompts: bool = True,
    drill_bytes: int = BUDGET,
    metrics: Sequence[str] | None = None,
    commands: Sequence[tuple[str, Sequence[str]]] = (),
    progress: Callable[[str], None] = _silent,
) -> dict[str, Any]:
    """All data of a page, block by block; `render_page` lays it out.

    Args:
        values: of the study.
        title, questions, prompts, drill_bytes, metrics, progress: as of `write`.
        commands: what makes the page and its numbers again, as `provenance` takes them.

    Raises:
        ValueError: nothing is scored yet, or an unknown metric.
    """
    if all(each.scores is None for each in values.groups):
        told = {reason for each in values.groups for reason in each.lacking.values() if reason.startswith("bounds")}
        if told:
            raise ValueError(
                f"no data set can be reported: {min(told)}, and charts need exact ones. pyscore.results.tidy and "
                "summarize_rows give bounds (docs/bounds.md)"
            )
        raise ValueError("nothing is scored yet: there is no number to report. Run `pyscore sweep` first")
    progress("summarising the data sets")
    cells = cells_of(values, metrics)
    progress("drawing the curves")
    curves, curve_notes = _curves(values)
    pairs, note = chosen_pairs(values)
    progress(f"comparing {len(pairs):,} pairs of checkpoints")
    differences = differences_block(values, pair_differences(values, pairs))
    progress("choosing questions to show")
    drill = drill_down(values, questions=questions, n=_TELLING if prompts else 0, budget=drill_bytes)
    numbers = {
        "title": title or _name(values),
        "pyscore_version": __version__,
        "created": datetime.now(timezone.utc).date().isoformat(),
        "confidence": values.confidence,
        "comparison": vars(values.rule),
        "clustered": values.clustered,
        "headlines": HEADLINES,
        **_study(values),
        **_numbers(cells),
        "curves": curves,
        "curve_notes": curve_notes,
        "differences": {"family": FAMILY, "notes": [note] if note else []},
        "chart_specs": page_specs(),
        "provenance": provenance(values, commands=commands),
        "drill": drill.drill,
        "drill_notes": drill.notes,
    }
    return {"numbers": numbers, "differences": differences, **drill.blocks}


def _numbers(cells: Cells) -> dict[str, Any]:
    columns, reasons = cells.columns()
    warnings = [{"cell": i, **caution._asdict()} for i, caution in cautions_of(cells.cells)]
    return {"metrics": cells.definitions(), "reasons": reasons, "cells": columns, "warnings": warnings}


def _curves(values: StudyValues) -> tuple[list[dict[str, Any]], list[str]]:
    """The curves over steps and those over sizes; of an axis that has none, why isn't said where the other has some."""
    found = [curves_of_study(values, HEADLINES, x) for x in ("step", "size")]
    told = [each for each in found if each.curves] or found
    notes = dict.fromkeys(text for each in told for text in each.notes)
    return [entry for each in found for entry in curve_entries(values, each.curves)], list(notes)


def _name(values: StudyValues) -> str:
    named = [str(source.study["name"]) for source in values.sources if "name" in source.study]
    return ", ".join(named) or "pyscore report"


def _listed(path: Paths) -> list[str]:
    return [str(each) for each in ([path] if isinstance(path, str | Path) else path)]


def _commands(
    path: Paths, output: str | Path, *, title: str | None, prompts: bool, drill_bytes: int, clustered: bool
) -> list[tuple[str, list[str]]]:
    """What makes the page, and its numbers, again, as far as options of the command line go."""
    paths, independent = _listed(path), [] if clustered else ["--no-clusters"]
    options = [] if title is None else ["--title", title]
    options += [] if prompts else ["--no-prompts"]
    options += [] if drill_bytes == BUDGET else ["--drill-bytes", str(drill_bytes)]
    found = [
        ("this page", ["report", *paths, "-o", str(output), *options, *independent]),
        ("every number as a table", ["sweep", "table", *paths, "-o", "numbers.csv", *independent]),
    ]
    if len(paths) == 1:
        found.append(("all comparisons in a terminal", ["compare", *paths, *independent]))
    return found


def _study(values: StudyValues) -> dict[str, Any]:
    """What the study consists of; data sets have as many questions as any checkpoint has scored of them."""
    most: dict[str | None, int] = dict.fromkeys(values.datasets, 0)
    for each in values.groups:
        for name, counts in each.counts.items():
            most[name] = max(most[name], counts.n_questions)
    return {
        "checkpoints": _checkpoints(values),
        "templates": [name or "" for name in values.templates],
        "datasets": [{"name": name or "", "questions": n} for name, n in most.items()],
    }


def _checkpoints(values: StudyValues) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for each in values.groups:
        of = each.group.labels
        labels = {name: of[name] for name in ("model", "revision", "family", "size", "step")}
        tags = json.loads(of["tags"] or "{}")
        found.setdefault(each.checkpoint, {"name": each.checkpoint, **labels, "tags": tags})
    return list(found.values())
