"""From rows to numbers: compared answers, summaries and perplexity. Nothing else knows both rows and metrics."""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.results.answers import answers_from_rows
    from pyscore.results.comparison import clusters_from_rows, comparison_from_rows
    from pyscore.results.documents import perplexity
    from pyscore.results.summaries import RowsSummary, summarize_rows

__all__ = [
    "RowsSummary",
    "answers_from_rows",
    "clusters_from_rows",
    "comparison_from_rows",
    "perplexity",
    "summarize_rows",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".answers": ["answers_from_rows"],
        ".comparison": ["clusters_from_rows", "comparison_from_rows"],
        ".documents": ["perplexity"],
        ".summaries": ["RowsSummary", "summarize_rows"],
    },
)
