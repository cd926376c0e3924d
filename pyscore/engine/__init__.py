"""From questions to rows: tokenise, plan what sequences share, run the model's body, score, tabulate, store."""

from typing import TYPE_CHECKING

from pyscore._lazy import lazy_names

if TYPE_CHECKING:
    from pyscore.engine.divergence import forward_kl
    from pyscore.engine.documents import score_completions, score_documents
    from pyscore.engine.run import score_to
    from pyscore.engine.scorer import ScoredTokens, Scorer
    from pyscore.engine.skipping import Skipped, skipped_questions
    from pyscore.results import perplexity

__all__ = [
    "ScoredTokens",
    "Scorer",
    "Skipped",
    "forward_kl",
    "perplexity",
    "score_completions",
    "score_documents",
    "score_to",
    "skipped_questions",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".divergence": ["forward_kl"],
        ".documents": ["score_completions", "score_documents"],
        ".run": ["score_to"],
        ".scorer": ["ScoredTokens", "Scorer"],
        ".skipping": ["Skipped", "skipped_questions"],
        "pyscore.results": ["perplexity"],
    },
)
