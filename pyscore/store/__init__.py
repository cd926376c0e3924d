"""Rows, one an answer: their Arrow schema, files and runs of them, and the way from rows to compared answers."""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names
from pyscore.store.files import check_target
from pyscore.store.parquet import write_rows
from pyscore.store.reading import check_no_file, merge_run, read_rows, read_run, remove_run, run_folder
from pyscore.store.run import RunStore, question_key
from pyscore.store.schema import SCHEMA_VERSION, metadata_of, row_schema

if TYPE_CHECKING:
    from pyscore.store.answers import answers_from_rows
    from pyscore.store.comparison import clusters_from_rows, comparison_from_rows
    from pyscore.store.summaries import RowsSummary, summarize_rows

__all__ = [
    "SCHEMA_VERSION",
    "RowsSummary",
    "RunStore",
    "answers_from_rows",
    "check_no_file",
    "check_target",
    "clusters_from_rows",
    "comparison_from_rows",
    "merge_run",
    "metadata_of",
    "question_key",
    "read_rows",
    "read_run",
    "remove_run",
    "row_schema",
    "run_folder",
    "summarize_rows",
    "write_rows",
]

# These need torch, which takes seconds to import; files and runs don't.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "RowsSummary": "summaries",
        "answers_from_rows": "answers",
        "clusters_from_rows": "comparison",
        "comparison_from_rows": "comparison",
        "summarize_rows": "summaries",
    },
)
