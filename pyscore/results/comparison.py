"""From rows, one an answer, to compared answers, one entry a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyscore.metrics.question_values import Rule, compare
from pyscore.ops import Comparison, checks
from pyscore.ops.compare import TIES
from pyscore.results.answers import answers_from_rows
from pyscore.store.grouping import group

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NORMALIZATIONS", "clusters_from_rows", "comparison_from_rows"]

NORMALIZATIONS = {"sum": None, "token": "n_tokens", "char": "n_chars", "byte": "n_bytes"}
"""What an answer's log-probability is divided by, as a column of the rows."""


def comparison_from_rows(
    table: pa.Table, *, normalize: str = "sum", sets: str = "max", ties: str = "half"
) -> Comparison:
    """Compare the answers of every question of a table of rows.

    Args:
        table: rows as `Scorer.score` returns them, of one run or several. Rows belong to one question where run_id,
            model, revision, step, dataset and question_id agree, wherever they stand; questions come in the order of
            their first rows, answers in the order of theirs.
        normalize: "sum", or "token", "char" or "byte" to compare by log-probability divided by the answer's length.
            Raw mass and coverage are of the plain sum in any case, and count nested mass once: an answer whose tokens
            are the same as another's, or begin with all of another's, adds nothing to that one's.
        sets, ties: as in `pyscore.compare_answers`.

    Returns:
        A `Comparison` of float64 NumPy arrays, one entry a question.

    Raises:
        ValueError: not a table of rows; a log-probability that is NaN or positive; a question without matching or
            without other answers, or with an answer twice. The message names the question.
    """
    if normalize not in NORMALIZATIONS:
        hint = ": rows hold no unconditional log-probabilities" if normalize == "pmi" else ""
        raise ValueError(f"normalize={normalize!r} is not one of {', '.join(NORMALIZATIONS)}{hint}")
    checks.check_choice(ties, "ties", TIES)
    column = NORMALIZATIONS[normalize]
    answers = answers_from_rows(table, lengths=() if column is None else (column,))
    return compare(answers, Rule(normalize, sets, ties))


def clusters_from_rows(table: pa.Table) -> list[str] | None:
    """Each question's cluster, in the order of `comparison_from_rows`; None when no two questions share one.

    A cluster's name means the same in every data set of the table. A question without a cluster stands alone.
    """
    order, offsets = group(table)
    clusters: list[str | None] = table["cluster"].take(order[offsets[:-1]]).to_pylist()
    named = [cluster for cluster in clusters if cluster is not None]
    if len(set(named)) == len(named):
        return None
    taken = set(named)
    return [_unused(f"question {i}", taken) if cluster is None else cluster for i, cluster in enumerate(clusters)]


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    return name
