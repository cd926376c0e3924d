"""`pyscore report`: a study as one HTML file, a figure, or a table for a paper."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Event, Thread
from typing import Annotated, Any, Literal, NamedTuple

import typer

from pyscore.cli.files import check_distinct, expanded
from pyscore.cli.options import Answers, Choices, Clusters, Columns, Json, PromptTemplate
from pyscore.cli.output import print_json
from pyscore.cli.questions import questions_of, read_options
from pyscore.cli.text import say, visible, write_out
from pyscore.report.formats import IMAGES, TABLES, format_of

__all__ = ["report"]

_PAGE = ("html",)
_FOR = {
    "figure": IMAGES,
    "metric": IMAGES,
    "x": IMAGES,
    "against": IMAGES,
    **dict.fromkeys(("checkpoint", "template", "dataset"), (*IMAGES, *TABLES)),
    **dict.fromkeys(("questions", "title", "no-prompts", "drill-bytes"), _PAGE),
}
"""Options that are not for every format, each with those that it is for."""
_EXTRA = ("altair", "vl_convert")
_SECONDS = 30.0  # between two lines that say that it is still at work


def report(
    output: Annotated[list[str], typer.Argument(metavar="OUT", help="Studies' folders, or rows: paths or URLs.")],
    write: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="The file to write, a path or a URL. Its ending says what: .html, .png, .svg, .pdf, .md, .csv, .tex.",
        ),
    ] = None,
    format: Annotated[
        Literal["html", "png", "svg", "pdf", "md", "csv", "latex"] | None,
        typer.Option(help="What to write, where no ending says it. A table without --output is printed."),
    ] = None,
    figure: Annotated[
        Literal["two_numbers", "behaviour", "forest", "reliability", "log_odds"] | None,
        typer.Option(help="Of an image: what it shows; two_numbers by default."),
    ] = None,
    checkpoint: Annotated[str | None, typer.Option(help="Of an image or a table: this checkpoint alone.")] = None,
    template: Annotated[str | None, typer.Option(help="Of an image or a table: this template alone.")] = None,
    dataset: Annotated[
        str | None,
        typer.Option(help="Of an image or a table: this data set alone; of behaviour and tables also pooled or macro."),
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Of an image: the metric.")] = None,
    x: Annotated[Literal["step", "size"] | None, typer.Option(help="Of an image: what behaviour is over.")] = None,
    against: Annotated[
        str | None, typer.Option(help="Of an image: the checkpoint that others are compared with.")
    ] = None,
    questions: Annotated[
        list[str] | None,
        typer.Option(help="Of HTML: a file of questions whose prompts to show, of rows of no study. Repeatable."),
    ] = None,
    questions_format: Annotated[str, typer.Option(help="Of --questions; auto: told from their first row.")] = "auto",
    columns: Columns = None,
    prompt_template: PromptTemplate = None,
    choices: Choices = "given",
    answers: Answers = "auto",
    prompts: Annotated[
        bool, typer.Option("--prompts/--no-prompts", help="Of HTML: show questions, with prompts and answers.")
    ] = True,
    drill_bytes: Annotated[
        int | None, typer.Option(min=0, help="Of HTML: bytes for single questions and calibration by data set.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Of HTML: the title; by default the study's name.")] = None,
    clusters: Clusters = True,
    progress: Annotated[
        bool, typer.Option("--progress/--quiet", help="Say on standard error, every 30 seconds, that work goes on.")
    ] = True,
    json: Json = False,
) -> None:
    """Write a study as one HTML file, as a figure, or as a table of both headline numbers."""
    kind = _kind(write, format, json)
    options: dict[str, Any] = {"figure": figure, "checkpoint": checkpoint, "template": template, "dataset": dataset}
    options |= {"metric": metric, "x": x, "against": against, "questions": questions, "title": title}
    options |= {"no-prompts": not prompts, "drill-bytes": drill_bytes}
    given = _given(kind, options)
    reading = read_options(
        columns=columns, prompt_template=prompt_template, format=questions_format, choices=choices, answers=answers
    )
    asked = questions_of(given.pop("questions", []), reading)
    given |= {} if asked is None else {"questions": asked}
    _check_extra(kind)
    paths = expanded(output)
    check_distinct(paths, "results")
    if write is not None:
        _check_output(write, paths)
    with _telling(write or kind, progress) as tell:
        content = _content_of(paths)
        text = _make(kind, paths, write, given, clusters, tell)
    if write is None:
        _print(text)
        return
    size = _size(write)
    if json:
        print_json({"path": write, "format": kind, "bytes": size, **content._asdict()})
        return
    lacking = f"; {content.cells_lacking} of {content.cells} cells have no numbers" if content.cells_lacking else ""
    write_out(f"{visible(write)} written, {size:,} bytes: {content}{lacking}\n")


class _Content(NamedTuple):
    """How much there is to report."""

    checkpoints: int
    templates: int
    datasets: int
    cells: int
    cells_lacking: int

    def __str__(self) -> str:
        counts = {"checkpoint": self.checkpoints, "template": self.templates, "data set": self.datasets}
        return ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items())


def _kind(write: str | None, format: str | None, json: bool) -> str:
    """What is to be written.

    Raises:
        ValueError: nothing says so, or a file is needed and not named.
        IsADirectoryError: a folder is named.
    """
    if write is not None:
        if not write:
            raise ValueError("--output is empty: name a file, such as report.html")
        if os.path.isdir(write):  # before its name is looked at, which has no ending
            raise IsADirectoryError(f"{write} is a folder: name a file to write, for example {write}/report.html")
        return format_of(write, format)
    tables = ", ".join(TABLES)
    if format is None:
        raise ValueError(f"name a file to write, such as -o report.html, or a table to print: --format {tables}")
    if format not in TABLES:
        raise ValueError(f"{format} needs a file: name one with --output (printed are {tables})")
    if json:
        raise ValueError("--json tells of a file that was written: name one with --output")
    return format


def _given(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options that stand on the command line.

    Raises:
        ValueError: one is for other formats.
    """
    # A number may be 0, which equals False.
    given = {name: value for name, value in options.items() if value is not None and value is not False and value != []}
    for name in given:
        if kind not in _FOR[name]:
            raise ValueError(f"--{name} is for {', '.join(_FOR[name])}, and {kind} is to be written")
    return given


