"""Rows, one an answer: their Arrow schema, files of them, and runs that resume."""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names
from pyscore.store.files import check_target
from pyscore.store.keys import question_key
from pyscore.store.parquet import write_rows
from pyscore.store.reading import check_no_file, merge_run, read_rows, read_run, remove_run, run_folder
from pyscore.store.run import RunStore
from pyscore.store.schema import SCHEMA_VERSION, metadata_of, row_schema

if TYPE_CHECKING:
    from pyscore.results import RowsSummary, answers_from_rows, clusters_from_rows, comparison_from_rows, summarize_rows

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

# These live in pyscore.results and keep the names that they had here. They are looked up only when they are used: the
# store imports no metrics, and metrics need torch, which takes seconds to import.
_RESULTS = ["RowsSummary", "answers_from_rows", "clusters_from_rows", "comparison_from_rows", "summarize_rows"]
__getattr__, __dir__ = lazy_names(__name__, {"pyscore.results": _RESULTS})
