"""Results for others to read, and those that others published, on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pyscore.cli.options import key_values
from pyscore.cli.output import as_number, as_text, new_table, print_tables

if TYPE_CHECKING:
    from pyscore.integrations.interchange import Result
    from pyscore.results import RowsSummary

__all__ = ["check_written", "print_published", "read_published", "write_summaries"]


def check_written(format: str | None, output: str | None, given: Sequence[str]) -> dict[str, str]:
    """The details KEY=VALUE for the file that is to be written.

    Raises:
        ValueError: one of --as, --output and --detail without the others; a name of another ending.
        OSError: no file can be written there.
    """
    details = dict(key_values(given, "--detail", "organization=NAME"))
    if format is None:
        for option, value in (("--output", output), ("--detail", details)):
            if value:
                raise ValueError(f"{option} is for a file of results: say which format with --as")
        return {}
    if not output:
        raise ValueError(f"--as {format} writes a file: name it with --output")
    from pyscore.integrations.interchange.files import check_place

    check_place(output, format)
    return details


def write_summaries(
    summaries: Sequence[RowsSummary],
    metadata: Sequence[Mapping[str, str]],
    options: Mapping[str, str],
    target: tuple[str, str, Mapping[str, str]],
) -> None:
    """Write summaries to ``target``: format, path and details; of the rows' metadata that which all files agree in."""
    from pyscore.integrations.interchange import run_results, write_results

    first, *others = metadata
    shared = {key: text for key, text in first.items() if all(each.get(key) == text for each in others)}
    comparison = {name: options[name] for name in ("normalize", "sets", "ties")}
    format, path, details = target
    write_results(run_results(summaries, metadata=shared, comparison=comparison), path, format, details=details)


def read_published(paths: Sequence[str]) -> dict[str, list[Result]]:
    """The results of each file."""
    if not paths:
        return {}
    from pyscore.integrations.interchange import read_results

    return {path: read_results(path) for path in paths}


def print_published(others: Mapping[str, Sequence[Result]]) -> None:
    """A table for every file of results that others wrote."""
    tables = []
    for path, results in others.items():
        table = new_table("data set", f"published: {path}")
        for header in ("model", "metric"):
            table.add_column(header, overflow="fold")
        for header in ("value", "interval", "std. error", "questions"):
            table.add_column(header, justify="right")
        for each in results:
            names = map(as_text, (each.dataset, each.model or "", each.metric))
            error = "" if each.stderr is None else as_number(each.stderr)
            table.add_row(*names, as_number(each.value), _interval(each), error, "" if each.n is None else str(each.n))
        tables.append(table)
    if tables:
        print_tables(tables, [])


def _interval(each: Result) -> str:
    if each.low is None or each.high is None:
        return ""
    level = "" if each.confidence is None else f" ({100 * each.confidence:g} %)"
    return f"[{as_number(each.low)}, {as_number(each.high)}]{level}"
