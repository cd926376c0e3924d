"""`pyscore summarize`: rows that were scored before, summarised again, and written for others to read."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from pyscore.cli.files import check_distinct, expanded
from pyscore.cli.options import Clusters, Confidence, Json, Normalize, Sets, Ties
from pyscore.cli.output import print_json, print_summaries
from pyscore.cli.published import check_written, print_published, read_published, write_summaries

__all__ = ["summarize"]


def summarize(
    rows: Annotated[
        list[str], typer.Argument(help="Files or folders of rows that `pyscore score --output` wrote; paths or URLs.")
    ],
    normalize: Normalize = "sum",
    sets: Sets = "max",
    ties: Ties = "half",
    confidence: Confidence = 0.95,
    clusters: Clusters = True,
    written_as: Annotated[
        Literal["every-eval-ever", "lm-eval", "hub"] | None,
        typer.Option("--as", help="Write both headline numbers in this format to --output, see docs/interchange.md."),
    ] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", help="The file to write with --as.")] = None,
    detail: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="What the format of --as wants and rows don't say; repeatable."),
    ] = None,
    published: Annotated[
        list[str] | None,
        typer.Option(help="A file of results in one of these formats, to show beside the rows' own; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Summarise rows that were written before, a table a model."""
    paths = expanded(rows)
    check_distinct(paths, "rows")
    details = check_written(written_as, output, detail or [])
    others = read_published(expanded(published or []))
    from pyscore.store import metadata_of, read_rows

    tables = [read_rows(path) for path in paths]
    # Only where all of them are rows, for these take long to import.
    import pyarrow as pa

    from pyscore.engine import skipped_questions
    from pyscore.engine.skipping import skipped_file
    from pyscore.results import summarize_rows

    # Token log-probs are in some files only, and no summary needs them.
    names = set.intersection(*(set(table.column_names) for table in tables))
    table = pa.concat_tables([table.select([n for n in tables[0].column_names if n in names]) for table in tables])
    unfinished = [p for p, t in zip(paths, tables, strict=True) if metadata_of(t).get("complete") == "false"]
    skipped = {path: skipped_questions(table) for path, table in zip(paths, tables, strict=True)}
    options: dict[str, Any] = {"normalize": normalize, "sets": sets, "ties": ties, "confidence": confidence}
    summaries = summarize_rows(table, **options, clustered=clusters)
    if written_as is not None and output is not None:
        if unfinished:
            raise ValueError(
                f"{unfinished[0]} is not finished: go on with it (--resume) before its results are written"
            )
        write_summaries(summaries, [metadata_of(table) for table in tables], options, (written_as, output, details))
    if json:
        summarized = [summary.to_dict() for summary in summaries]
        left_out = {path: [asdict(question) for question in found] for path, found in skipped.items() if found}
        print_json(
            {"summaries": summarized, "options": options, "rows": paths, "unfinished": unfinished, "skipped": left_out}
            | (
                {"published": {path: [asdict(each) for each in found] for path, found in others.items()}}
                if others
                else {}
            )
        )
        return
    notes = [f"{path} is not finished: these are its rows so far" for path in unfinished]
    notes += [
        f"{len(questions)} questions are not among these rows, for they couldn't be scored: see {skipped_file(path)}"
        for path, questions in skipped.items()
        if questions
    ]
    notes += [f"written to {output}"] if output is not None else []
    print_summaries(summaries, options, notes)
    print_published(others)
