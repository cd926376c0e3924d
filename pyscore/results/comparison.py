"""From rows, one an answer, to compared answers, one entry a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyscore.metrics.bounds import ComparisonBounds, compare_between
from pyscore.metrics.question_values import Rule, compare
from pyscore.ops import Comparison, checks
from pyscore.ops.compare import TIES
from pyscore.results.answers import answers_between, answers_from_rows
from pyscore.store.grouping import group

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NORMALIZATIONS", "bounds_from_rows", "clusters_from_rows", "comparison_from_rows"]

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
        ValueError: not a table of rows; a log-probability that is NaN or positive, or known between bounds alone (see
            `bounds_from_rows`); a question without matching or without other answers, or with an answer twice. The
            message names the question.
    """
    rule = _rule(normalize, sets, ties)
    return compare(answers_from_rows(table, lengths=_lengths(rule)), rule)


def bounds_from_rows(
    table: pa.Table, *, normalize: str = "sum", sets: str = "max", ties: str = "half"
) -> ComparisonBounds:
    """The smallest and the largest value of everything that `comparison_from_rows` says of each question.

    They are what the rows' bounds of log-probabilities leave open (`pyscore.metrics.bounds.compare_between` says why
    these are bounds); of exact rows both are the comparison.

    Args:
        table, normalize, sets, ties: as in `comparison_from_rows`.

    Raises:
        ValueError: as there, but for bounds; a lower bound that is NaN or above the upper one.
    """
    rule = _rule(normalize, sets, ties)
    answers, low = answers_between(table, _lengths(rule))
    return compare_between(answers, answers.logprob if low is None else low, rule)


def _rule(normalize: str, sets: str, ties: str) -> Rule:
    if normalize not in NORMALIZATIONS:
        hint = ": rows hold no unconditional log-probabilities" if normalize == "pmi" else ""
        raise ValueError(f"normalize={normalize!r} is not one of {', '.join(NORMALIZATIONS)}{hint}")
    checks.check_choice(ties, "ties", TIES)
    return Rule(normalize, sets, ties)


def _lengths(rule: Rule) -> tuple[str, ...]:
    column = NORMALIZATIONS[rule.normalize]
    return () if column is None else (column,)


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
