"""`pyscore sweep table`: the numbers of a study, to look at or into a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pyscore.cli.options import Clusters, Json
from pyscore.cli.output import as_number, as_text, new_table, print_json, print_tables
from pyscore.cli.text import write_out

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["table"]

_SHOWN = 200  # lines on a terminal, of which a file has all
_RANGE = "range"


def table(
    output: Annotated[list[str], typer.Argument(help="Studies' folders, or rows: paths or URLs.")],
    write: Annotated[
        str | None, typer.Option("--output", "-o", help="A file to write all columns to: .parquet or .csv.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="A metric or a preset; by default those of the study. Repeatable.")
    ] = None,
    clusters: Clusters = True,
    json: Json = False,
) -> None:
    """Show every number of a study with its interval: a line a checkpoint, template, data set and metric."""
    if write is not None and not write.lower().endswith((".parquet", ".csv")):
        raise ValueError(f"--output {write} must end in .parquet or .csv: the ending says what is written")
    from pyscore.results import tidy, write_table

    found = tidy(output, metrics=metric or None, clustered=clusters)
    if write is not None:
        write_table(found, write)
    if json:
        print_json({"lines": found.to_pylist()})
        return
    if write is not None:
        write_out(f"{found.num_rows:,} lines written to {write}\n")
        return
    rows = _rows(found.to_pylist())
    notes = ["range: the smallest and the largest value over the templates"] if any(r.is_range for r in rows) else []
    if len(rows) > _SHOWN:
        notes.append(f"{len(rows) - _SHOWN:,} more lines: --output tidy.csv writes all of them")
    print_tables([_table(rows[:_SHOWN], ", ".join(output))], notes)


@dataclass
class _Row:
    """What the table shows of a checkpoint, a data set and a template, or of all its templates."""

    checkpoint: str
    dataset: str
    template: str
    questions: int | None
    numbers: dict[str, str]
    is_range: bool = False


def _rows(lines: list[dict[str, Any]]) -> list[_Row]:
    """One for each checkpoint, data set and template, and after the templates of a data set their range."""
    found: dict[tuple[str, str], dict[str, _Row]] = {}
    for line in lines:
        checkpoint = ", ".join(filter(None, (line["model"], line["revision"], _step(line["step"]))))
        dataset = line["dataset"] or ("(no name)" if line["scope"] == "dataset" else f"{line['scope']} average")
        templates = found.setdefault((checkpoint, dataset), {})
        names = [line["template"] or ""] if line["template_min"] is None else [line["template"], _RANGE]
        for name in names:
            row = templates.setdefault(
                name, _Row(checkpoint, dataset, name, line["n"] if name != _RANGE else None, {}, name == _RANGE)
            )
            row.numbers[line["metric"]] = _range(line) if row.is_range else _number(line)
    return [
        row
        for templates in found.values()
        for row in (*(each for each in templates.values() if not each.is_range), *filter(None, [templates.get(_RANGE)]))
    ]


def _table(rows: list[_Row], title: str) -> Table:
    metrics = list(dict.fromkeys(metric for row in rows for metric in row.numbers))
    shown = new_table("checkpoint", title)
    for header in ("data set", "template"):
        shown.add_column(header, overflow="fold")
    for header in ("questions", *(metric.replace("_", " ") for metric in metrics)):
        shown.add_column(header, justify="right")
    checkpoint = dataset = None
    for row in rows:
        same = checkpoint == row.checkpoint
        if checkpoint is not None and not same:
            shown.add_section()
        names = ["" if same else row.checkpoint, "" if same and dataset == row.dataset else row.dataset]
        numbers = [row.numbers.get(metric, "") for metric in metrics]
        questions = "" if row.questions is None else str(row.questions)
        style = "dim" if row.is_range else None
        shown.add_row(*map(as_text, (*names, row.template, questions, *numbers)), style=style)
        checkpoint, dataset = row.checkpoint, row.dataset
    return shown


def _step(step: int | None) -> str | None:
    return None if step is None else f"step {step}"


def _number(line: dict[str, Any]) -> str:
    value = "" if line["value"] is None else as_number(line["value"], 3)
    if line["value_low"] is not None and line["value_high"] is not None:
        value = f"{as_number(line['value_low'], 3)} to {as_number(line['value_high'], 3)}"
    if line["low"] is None or line["high"] is None:
        return f"{value} ({line['reason']})".strip() if line["reason"] else value
    return f"{value} [{as_number(line['low'], 3)}, {as_number(line['high'], 3)}]"


def _range(line: dict[str, Any]) -> str:
    """Not in the brackets of an interval, which it is none of."""
    return f"{as_number(line['template_min'], 3)} to {as_number(line['template_max'], 3)}"
