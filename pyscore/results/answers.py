"""From rows, one an answer, to the answers that presets and per-question values are computed on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from pyscore.metrics import Answers
from pyscore.store.bounded import lower_bounds
from pyscore.store.grouping import group_rows, nested_masks

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["answers_between", "answers_from_rows"]


def answers_from_rows(table: pa.Table, *, lengths: Iterable[str] = ("n_tokens", "n_chars", "n_bytes")) -> Answers:
    """The answers of every question of a table of rows, with their lengths.

    Args:
        table: rows as `Scorer.score` returns them, grouped to questions as by `comparison_from_rows`: in the same
            order, so that `clusters_from_rows` fits both. A length counts the answer as it was given, with a space
            that it begins with; lm-evaluation-harness doesn't count that space. Where every answer has it,
            ``replace(answers, n_chars=answers.n_chars - 1, n_bytes=answers.n_bytes - 1)`` gives its acc_norm and
            acc_bytes.
        lengths: the columns of lengths to read.

    Raises:
        ValueError: as `comparison_from_rows`; the message names the question.
    """
    return answers_between(table, lengths, bounds=False)[0]


def answers_between(
    table: pa.Table, lengths: Iterable[str], *, bounds: bool = True
) -> tuple[Answers, NDArray[np.float64] | None]:
    """`answers_from_rows` of rows with bounds: ``logprob`` is then the upper ones, and beside it are the lower ones.

    Args:
        table, lengths: as there.
        bounds: take rows with bounds.

    Returns:
        The answers, and ``[A]`` lower bounds, the value where it is exact; None where all are.
    """
    order, offsets = group_rows(table, bounds=bounds)
    low = lower_bounds(table) if bounds else None
    columns = {name: table[name].to_numpy()[order] for name in ("logprob", "is_matching", *lengths)}
    answers = Answers(question_offsets=offsets, **columns, **nested_masks(table, order, offsets))
    return answers, None if low is None else low[order]
