"""Which checkpoints were asked the very same questions: what doesn't depend on scores is then found once for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pyscore.results.question_scores import QuestionScores

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Alike"]

_NAMES = ("question_ids", "datasets", "clusters")


class Alike:
    """Numbers scores, so that two have one number where their questions, data sets, clusters and answers are the same.

    They are the same where they stand in the same order, too. At most studies one number is that of all checkpoints.
    """

    def __init__(self) -> None:
        self._known: list[QuestionScores] = []
        # By its id, with the scores themselves: an id is another object's once its own is gone.
        self._numbers: dict[int, tuple[int, QuestionScores]] = {}

    def number(self, scores: QuestionScores) -> int:
        """The number of these scores, from 0."""
        if id(scores) not in self._numbers:
            found = (i for i, known in enumerate(self._known) if _alike(known, scores))
            number = next(found, len(self._known))
            if number == len(self._known):
                self._known.append(scores)
            self._numbers[id(scores)] = number, scores
        return self._numbers[id(scores)][0]


def _alike(one: QuestionScores, other: QuestionScores) -> bool:
    if not all(_equal(one, other, name) for name in _NAMES):
        return False
    mine, theirs = one.answers, other.answers
    if mine is None or theirs is None:
        return mine is theirs
    same = np.array_equal(mine.offsets, theirs.offsets) and np.array_equal(mine.is_matching, theirs.is_matching)
    return same and bool(mine.texts.equals(theirs.texts))


def _equal(one: QuestionScores, other: QuestionScores, name: str) -> bool:
    mine: pa.Array | None = getattr(one, name)
    theirs: pa.Array | None = getattr(other, name)
    if mine is theirs:
        return True
    return mine is not None and theirs is not None and mine.equals(theirs)
