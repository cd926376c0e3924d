"""The headline table of a study, for papers: both headline numbers with intervals side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyscore.metrics.core.report import interval_header
from pyscore.metrics.core.shown import Grid, Shown, as_html, as_text
from pyscore.report.formats import TABLES, format_of
from pyscore.report.table_texts import as_csv, as_latex, as_markdown, decimals, number
from pyscore.results.sources import Source, open_sources
from pyscore.results.study_runs import names_of
from pyscore.results.tables import plan_of, tidy, without_bounds
from pyscore.store.files import locate
from pyscore.store.studies import StudyFolder, is_study

if TYPE_CHECKING:
    import pyarrow as pa

    from pyscore.results.line_metrics import LineMetrics
    from pyscore.results.sources import Paths

__all__ = ["HeadlineTable", "headline_table"]

_HEADLINES = {"mean_probability": "mean probability", "preference_rate": "preference rate"}
_BESIDE = {"mean_coverage": "coverage", "tie_rate": "ties"}
_METRICS = (*_HEADLINES, *_BESIDE)
_OF_CELL = ("scope", "dataset", "n_datasets", "n", "n_clusters", "n_skipped")
_OF_CHECKPOINT = ("model", "revision", "family", "size", "step", "tags")
_ENDS = {"": "value", "_low": "low", "_high": "high", "_reason": "reason"}
_AVERAGES = ("pooled", "macro")
_NONE = "-"
_SHOWN = 5  # names that a message lists
_AT_ONCE = 1024  # cells


@dataclass(frozen=True)
class HeadlineTable:
    """A line a checkpoint, template and data set, and the averages over data sets.

    Numbers are shown with as many decimals as two digits of half their interval's width take, at least 2 and at most
    4, and their intervals with the same; `to_csv` and ``lines`` have them in full.

    Attributes:
        lines: "checkpoint" (its name), "model" to "tags", "template" and "scope" to "n_skipped" as `tidy` has them; of
            mean_probability, preference_rate, mean_coverage and tie_rate the value and, with the endings "_low",
            "_high" and "_reason", its interval or why there is none; "confidence" and "signature".
        confidence: of all intervals.
        signature: how the numbers were made.
    """

    lines: Sequence[Mapping[str, Any]]
    confidence: float
    signature: str

    def __str__(self) -> str:
        return as_text(self.shown())

    def _repr_html_(self) -> str:
        return as_html(self.shown())

    def to_markdown(self) -> str:
        """A table of GitHub's Markdown, with what it means and how it was made under it."""
        shown = self.shown()
        return as_markdown(shown.grids[0], shown.notes[:-1], self.signature)

    def to_latex(self) -> str:
        """A ``tabular`` for the package booktabs; how it was made is a comment before it.

        Letters beyond ASCII are written as they are: pdfLaTeX knows Latin ones, LuaLaTeX and XeLaTeX those of the font.
        """
        shown = self.shown()
        return as_latex(shown.grids[0], shown.notes)

    def to_csv(self) -> str:
        """All of ``lines`` in full (RFC 4180), nothing where a value is None.

        Texts are as they are: one that begins with "=" is a formula to some spreadsheets, which can be told to read
        texts.
        """
        return as_csv(self.lines)

    def text(self, format: str) -> str:
        """The table as "md", "csv" or "latex"."""
        made = {"md": self.to_markdown, "csv": self.to_csv, "latex": self.to_latex}
        if format not in made:
            raise ValueError(f"format must be one of {', '.join(made)}, got {format!r}")
        return made[format]()

    def write(self, output: str | Path, format: str | None = None) -> None:
        """Write the table in UTF-8; the file is whole or what it was before.

        Args:
            output: a path or an fsspec URL.
            format: "md", "csv" or "latex"; by default what the name's ending says: .md, .csv or .tex.

        Raises:
            ValueError: an ending that says nothing, or something else.
            OSError: the file can't be written.
        """
        text = self.text(format_of(output, format, TABLES))
        with locate(output).replacing() as file:
            file.write(text.encode())

    def shown(self) -> Shown:
        """What is printed: the columns that people read, rounded, and notes on them, the signature last."""
        templates = any(line["template"] for line in self.lines)
        clusters = any(line["n_clusters"] is not None for line in self.lines)
        names = ["checkpoint", *(["template"] if templates else []), "data set"]
        headlines = [f"{label} ({interval_header(self.confidence)})" for label in _HEADLINES.values()]
        counts = ["questions", *(["clusters"] if clusters else [])]
        lines = []
        for line in self.lines:
            texts = [line["checkpoint"], *([line["template"] or ""] if templates else []), _part(line)]
            texts += [str(line["n"]), *([_clusters(line)] if clusters else [])]
            texts += [_with_interval(line, name) for name in _HEADLINES]
            lines.append([*texts, *(_alone(line, name) for name in _BESIDE)])
        grid = Grid([*names, *counts, *headlines, *_BESIDE.values()], lines, left=range(len(names)))
        return Shown("headline numbers", [grid], [*self._notes(), self.signature])

    def _notes(self) -> Iterator[str]:
        if any(line["scope"] in _AVERAGES for line in self.lines):
            yield "pooled average: every question counts the same; macro average: every data set counts the same"
        if any(line["n_clusters"] == 1 for line in self.lines):
            yield "one cluster: all questions share it, so the interval speaks for this cluster, not for others"
        skipped = max((line["n_skipped"] or 0 for line in self.lines if line["scope"] == "dataset"), default=0)
        if skipped:
            yield f"up to {skipped} questions of a data set are left out, for they couldn't be scored"


