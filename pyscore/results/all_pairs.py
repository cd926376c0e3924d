"""Paired differences of any two checkpoints of a study, one pair and template at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from pyscore.metrics.core.report import Record
from pyscore.results.alike import Alike
from pyscore.results.conclusions import Named, Settings, cells_on, concluded
from pyscore.results.matching import Matched, match_clusters, match_questions
from pyscore.results.matching_notes import notes_on
from pyscore.results.paired import ScopeDesign, scope_designs
from pyscore.results.question_scores import QuestionScores, joint_codes
from pyscore.results.run_differences import RunDifference
from pyscore.results.sources import NOT_SCORED
from pyscore.results.study_values import GroupValues, StudyValues

__all__ = ["PairDifferences", "pair_differences"]

_NO_COMMON = "no data set is scored at both checkpoints"
_DIFFERENT = "they were asked different questions"
_KEPT = 4
"""So many findings about two checkpoints' questions are kept, each some 130 bytes a question. One serves most pairs."""


@dataclass(frozen=True)
class PairDifferences(Record):
    """One checkpoint minus another under one template: what `compare_runs` says of these two runs.

    P-values of one metric are corrected together, by Holm's method, over the data sets of this pair and template alone.

    Attributes:
        first, other: the names of the checkpoints; every difference is other - first.
        template: under which both were scored.
        differences: of each data set that both hold and, where there are several, pooled and macro; empty where there
            is a ``reason``.
        reason: why the two can't be compared; empty where they can.
        left_out: the data sets that one of them lacks, or that hold other questions in each, with the reason.
        notes: what to know when reading this, a sentence each.
    """

    first: str
    other: str
    template: str | None
    differences: Sequence[RunDifference]
    reason: str = ""
    left_out: Mapping[str | None, str] = field(default_factory=lambda: MappingProxyType({}))
    notes: Sequence[str] = ()


def pair_differences(values: StudyValues, pairs: Iterable[tuple[str, str]] | None = None) -> Iterator[PairDifferences]:
    """The differences of two checkpoints, pair by pair, under each template that both have; made while they are read.

    Checkpoints are compared on the data sets that both hold with the same questions. What doesn't depend on scores
    (matched questions, clusters, designs) is found once for all checkpoints that were asked the same.

    Args:
        values: of a study.
        pairs: names of checkpoints, (first, other); by default every two, in the order of the study.

    Raises:
        ValueError: a name that is no checkpoint's, or a pair of one checkpoint.
    """
    chosen = list(combinations(values.checkpoints, 2) if pairs is None else pairs)
    known = values.checkpoints
    for first, other in chosen:
        for name in (first, other):
            if name not in known:
                raise ValueError(f"pairs has {name!r}, which is no checkpoint: they are {', '.join(map(repr, known))}")
        if first == other:
            raise ValueError(f"pairs has {first!r} twice in one pair: name two checkpoints")
    return _found(values, chosen)


def _found(values: StudyValues, pairs: Sequence[tuple[str, str]]) -> Iterator[PairDifferences]:
    groups = {(each.checkpoint, each.template): each for each in values.groups}
    finder = _Finder(values.clustered)
    settings = Settings(
        match="exact",
        **vars(values.rule),
        confidence=values.confidence,
        clustered=values.clustered,
        correction="holm",
        margin=None,
    )
    for pair in pairs:
        for template in values.templates:
            first, other = (groups.get((name, template)) for name in pair)
            if first is not None and other is not None:
                yield _compare(first, other, finder, settings)


def _compare(first: GroupValues, other: GroupValues, finder: _Finder, settings: Settings) -> PairDifferences:
    names = first.checkpoint, other.checkpoint
    if first.scores is None or other.scores is None:
        common = _Common(reason=_NO_COMMON)
    else:
        common = finder.common(first.scores, other.scores)
    left_out = _left_out(first, other, common)
    if first.scores is None or other.scores is None or common.matched is None:
        return PairDifferences(*names, first.template, (), common.reason, left_out)
    named = Named(names[1], names[0], first.template)
    cells = cells_on(named, first.scores, other.scores, common.designs, settings.confidence)
    notes = notes_on(first.scores, other.scores, common.matched, names, settings.normalize)
    notes += [common.remark] if common.remark else []
    return PairDifferences(*names, first.template, concluded(cells, settings), "", left_out, notes)


