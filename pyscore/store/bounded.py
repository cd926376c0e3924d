"""Rows whose log-probability is known between bounds alone: who can't take them is told so here, in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["LOW", "BoundsError", "check_exact", "has_bounds", "lower_bounds"]

LOW = "logprob_low"
"""The column: null where ``logprob`` is exact, else the lower bound, of which ``logprob`` is the upper one."""


class BoundsError(ValueError):
    """Rows have bounds where exact log-probabilities are needed."""


def has_bounds(table: pa.Table) -> bool:
    """Whether some rows may have bounds; tables of older versions lack the column, and hold exact ones."""
    return LOW in table.column_names and bool(table[LOW].null_count < table.num_rows)


def lower_bounds(table: pa.Table) -> NDArray[np.float64] | None:
    """``[A]``, the lower bound of each row's log-probability, which is itself where it is exact; None if all are.

    Args:
        table: rows, or their columns question_id, logprob and logprob_low.

    Raises:
        ValueError: a bound that is NaN or above ``logprob``; the message names the question.
    """
    if not has_bounds(table):
        return None
    high, low = table["logprob"].to_numpy(), table[LOW].to_numpy()
    exact = table[LOW].is_null().to_numpy()
    bad = np.flatnonzero(~exact & ~(low <= high))
    if bad.size:
        row = int(bad[0])
        raise ValueError(
            f"question {table['question_id'][row].as_py()!r} has the lower bound {low[row]} of the log-probability "
            f"{high[row]}: it must be at most that and not NaN; score the question again"
        )
    found: NDArray[np.float64] = np.where(exact, high, low)
    return None if (found == high).all() else found


def check_exact(
    logprob: NDArray[Any], low: NDArray[Any] | None, offsets: NDArray[np.int64], name_of: Callable[[int], Any]
) -> None:
    """Raise BoundsError where a log-probability is known between bounds alone, with the number of such questions.

    Args:
        logprob, low: ``[A]``, the rows of a question together; ``low`` as `lower_bounds` gives it.
        offsets: ``[Q + 1]``, of the questions.
        name_of: the question of a row.
    """
    if low is None:
        return
    rows = np.flatnonzero(low != logprob)
    n = len(np.unique(np.searchsorted(offsets, rows, side="right")))
    first = int(rows[0])
    raise BoundsError(
        f"{n} of {len(offsets) - 1} questions have answers whose log-probability is known between bounds alone, such "
        f"as question {name_of(first)!r} with one from {low[first]:.4g} to {logprob[first]:.4g} (column {LOW}), and "
        "this needs exact ones. pyscore.results.summarize_rows (pyscore summarize), tidy and bounds_from_rows take "
        "such rows and give bounds; else score them with a source that gives every log-probability (docs/bounds.md)"
    )
