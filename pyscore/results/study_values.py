"""What every question of a study was answered with, read once: what a report's many comparisons are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyscore._confidence import check_confidence
from pyscore.metrics.question_values import Rule
from pyscore.results.question_counts import QuestionCounts
from pyscore.results.question_scores import QuestionScores
from pyscore.results.sources import Group, Paths, Source, open_sources
from pyscore.results.study_runs import names_of, read_group

__all__ = ["GroupValues", "StudyValues", "read_values"]

_DEFAULTS = {"normalize": "sum", "sets": "max", "ties": "half"}


@dataclass(frozen=True)
class GroupValues:
    """A checkpoint under one template.

    Attributes:
        checkpoint: its name, which no other checkpoint has.
        group: where its rows are, and what they are of.
        scores: of the data sets that can be used; None where there is none.
        lacking: the data sets that can't be used, each with the reason.
        counts: of each data set that can be used.
    """

    checkpoint: str
    group: Group
    scores: QuestionScores | None
    lacking: Mapping[str | None, str]
    counts: Mapping[str | None, QuestionCounts]

    @property
    def template(self) -> str | None:
        """The template's name."""
        found: str | None = self.group.labels["template"]
        return found


@dataclass(frozen=True)
class StudyValues:
    """All values of a study, or of runs and files of rows: in memory, five float64 a question and checkpoint.

    Of rows that no study tells of, the texts of the answers besides, which are all that says what was asked.

    Attributes:
        sources: what was read.
        groups: every checkpoint under every template, in the order of the sources.
        rule: how answers were compared.
        confidence: of the intervals that are made of them.
        clustered: use the clusters of the questions, where any share one.
    """

    sources: Sequence[Source]
    groups: Sequence[GroupValues]
    rule: Rule
    confidence: float
    clustered: bool

    @property
    def checkpoints(self) -> list[str]:
        """The names of the checkpoints, in order."""
        return list(dict.fromkeys(each.checkpoint for each in self.groups))

    @property
    def templates(self) -> list[str | None]:
        """The names of the templates, in order."""
        return list(dict.fromkeys(each.template for each in self.groups))

    @property
    def datasets(self) -> list[str | None]:
        """The names of the data sets, in order."""
        return list(dict.fromkeys(name for each in self.groups for name in each.group.datasets))


def read_values(
    path: Paths,
    *,
    confidence: float | None = None,
    clustered: bool = True,
    normalize: str | None = None,
    sets: str | None = None,
    ties: str | None = None,
) -> StudyValues:
    """Read every question of a study once.

    Args:
        path: as in `pyscore.results.tidy`.
        confidence: of the intervals; by default that of the study, else 0.95.
        clustered: use the clusters of the rows, where questions share any.
        normalize, sets, ties: as in `comparison_from_rows`; by default those of the study.

    Raises:
        FileNotFoundError: no study, run or file there.
        ValueError: an unknown option; damaged files, or rows that can't be compared, with the run's name; several
            studies that compare answers in other ways, or whose data sets of one name hold other questions.
    """
    sources = open_sources(path)
    _check_contents(sources)
    given = {"normalize": normalize, "sets": sets, "ties": ties, "confidence": confidence}
    told: list[dict[str, Any]] = [
        {**_DEFAULTS, "confidence": 0.95, **source.study.get("comparison", {}), **_confidence_of(source)}
        for source in sources
    ]
    chosen: list[dict[str, Any]] = [
        {key: found[key] if given[key] is None else given[key] for key in given} for found in told
    ]
    for other in chosen[1:]:
        if other != chosen[0]:
            raise ValueError(
                f"path names studies that compare answers in other ways ({chosen[0]} and {other}): say which way, or "
                "name one study"
            )
    level = float(chosen[0].pop("confidence"))
    check_confidence(level)
    rule = Rule(**chosen[0])
    groups: list[GroupValues] = []
    read_of = [(group, not source.study) for source in sources for group in source.groups]
    for (group, texts), checkpoint in zip(read_of, names_of([group for group, _ in read_of]), strict=True):
        read = read_group(group, rule, counted=True, texts=texts)
        scores = _sharing(read.scores, groups[0].scores if groups else None)
        groups.append(GroupValues(checkpoint, group, scores, read.lacking, read.counts))
    return StudyValues(sources, groups, rule, level, clustered)


def _check_contents(sources: Sequence[Source]) -> None:
    """Questions of one data set and id are taken for the same, whichever study they are of."""
    known: dict[str, tuple[str, str]] = {}
    for source in sources:
        for each in source.study.get("datasets", ()):
            digest, path = known.setdefault(each["name"], (each["content_sha256"], source.path))
            if digest != each["content_sha256"]:
                raise ValueError(
                    f"path names studies whose data set {each['name']!r} holds other questions in {source.path} than "
                    f"in {path}: name one of these studies, or give the data set another name in one of them"
                )


def _confidence_of(source: Source) -> dict[str, float]:
    return {"confidence": source.study["confidence"]} if "confidence" in source.study else {}


def _sharing(scores: QuestionScores | None, first: QuestionScores | None) -> QuestionScores | None:
    """The scores, with the names of questions kept once where they are those of the first group, as mostly."""
    if scores is None or first is None:
        return scores
    for name in ("question_ids", "datasets", "clusters"):
        known = getattr(first, name)
        if known is not None and known.equals(getattr(scores, name)):
            object.__setattr__(scores, name, known)
    return scores
