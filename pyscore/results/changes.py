"""Which questions changed most from one run to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyscore.metrics.core.arrays import Floats, pair_differences
from pyscore.metrics.core.report import Record
from pyscore.results.matching import Matched
from pyscore.results.question_scores import QuestionScores

__all__ = ["QuestionChange", "largest_changes"]


@dataclass(frozen=True)
class QuestionChange(Record):
    """A question whose scores differ between two runs.

    Attributes:
        run: the name of the other run.
        template: of a study, under which template; None of runs.
        dataset, question_id: which question; the data set as the first run calls it.
        first, other: the normalised probability of the matching answers in each run; where one of them knows
            preferences alone, the preferences.
        change: other - first.
        prefers_first, prefers_other: the preferences: 1 where the matching answer wins, 0 where another does, a tie
            between; None where a run doesn't know them.
        flipped: the preferences differ.
    """

    run: str
    template: str | None
    dataset: str | None
    question_id: str
    first: float
    other: float
    change: float
    prefers_first: float | None
    prefers_other: float | None
    flipped: bool


def largest_changes(
    first: QuestionScores, other: QuestionScores, matched: Matched, n: int, run: str, template: str | None = None
) -> list[QuestionChange]:
    """The n questions whose probability changed most, largest change first; those that didn't change are left out.

    Equal changes stand in the order of the first run.
    """
    known = set(first.values) & set(other.values)
    by = "probability" if "probability" in known else "prefers"
    a, b = first.value(by)[matched.first], other.value(by)[matched.other]
    change = pair_differences(b, a)
    order = np.argsort(-np.abs(change), kind="stable")[:n]
    preferences = _preferences(first, matched.first), _preferences(other, matched.other)
    found = []
    for i in order[change[order] != 0].tolist():
        at = int(matched.first[i])
        prefers = [None if column is None else float(column[i]) for column in preferences]
        found.append(
            QuestionChange(
                run=run,
                template=template,
                dataset=first.datasets[at].as_py(),
                question_id=first.question_ids[at].as_py(),
                first=float(a[i]),
                other=float(b[i]),
                change=float(change[i]),
                prefers_first=prefers[0],
                prefers_other=prefers[1],
                flipped=None not in prefers and prefers[0] != prefers[1],
            )
        )
    return found


def _preferences(scores: QuestionScores, indices: NDArray[np.int64]) -> Floats | None:
    return scores.value("prefers")[indices] if "prefers" in scores.values else None
