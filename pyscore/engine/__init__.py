"""From questions to rows: tokenise, plan batches of distinct sequences, run the model's body, score, tabulate."""

from pyscore.engine.scorer import Scorer

__all__ = ["Scorer"]
