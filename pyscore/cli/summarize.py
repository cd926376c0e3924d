"""`pyscore summarize`: rows that were scored before, summarised again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from pyscore.cli.files import check_distinct, expanded
from pyscore.cli.options import Clusters, Confidence, Json, Normalize, Sets, Ties
from pyscore.cli.output import print_json, print_summaries

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
    json: Json = False,
) -> None:
    """Summarise rows that were written before, a table a model."""
    paths = expanded(rows)
    check_distinct(paths, "rows")
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
    if json:
        summarized = [summary.to_dict() for summary in summaries]
        left_out = {path: [asdict(question) for question in found] for path, found in skipped.items() if found}
        print_json(
            {"summaries": summarized, "options": options, "rows": paths, "unfinished": unfinished, "skipped": left_out}
        )
        return
    notes = [f"{path} is not finished: these are its rows so far" for path in unfinished]
    notes += [
        f"{len(questions)} questions are not among these rows, for they couldn't be scored: see {skipped_file(path)}"
        for path, questions in skipped.items()
        if questions
    ]
    print_summaries(summaries, options, notes)
