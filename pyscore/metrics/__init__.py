"""From compared answers to numbers with intervals: summaries, mergeable states, paired differences."""

from .estimate import Estimate
from .paired import Difference, paired_difference
from .state import SummaryState
from .summary import Summary, summarize

__all__ = ["Difference", "Estimate", "Summary", "SummaryState", "paired_difference", "summarize"]
