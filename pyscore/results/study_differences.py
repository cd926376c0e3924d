"""The checkpoints of a study, each against the first of its curve, under every template by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from pyscore.metrics.question_values import Rule
from pyscore.results.changes import QuestionChange, largest_changes
from pyscore.results.conclusions import Cell, Named, Settings, cells_of, concluded
from pyscore.results.matching import match_clusters, match_questions
from pyscore.results.matching_notes import notes_on
from pyscore.results.question_scores import QuestionScores
from pyscore.results.run_differences import ComparedRun, RunDifferences
from pyscore.results.sources import NOT_SCORED, open_sources
from pyscore.results.study_runs import Checkpoint, Curve, Read, checkpoints_of, curves_of, read_group

__all__ = ["compare_study"]

_DEFAULTS = {"normalize": "sum", "sets": "max", "ties": "half"}


class _Found(NamedTuple):
    """What comparisons have found so far."""

    runs: list[ComparedRun]
    cells: list[Cell]
    changes: list[QuestionChange]
    notes: list[str]


def compare_study(
    path: str | Path,
    options: Mapping[str, Any],
    *,
    match: str,
    clustered: bool,
    correction: str,
    margin: float | None,
    changes: int,
    template: str | None,
    against: str | None,
) -> RunDifferences:
    """`compare_runs` of a study's folder. In memory are the scores of one checkpoint, and of the first of its curve.

    Args:
        path: the study's folder.
        options: normalize, sets, ties and confidence; None for what the study says.
        match, clustered, correction, margin, changes, template, against: as in `compare_runs`.

    Raises:
        FileNotFoundError, ValueError: as `compare_runs`.
    """
    (source,) = open_sources(path)
    told: dict[str, Any] = {
        **_DEFAULTS,
        **source.study.get("comparison", {}),
        "confidence": source.study.get("confidence", 0.95),
    }
    chosen = {name: told[name] if given is None else given for name, given in options.items()}
    settings = Settings(match=match, clustered=clustered, correction=correction, margin=margin, **chosen)
    checkpoints = checkpoints_of(source.groups, template)
    curves, notes = curves_of(checkpoints, against)
    if not match.startswith("common"):
        for checkpoint in chain.from_iterable((curve.first, *curve.others) for curve in curves):
            for group in checkpoint.groups.values():
                _check_whole(group.name, group.lacking)
    found = _Found([], [], [], notes)
    for curve in curves:
        _compare_curve(curve, settings, changes, found)
    if not found.cells:
        raise ValueError(
            f"{path} has no data set that two checkpoints to compare have scored under one template: run `pyscore "
            "sweep` first"
        )
    return RunDifferences(
        runs=found.runs,
        differences=concluded(found.cells, settings),
        changes=found.changes,
        notes=list(dict.fromkeys(found.notes)),
        signature=settings.signature(),
        **vars(settings),
    )


def _compare_curve(curve: Curve, settings: Settings, changes: int, found: _Found) -> None:
    firsts = dict(_scores(curve.first, settings, found.notes))
    for template, first in firsts.items():
        found.runs.append(_compared(curve.first.name, first, len(first), template, None))
        found.notes.extend(f"{curve.first.groups[template].name}: {note}" for note in first.notes)
    for checkpoint in curve.others:
        for template, other in _scores(checkpoint, settings, found.notes):
            named = Named(checkpoint.name, curve.first.name, template)
            names = (curve.first.groups[template].name, checkpoint.groups[template].name)
            _compare(firsts.get(template), other, named, names, settings, changes, found)


def _compare(
    first: QuestionScores | None,
    other: QuestionScores,
    named: Named,
    names: tuple[str, str],
    settings: Settings,
    changes: int,
    found: _Found,
) -> None:
    """One checkpoint under one template; ``names`` of both, with the template, are for messages."""
    datasets = set(other.datasets.unique().to_pylist())
    if first is None or not datasets.intersection(first.datasets.unique().to_pylist()):
        found.notes.append(f"{names[1]} is left out: no data set of it is scored in {names[0]} as well")
        return
    matched = match_questions(first, other, settings.match, names)
    clusters, remark = match_clusters(first, other, matched, names) if settings.clustered else (None, "")
    found.runs.append(_compared(named.run, other, len(matched.first), named.template, named.against))
    found.cells.extend(cells_of(named, first, other, matched, clusters, settings.confidence))
    found.changes.extend(largest_changes(first, other, matched, changes, named.run, named.template))
    found.notes.extend(notes_on(first, other, matched, names, settings.normalize) + ([remark] if remark else []))


def _scores(checkpoint: Checkpoint, settings: Settings, notes: list[str]) -> Iterator[tuple[str, QuestionScores]]:
    """The scores of a checkpoint, template by template; of those without any a note is made."""
    rule = Rule(settings.normalize, settings.sets, settings.ties)
    for template, group in checkpoint.groups.items():
        read: Read = read_group(group, rule)
        if not settings.match.startswith("common"):
            _check_whole(group.name, read.lacking)
        if read.lacking:
            told = "; ".join(f"{name!r}: {reason}" for name, reason in read.lacking.items())
            notes.append(f"{group.name} lacks data sets, which are left out: {told}")
        if read.scores is not None:
            yield template, read.scores


def _check_whole(name: str, lacking: Mapping[str | None, str]) -> None:
    """Raise ValueError, naming a checkpoint and a data set, unless it has all that the study asks of it."""
    for dataset, reason in lacking.items():
        more = f" ({len(lacking)} data sets of this checkpoint and template are lacking)" if len(lacking) > 1 else ""
        sweep = "run `pyscore sweep` to score what is missing, or " if reason == NOT_SCORED else ""
        raise ValueError(
            f"{name}, data set {dataset!r}: {reason}{more}. To compare them, {sweep}take what checkpoints have in "
            "common: match='common' (--match common)"
        )


def _compared(name: str, run: QuestionScores, n_matched: int, template: str | None, against: str | None) -> ComparedRun:
    return ComparedRun(
        name, run.model, run.revision, run.step, run.run_id, run.kind, len(run), n_matched, template, against
    )