def _left_out(first: GroupValues, other: GroupValues, common: _Common) -> dict[str | None, str]:
    """Every data set of either that isn't compared."""
    compared = common.designs[-1].scope.datasets if common.designs else ()
    found = {}
    for name in dict.fromkeys([*first.group.datasets, *other.group.datasets]):
        if name in compared:
            continue
        lacking = [
            f"{each.checkpoint}: {each.lacking.get(name, NOT_SCORED)}"
            for each in (first, other)
            if name in each.lacking or name not in each.group.datasets
        ]
        found[name] = "; ".join(lacking) or (_DIFFERENT if name in common.differing else common.reason)
    return found


class _Common(NamedTuple):
    """What two checkpoints have in common, whatever their scores are. It names neither: it serves others too.

    Attributes:
        matched: the questions that are compared; None where there is a ``reason``.
        designs: the scopes of these.
        differing: data sets that hold other questions in each.
        remark: on their clusters, or "".
        reason: why they can't be compared, or "".
    """

    matched: Matched | None = None
    designs: Sequence[ScopeDesign] = ()
    differing: Sequence[str | None] = ()
    remark: str = ""
    reason: str = ""


class _Finder:
    """Finds what checkpoints have in common, once for those that were asked the same questions."""

    def __init__(self, clustered: bool) -> None:
        self._clustered = clustered
        self._alike = Alike()
        self._known: dict[tuple[int, int], _Common] = {}

    def common(self, first: QuestionScores, other: QuestionScores) -> _Common:
        key = self._alike.number(first), self._alike.number(other)
        if key not in self._known:
            while len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = self._find(first, other)
        return self._known[key]

    def _find(self, first: QuestionScores, other: QuestionScores) -> _Common:
        if not {*first.datasets.unique().to_pylist()} & {*other.datasets.unique().to_pylist()}:
            return _Common(reason=_NO_COMMON)
        names = ("the first checkpoint", "the other")
        mine, theirs = joint_codes((first.question_ids, other.question_ids), (first.datasets, other.datasets))
        try:
            if not np.isin(mine, theirs).any():
                return _Common(differing=_shared(first, other), reason=_DIFFERENT)
            matched, differing = _whole_datasets(first, other, match_questions(first, other, "common", names))
            if not len(matched.first):
                return _Common(differing=differing, reason=_DIFFERENT)
            clusters, remark = match_clusters(first, other, matched, names) if self._clustered else (None, "")
        except ValueError as error:  # A question that stands in one of them twice, or clusters that differ.
            return _Common(reason=str(error))
        return _Common(matched, list(scope_designs(first, matched, clusters)), differing, remark)


def _shared(first: QuestionScores, other: QuestionScores) -> list[str | None]:
    """The data sets that both hold."""
    held = {*other.datasets.unique().to_pylist()}
    return [name for name in first.datasets.unique().to_pylist() if name in held]


def _whole_datasets(first: QuestionScores, other: QuestionScores, matched: Matched) -> tuple[Matched, list[str | None]]:
    """The matched questions of data sets that hold the same ones in both, and the data sets that don't."""
    mine, theirs = joint_codes((first.datasets, other.datasets))
    n_codes = int(max(mine.max(), theirs.max())) + 1
    of_first, of_other, of_both = (np.bincount(code, minlength=n_codes) for code in (mine, theirs, mine[matched.first]))
    same = (of_first == of_both) & (of_other == of_both)
    if same.all():
        return matched, []
    differing = np.flatnonzero(~same & (of_first > 0) & (of_other > 0))
    kept = same[mine[matched.first]]
    names = [first.datasets[int(np.argmax(mine == code))].as_py() for code in differing]
    return Matched(matched.first[kept], matched.other[kept]), names
