"""Differences between runs on the same questions: per data set, pooled and macro, and what changed most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pyscore._integers import as_int
from pyscore.results.changes import QuestionChange, largest_changes
from pyscore.results.conclusions import Cell, Named, Settings, cells_of, concluded
from pyscore.results.matching import match_clusters, match_questions
from pyscore.results.matching_notes import notes_on
from pyscore.results.question_scores import QuestionScores, scores_from_rows
from pyscore.results.run_differences import ComparedRun, RunDifferences
from pyscore.results.run_names import name_runs
from pyscore.results.study_differences import compare_study
from pyscore.store import read_rows
from pyscore.store.studies import is_study

if TYPE_CHECKING:
    import pyarrow as pa

    Run: TypeAlias = pa.Table | QuestionScores | str | Path

__all__ = ["compare_runs"]


def compare_runs(
    a: Run,
    b: Run | None = None,
    *more: Run,
    names: Sequence[str] | None = None,
    match: str = "exact",
    template: str | None = None,
    against: str | None = None,
    normalize: str | None = None,
    sets: str | None = None,
    ties: str | None = None,
    confidence: float | None = None,
    clustered: bool = True,
    correction: str = "holm",
    margin: float | None = None,
    changes: int = 10,
) -> RunDifferences:
    """Compare runs with the first of them, question by question. Every difference is other - first.

    On each data set the differences of mean probability, preference rate and mean log odds are those of
    `paired_difference`; pooled, the same on all questions, with clusters that reach over data sets; in the macro
    average questions weigh one over the number of questions of their data set.

    A study's folder alone compares its checkpoints, under each template by itself: training steps of one family, size
    and tags with their first one, checkpoints without a step with the first of their family. Beside each difference
    stand the smallest and the largest one over the templates.

    Args:
        a, b, more: tables of rows; paths or URLs of files or folders of them; or `QuestionScores`, which integrations
            make of others' logs. Rows of several models, revisions or steps are a run each, steps ascending: of a
            single ``a`` with several steps, every step is compared with the first one. Or ``a`` alone: the
            folder of a study.
        names: one an argument: what a run is called where model, revision and step don't tell it from the others; by
            default its path, else A, B, ... Of a study, checkpoints have the names that it gives them.
        match: which questions are paired. "exact" refuses runs that don't hold the same questions; "common" leaves out
            those that only one holds; "id" and "common-id" pair by question id alone, where a data set was renamed.
        template: of a study, compare under this one alone.
        against: of a study, the name of the checkpoint to compare all others with, such as "base, step 0".
        normalize, sets, ties: as in `comparison_from_rows`, whose defaults they have; of rows alone. By default those
            of a study.
        confidence: of the intervals; 1 - confidence is the level alpha of the verdicts. By default that of a study,
            else 0.95.
        clustered: use the clusters of the questions, where any share one.
        correction: of p-values, over all data sets, runs and templates, as in `adjust_p_values`.
        margin: the largest difference of probabilities and preference rates that doesn't matter; asks for equivalence.
        changes: how many of the questions that changed most to name, a run (and template).

    Raises:
        TypeError: something that is no run. ValueError: fewer than two runs; questions that don't match, with what to
            do; an unknown option; rows that `comparison_from_rows` refuses; anything that `read_rows` raises. A study
            beside another run; a checkpoint of it that lacks a data set, unless ``match`` is "common".
    """
    if as_int(changes, "changes") < 0:
        raise ValueError(f"changes must be at least 0, got {changes!r}: how many questions to name")
    given = [each for each in (a, b, *more) if each is not None]
    chosen: dict[str, Any] = {"match": match, "clustered": clustered, "correction": correction, "margin": margin}
    options = {"normalize": normalize, "sets": sets, "ties": ties, "confidence": confidence}
    study = _study(given, names, {"template": template, "against": against})
    if study is not None:
        return compare_study(study, options, **chosen, changes=changes, template=template, against=against)
    chosen |= {name: _DEFAULTS[name] if value is None else value for name, value in options.items()}
    return _compare_runs(given, names, Settings(**chosen), changes)


_DEFAULTS = {"normalize": "sum", "sets": "max", "ties": "half", "confidence": 0.95}


def _study(given: Sequence[Run], names: Sequence[str] | None, of_study: Mapping[str, str | None]) -> str | Path | None:
    """The study that is to be compared by itself; None where runs are."""
    studies = [each for each in given if isinstance(each, str | Path) and is_study(each)]
    if not studies:
        wrong = [name for name, value in of_study.items() if value is not None]
        if wrong:
            raise ValueError(f"{wrong[0]} (--{wrong[0]}) is of a study's folder, and none of these runs is one")
        return None
    if len(given) > 1:
        raise ValueError(
            f"{studies[0]} is a study, which is compared by itself, its checkpoints with each other: give it alone, or "
            "name runs, which are the folders two below runs/ in a study's folder"
        )
    if names is not None:
        raise ValueError("names are of runs: the checkpoints of a study have the names that it gives them")
    return studies[0]


def _compare_runs(
    given: Sequence[Run], names: Sequence[str] | None, settings: Settings, changes: int
) -> RunDifferences:
    runs = name_runs(given, names, [_read(each, settings) for each in given])
    if len(runs) < 2:
        raise ValueError(
            f"there is one run, {runs[0][0]}: give another to compare it with, or rows of several models or steps"
        )
    (first_name, first), *others = runs
    compared = [_compared(first_name, first, len(first))]
    cells: list[Cell] = []
    found: list[QuestionChange] = []
    notes = [f"{first_name}: {note}" for note in first.notes]
    for name, other in others:
        matched = match_questions(first, other, settings.match, (first_name, name))
        clusters, remark = (
            match_clusters(first, other, matched, (first_name, name)) if settings.clustered else (None, "")
        )
        compared.append(_compared(name, other, len(matched.first), first_name))
        cells += cells_of(Named(name, first_name), first, other, matched, clusters, settings.confidence)
        found += largest_changes(first, other, matched, changes, name)
        notes += notes_on(first, other, matched, (first_name, name), settings.normalize) + ([remark] if remark else [])
    return RunDifferences(
        runs=compared,
        differences=concluded(cells, settings),
        changes=found,
        notes=list(dict.fromkeys(notes)),
        signature=settings.signature(),
        **vars(settings),
    )


def _read(run: Run, settings: Settings) -> list[QuestionScores]:
    if isinstance(run, QuestionScores):
        return [run]
    if isinstance(run, str | Path):
        run = read_rows(run)
    if not hasattr(run, "schema"):
        raise TypeError(f"a run must be a table of rows, a path of one, or QuestionScores; got {type(run).__name__}")
    return scores_from_rows(run, normalize=settings.normalize, sets=settings.sets, ties=settings.ties)


def _compared(name: str, run: QuestionScores, n_matched: int, against: str | None = None) -> ComparedRun:
    return ComparedRun(
        name, run.model, run.revision, run.step, run.run_id, run.kind, len(run), n_matched, against=against
    )
