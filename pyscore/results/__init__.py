"""From rows to numbers: compared answers, summaries and perplexity. Nothing else knows both rows and metrics."""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.results.answers import answers_from_rows
    from pyscore.results.comparison import bounds_from_rows, clusters_from_rows, comparison_from_rows
    from pyscore.results.curves import curve
    from pyscore.results.differences import compare_runs
    from pyscore.results.documents import perplexity
    from pyscore.results.question_scores import QuestionScores
    from pyscore.results.rows_of_runs import scan
    from pyscore.results.run_differences import RunDifference, RunDifferences
    from pyscore.results.summaries import RowsSummaries, RowsSummary, summarize_rows
    from pyscore.results.tables import tidy, write_table

__all__ = [
    "QuestionScores",
    "RowsSummaries",
    "RowsSummary",
    "RunDifference",
    "RunDifferences",
    "answers_from_rows",
    "bounds_from_rows",
    "clusters_from_rows",
    "compare_runs",
    "comparison_from_rows",
    "curve",
    "perplexity",
    "scan",
    "summarize_rows",
    "tidy",
    "write_table",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".answers": ["answers_from_rows"],
        ".comparison": ["bounds_from_rows", "clusters_from_rows", "comparison_from_rows"],
        ".curves": ["curve"],
        ".differences": ["compare_runs"],
        ".documents": ["perplexity"],
        ".question_scores": ["QuestionScores"],
        ".rows_of_runs": ["scan"],
        ".run_differences": ["RunDifference", "RunDifferences"],
        ".summaries": ["RowsSummaries", "RowsSummary", "summarize_rows"],
        ".tables": ["tidy", "write_table"],
    },
)
