"""Questions worth reading: those that checkpoints answer most clearly, most differently, or hardly at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyscore._integers import as_int
from pyscore.metrics.core.arrays import Floats
from pyscore.results.question_scores import QuestionScores, joint_codes
from pyscore.results.study_values import StudyValues

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["REASONS", "TellingQuestion", "telling_questions"]

REASONS = ("extreme", "changed", "undecided")
"""What a question may be worth reading for: see `telling_questions`."""


@dataclass(frozen=True)
class TellingQuestion:
    """A question, and what each checkpoint says of it.

    Attributes:
        template: the template's name.
        dataset: the data set's name; None where it has none.
        question_id: its id.
        cluster: None where it stands alone.
        why: of `REASONS`, those that it was chosen for.
        probability: of its matching answers, one a checkpoint in the order of `StudyValues.checkpoints`; None where the
            checkpoint has no row of it.
        prefers: 1 where the checkpoint prefers a matching answer, 0 where not, or between for a tie; None likewise.
    """

    template: str | None
    dataset: str | None
    question_id: str
    cluster: str | None
    why: tuple[str, ...]
    probability: tuple[float | None, ...]
    prefers: tuple[float | None, ...]


def telling_questions(values: StudyValues, *, n: int = 3) -> list[TellingQuestion]:
    """Questions of every data set under every template that are worth reading.

    With p the probability of a question's matching answers, and over the checkpoints that have a row of it:

    - "extreme": the n with the largest mean p above 1/2, and the n with the smallest below;
    - "changed": the n with the largest range of p, max - min, above 0: none where one checkpoint answered;
    - "undecided": the n with the smallest mean |p - 1/2|.

    Of equal ones the first is taken, in the order in which the first checkpoint's rows were written.

    Args:
        values: of a study.
        n: how many of each kind, at most; 0 for none.

    Returns:
        Each question once under each template: templates and data sets in the order of the study, questions in theirs.

    Raises:
        ValueError: ``n`` is negative.
    """
    if as_int(n, "n") < 0:
        raise ValueError(f"n must be a whole number of at least 0, got {n}")
    places = {name: i for i, name in enumerate(values.checkpoints)}
    order = {name: i for i, name in enumerate(values.datasets)}
    found: list[TellingQuestion] = []
    for template in values.templates:
        own = [(places[each.checkpoint], each.scores) for each in values.groups if each.template == template]
        scores = [(place, each) for place, each in own if each is not None]
        if scores and n:
            asked = _Asked.by(scores, len(places))
            found += sorted(_named(template, asked, _chosen(asked, n)), key=lambda each: order[each.dataset])
    return found


class _Asked(NamedTuple):
    """The questions of a template, in the order of their first rows.

    Attributes:
        ids, datasets, clusters: ``[Q]`` strings.
        probability, prefers: ``[checkpoints, Q]``, NaN where a checkpoint has no row.
    """

    ids: pa.Array
    datasets: pa.Array
    clusters: pa.Array
    probability: Floats
    prefers: Floats

    @classmethod
    def by(cls, scores: Sequence[tuple[int, QuestionScores]], n_checkpoints: int) -> _Asked:
        """From the place and the scores of each checkpoint that has any."""
        # Most checkpoints share the names of the first one's questions, which are then looked at once.
        groups: dict[tuple[int, int], QuestionScores] = {}
        for _, each in scores:
            groups.setdefault((id(each.question_ids), id(each.datasets)), each)
        named = list(groups.values())
        codes = joint_codes([each.datasets for each in named], [each.question_ids for each in named])
        _, first, where = np.unique(np.concatenate(codes), return_index=True, return_inverse=True)
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        ends = np.cumsum([len(each) for each in named])[:-1]
        columns = dict(zip(groups, np.split(rank[where], ends), strict=True))
        probability, prefers = (np.full((n_checkpoints, len(first)), np.nan) for _ in range(2))
        for place, each in scores:
            own = columns[id(each.question_ids), id(each.datasets)]
            probability[place, own], prefers[place, own] = each.value("probability"), each.value("prefers")
        first.sort()
        ids, datasets, clusters = (_taken(named, name, first) for name in ("question_ids", "datasets", "clusters"))
        return cls(ids, datasets, clusters, probability, prefers)


def _taken(named: Sequence[QuestionScores], name: str, rows: NDArray[np.int64]) -> pa.Array:
    """Some of the strings that all scores have one after the other."""
    import pyarrow as pa

    parts = [pa.nulls(len(each), pa.string()) if getattr(each, name) is None else getattr(each, name) for each in named]
    return pa.chunked_array(parts, pa.string()).take(pa.array(rows)).combine_chunks()


def _chosen(asked: _Asked, n: int) -> Mapping[str, NDArray[np.bool_]]:
    """Which questions each reason chooses."""
    (dataset,) = joint_codes([asked.datasets])
    known = ~np.isnan(asked.probability)
    counts = known.sum(axis=0)

    def mean(values: Floats) -> Floats:
        found: Floats = np.where(known, values, 0.0).sum(axis=0) / counts
        return found

    average, distance = mean(asked.probability), mean(np.abs(asked.probability - 0.5))
    spread = np.nanmax(asked.probability, axis=0) - np.nanmin(asked.probability, axis=0)
    high, low = (_largest(side * average, side * average > side * 0.5, dataset, n) for side in (1, -1))
    return {
        "extreme": high | low,
        "changed": _largest(spread, spread > 0, dataset, n),
        "undecided": _largest(-distance, counts > 0, dataset, n),
    }


def _largest(score: Floats, eligible: NDArray[np.bool_], dataset: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """The n eligible ones of each data set with the largest scores, the first of equal ones."""
    candidates = np.flatnonzero(eligible)
    order = candidates[np.lexsort((-score[candidates], dataset[candidates]))]
    counts = np.bincount(dataset[order]) if len(order) else np.zeros(0, dtype=np.int64)
    within = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = np.zeros(len(score), dtype=bool)
    chosen[order[within < n]] = True
    return chosen


def _named(template: str | None, asked: _Asked, chosen: Mapping[str, NDArray[np.bool_]]) -> list[TellingQuestion]:
    """The chosen questions, in order."""
    import pyarrow as pa

    rows = np.flatnonzero(np.logical_or.reduce(list(chosen.values())))
    strings = [column.take(pa.array(rows)).to_pylist() for column in (asked.datasets, asked.ids, asked.clusters)]
    numbers = [
        [tuple(None if value != value else value for value in line) for line in column[:, rows].T.tolist()]
        for column in (asked.probability, asked.prefers)
    ]
    return [
        TellingQuestion(
            template, dataset, question_id, cluster, tuple(r for r in REASONS if chosen[r][row]), p, prefers
        )
        for row, dataset, question_id, cluster, p, prefers in zip(rows, *strings, *numbers, strict=True)
    ]
