"""The numbers of a study as a page holds them: columns, one entry a checkpoint, template and data set or average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pyscore.report.definitions import HEADLINES, define
from pyscore.results.line_metrics import LineMetrics
from pyscore.results.question_counts import QuestionCounts
from pyscore.results.study_values import StudyValues
from pyscore.results.tables import group_lines, plan_of, without_bounds

__all__ = ["Cell", "Cells", "cells_of"]

_ALWAYS = (*HEADLINES, "mean_coverage", "tie_rate", "mean_log_odds")
_NUMBERS = ("value", "low", "high", "template_min", "template_max")


class Cell(NamedTuple):
    """What a page says of a checkpoint under a template, on a data set or on average.

    Attributes:
        checkpoint, template, dataset: indices among those of the study; dataset None for an average.
        scope: "dataset", "pooled" or "macro".
        lines: metric -> line of `pyscore.results.tidy`.
        counts: of the questions; None for an average, and where nothing is scored.
    """

    checkpoint: int
    template: int
    scope: str
    dataset: int | None
    lines: dict[str, dict[str, Any]]
    counts: QuestionCounts | None

    @property
    def first(self) -> dict[str, Any]:
        """The line of its first metric, whose counts are those of all."""
        return next(iter(self.lines.values()))


class Cells(NamedTuple):
    """All of them, with how their numbers were made."""

    cells: list[Cell]
    plan: LineMetrics

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics, in order."""
        return list(dict.fromkeys(metric for cell in self.cells for metric in cell.lines))

    def definitions(self) -> dict[str, dict[str, str]]:
        """The entry "metrics" of a page."""
        found = {}
        for metric in self.metrics:
            label, unit, sentence = define(metric, self.plan.rule)
            signature = self.plan.signature(metric)
            found[metric] = {"label": label, "unit": unit, "definition": sentence, "signature": signature}
        return found

    def columns(self) -> tuple[dict[str, Any], list[str]]:
        """The entry "cells" of a page, and the reasons that it names by their position."""
        reasons: dict[str, int] = {}
        metrics = {}
        for metric in self.metrics:
            own = (cell.lines.get(metric) for cell in self.cells)
            lines = [{} if line is None else without_bounds(line) for line in own]  # presets have no macro average
            told = [line.get("reason") for line in lines]
            metrics[metric] = {name: [line.get(name) for line in lines] for name in _NUMBERS}
            metrics[metric]["reason"] = [None if why is None else reasons.setdefault(why, len(reasons)) for why in told]
        found: dict[str, Any] = {
            name: [getattr(cell, name) for cell in self.cells]
            for name in ("checkpoint", "template", "scope", "dataset")
        }
        found |= {
            name: [cell.first[name] for cell in self.cells] for name in ("n_datasets", "n", "n_clusters", "n_skipped")
        }
        return found | {"metrics": metrics}, list(reasons)


def cells_of(values: StudyValues, metrics: Sequence[str] | None = None) -> Cells:
    """Every number of `pyscore.results.tidy`, cell by cell.

    Args:
        values: of the study.
        metrics: to show beside the headline numbers, coverage, ties and log odds; by default those of the study.
    """
    told = [name for source in values.sources for name in source.study.get("metrics", ())]
    if isinstance(metrics, str):
        raise TypeError(f"metrics must be a sequence of names, got the string {metrics!r}")
    names = dict.fromkeys([*_ALWAYS, *(told if metrics is None else metrics)])
    checkpoints, templates, datasets = values.checkpoints, values.templates, values.datasets
    rest = iter(values.groups)
    cells = []
    for source in values.sources:
        plan = plan_of(source, list(names), values.confidence, values.clustered, **vars(values.rule))
        for lines in group_lines(source, plan):
            group = next(rest)
            place = checkpoints.index(group.checkpoint), templates.index(group.template)
            by_cell: dict[tuple[str, str | None], dict[str, dict[str, Any]]] = {}
            for line in lines:
                by_cell.setdefault((line["scope"], line["dataset"]), {})[line["metric"]] = line
            for (scope, dataset), own in by_cell.items():
                at = datasets.index(dataset) if scope == "dataset" else None
                counts = group.counts.get(dataset) if scope == "dataset" else None
                cells.append(Cell(*place, scope, at, own, counts))
    return Cells(cells, plan)