def headline_table(
    path: Paths,
    *,
    checkpoint: str | None = None,
    template: str | None = None,
    dataset: str | None = None,
    averages: bool = True,
    confidence: float | None = None,
    clustered: bool = True,
    normalize: str | None = None,
    sets: str | None = None,
    ties: str | None = None,
) -> HeadlineTable:
    """Both headline numbers of every checkpoint, template and data set, with intervals, coverage, ties and counts.

    Args:
        path: a study's folder, a run's folder or a Parquet file of rows, paths or URLs; or several of them.
        checkpoint, template, dataset: take the lines of this name alone; dataset may be "pooled" or "macro", too.
        averages: have lines of averages over data sets, where there are several.
        confidence, clustered, normalize, sets, ties: as in `pyscore.results.tidy`; what is not given is what the study
            says.

    Raises:
        FileNotFoundError: no study, run or file there.
        ValueError: no line of such a name; studies that compare answers in different ways; as `tidy`.
    """
    options: dict[str, Any] = {"confidence": confidence, "normalize": normalize, "sets": sets, "ties": ties}
    plan = _plan_of(path, clustered, options)
    signature = plan.signature("headlines")
    found = tidy(path, metrics=_METRICS, averages=averages, clustered=clustered, **options)
    lines = list(_lines(found, _names(path, averages), signature))
    chosen = {"checkpoint": checkpoint, "template": template, "dataset": dataset}
    for name, value in chosen.items():
        lines = lines if value is None else _named(lines, name, value)
    return HeadlineTable(lines, plan.confidence, signature)


def _plan_of(path: Paths, clustered: bool, options: Mapping[str, Any]) -> LineMetrics:
    """How all of the sources compare answers: a table is of one way."""
    paths = [path] if isinstance(path, str | Path) else list(path)
    studies = [StudyFolder(each).read() if is_study(each) else {} for each in paths]
    plans = [plan_of(Source((), study), _METRICS, clustered=clustered, **options) for study in studies or [{}]]
    if any(other != plans[0] for other in plans):
        raise ValueError(
            "path names studies that compare answers in different ways, or of different confidence: say which, or make "
            "a table of each"
        )
    return plans[0]


def _names(path: Paths, averages: bool) -> Iterator[str]:
    """The name of the checkpoint of every cell of a tidy table."""
    groups = [group for source in open_sources(path) for group in source.groups]
    for group, name in zip(groups, names_of(groups), strict=True):
        n_averages = len(_AVERAGES) if averages and len(group.datasets) > 1 else 0
        yield from repeat(name, len(group.datasets) + n_averages)


def _lines(tidied: pa.Table, names: Iterable[str], signature: str) -> Iterator[dict[str, Any]]:
    """A line a cell, of its lines in a tidy table, which stand together there."""
    for own, checkpoint in zip(_cells(tidied), names, strict=True):
        first = own[0]
        line: dict[str, Any] = {"checkpoint": checkpoint}
        line |= {name: first[name] for name in (*_OF_CHECKPOINT, "template", *_OF_CELL)}
        for each in own:
            shown = without_bounds(each)
            line |= {f"{each['metric']}{end}": shown[column] for end, column in _ENDS.items()}
        yield line | {"confidence": first["confidence"], "signature": signature}


def _cells(tidied: pa.Table) -> Iterator[list[dict[str, Any]]]:
    """The lines of each cell, a line a metric."""
    # Some at a time: all lines of a large study as dictionaries would take gigabytes.
    for batch in tidied.to_batches(max_chunksize=_AT_ONCE * len(_METRICS)):
        lines = batch.to_pylist()
        yield from (lines[i : i + len(_METRICS)] for i in range(0, len(lines), len(_METRICS)))


def _named(lines: Sequence[dict[str, Any]], name: str, value: str) -> list[dict[str, Any]]:
    """The lines of a checkpoint, a template or a data set."""
    names = [line["scope"] if name == "dataset" and line["scope"] in _AVERAGES else line[name] for line in lines]
    found = [line for line, own in zip(lines, names, strict=True) if own == value]
    if not found:
        known = [repr(each) for each in dict.fromkeys(names)]
        listed = ", ".join(known[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
        raise ValueError(f"{name} {value!r} is none of those that there are: {listed}")
    return found


def _part(line: Mapping[str, Any]) -> str:
    return f"{line['scope']} average" if line["scope"] in _AVERAGES else line["dataset"] or "(no name)"


def _clusters(line: Mapping[str, Any]) -> str:
    return _NONE if line["n_clusters"] is None else "one" if line["n_clusters"] == 1 else str(line["n_clusters"])


def _with_interval(line: Mapping[str, Any], name: str) -> str:
    """A value with its interval, or with why there is none."""
    low, high, reason = (line[f"{name}_{end}"] for end in ("low", "high", "reason"))
    if low is None or high is None:
        return f"{_alone(line, name)} ({reason})" if line[name] is not None else f"({reason})"
    places = decimals(low, high)
    return f"{_alone(line, name)} [{low:.{places}f}, {high:.{places}f}]"


def _alone(line: Mapping[str, Any], name: str) -> str:
    """A value, rounded as its interval is, whether that is shown or not."""
    value, low, high = (line[f"{name}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return _NONE
    return number(value, 2 if low is None or high is None else decimals(low, high))