def _check_extra(kind: str) -> None:
    """Raise, before anything is read, for a package that is missing."""
    for name in _EXTRA if kind not in TABLES else ():
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _check_output(write: str, paths: Sequence[str]) -> None:
    """Raise, before anything is read, what writing there would raise, or that it would replace what is read."""
    from pyscore.report.targets import check_apart
    from pyscore.store.files import locate

    place = locate(write)
    if place.is_folder():
        raise IsADirectoryError(f"{place} is a folder: name a file to write, for example {place / 'report.html'}")
    check_apart(write, paths)
    place.check_writable()


def _content_of(paths: Sequence[str]) -> _Content:
    """What there is, as manifests tell it.

    Raises:
        FileNotFoundError: no study, run or file there.
        ValueError: nothing is scored yet.
    """
    from pyscore.results.sources import open_sources
    from pyscore.results.study_runs import names_of

    groups = [group for source in open_sources(paths) for group in source.groups]
    cells = sum(len(group.datasets) for group in groups)
    lacking = [reason for group in groups for reason in group.lacking.values()]
    if len(lacking) == cells:
        reasons = ", ".join(dict.fromkeys(lacking))
        raise ValueError(f"{', '.join(paths)}: there is nothing to report yet ({reasons}); `pyscore sweep` scores it")
    checkpoints = {*names_of(groups)}
    templates = {group.labels["template"] for group in groups}
    datasets = {name for group in groups for name in group.datasets}
    return _Content(len(checkpoints), len(templates), len(datasets), cells, len(lacking))


def _make(
    kind: str,
    paths: list[str],
    write: str | None,
    given: dict[str, Any],
    clusters: bool,
    progress: Callable[[str], None],
) -> str:
    """Write what is asked for, or return the text of a table that is to be printed."""
    path: Any = paths[0] if len(paths) == 1 else paths
    if kind in TABLES:
        from pyscore.report.tables import headline_table

        table = headline_table(path, clustered=clusters, **given)
        if write is not None:
            table.write(write, kind)
        return table.text(kind)
    if write is None:  # which `_kind` has refused
        raise ValueError(f"{kind} needs a file: name one with --output")
    if kind in IMAGES:
        from pyscore.report import figure, save

        shown = given.pop("figure", "two_numbers")
        save(figure(shown, path, clustered=clusters, **given), write, kind)
        return ""
    from pyscore.report import write as write_page

    given = {name.replace("-", "_"): value for name, value in given.items()}
    prompts = not given.pop("no_prompts", False)
    write_page(path, write, clustered=clusters, prompts=prompts, progress=progress, **given)
    return ""


@contextmanager
def _telling(what: str, enabled: bool) -> Iterator[Callable[[str], None]]:
    """Say every 30 seconds that work goes on, for how long it has, and what the function was last told of it."""
    from pyscore.engine.progress import duration

    done, begun, stages = Event(), time.monotonic(), ["at work"]

    def tell() -> None:
        while not done.wait(_SECONDS):
            say(f"{what}: {stages[-1]}, for {duration(time.monotonic() - begun)} in all")

    if enabled:
        Thread(target=tell, daemon=True).start()
    try:
        yield stages.append
    finally:
        done.set()


def _size(write: str) -> int:
    """How many bytes a file has, wherever it lies."""
    from pyscore.store.files import locate

    with locate(write).open() as file:
        return file.seek(0, 2)


def _print(text: str) -> None:
    """A table on standard output; in a terminal without what would steer it, else to the byte."""
    if sys.stdout is not None and sys.stdout.isatty():
        text = "\n".join(map(visible, text.replace("\r\n", "\n").split("\n")))
    write_out(text)
