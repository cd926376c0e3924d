"""pyscore: the scoring engine for language-model evaluations.

Log-probabilities of answers from fused kernels, the comparison of answers, and metrics with intervals.
"""

from __future__ import annotations

from pkgutil import extend_path
from typing import TYPE_CHECKING

# Imported from the root of a checkout, an installed pyscore finds its compiled parts in site-packages by this.
__path__ = extend_path(__path__, __name__)

from pyscore import (
    _extension as _extension,  # It comes first, as it says in one line what to do where it can't be loaded.
)
from pyscore._lazy import lazy_names
from pyscore._torch_ops import register_with_torch
from pyscore._version import __version__

if TYPE_CHECKING:
    from pyscore.engine import Scorer
    from pyscore.metrics import Difference, Estimate, Summary, SummaryState, paired_difference, summarize
    from pyscore.ops import (
        Comparison,
        TokenScores,
        VocabShard,
        compare_answers,
        linear_logprobs,
        logprobs,
        merge_vocab_shards,
        score_answers,
    )
    from pyscore.results import comparison_from_rows
    from pyscore.tasks import Question, load_questions, sample_questions

__all__ = [
    "Comparison",
    "Difference",
    "Estimate",
    "Question",
    "Scorer",
    "Summary",
    "SummaryState",
    "TokenScores",
    "VocabShard",
    "__version__",
    "compare_answers",
    "comparison_from_rows",
    "linear_logprobs",
    "load_questions",
    "logprobs",
    "merge_vocab_shards",
    "paired_difference",
    "sample_questions",
    "score_answers",
    "summarize",
]

# These are imported at first use: the command line answers most mistakes without torch, which takes seconds to import.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".engine": ["Scorer"],
        ".metrics": ["Difference", "Estimate", "Summary", "SummaryState", "paired_difference", "summarize"],
        ".ops": [
            *("Comparison", "TokenScores", "VocabShard", "compare_answers"),
            *("linear_logprobs", "logprobs", "merge_vocab_shards", "score_answers"),
        ],
        ".results": ["comparison_from_rows"],
        ".store": [],
        ".report": [],
        ".sweep": [],
        ".tasks": ["Question", "load_questions", "sample_questions"],
    },
)

register_with_torch()
