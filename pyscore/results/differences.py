"""Differences between runs on the same questions: per data set, pooled and macro, and what changed most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pyscore._integers import as_int
from pyscore.results.changes import QuestionChange, largest_changes
from pyscore.results.conclusions import Cell, Settings, cells_of, concluded
from pyscore.results.matching import match_clusters, match_questions
from pyscore.results.matching_notes import notes_on
from pyscore.results.question_scores import QuestionScores, scores_from_rows
from pyscore.results.run_differences import ComparedRun, RunDifferences
from pyscore.results.run_names import name_runs
from pyscore.store import read_rows

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
    normalize: str = "sum",
    sets: str = "max",
    ties: str = "half",
    confidence: float = 0.95,
    clustered: bool = True,
    correction: str = "holm",
    margin: float | None = None,
    changes: int = 10,
) -> RunDifferences:
    """Compare runs with the first of them, question by question. Every difference is other - first.

    On each data set the differences of mean probability, preference rate and mean log odds are those of
    `paired_difference`; pooled, the same on all questions, with clusters that reach over data sets; in the macro
    average questions weigh one over the number of questions of their data set.

    Args:
        a, b, more: tables of rows; paths or URLs of files or folders of them; or `QuestionScores`, which integrations
            make of others' logs. Rows of several models, revisions or steps are a run each, steps ascending: of a
            single ``a`` with several steps, every step is compared with the first one.
        names: one an argument: what a run is called where model, revision and step don't tell it from the others; by
            default its path, else A, B, ...
        match: which questions are paired. "exact" refuses runs that don't hold the same questions; "common" leaves out
            those that only one holds; "id" and "common-id" pair by question id alone, where a data set was renamed.
        normalize, sets, ties: as in `comparison_from_rows`; of rows alone.
        confidence: of the intervals; 1 - confidence is the level alpha of the verdicts.
        clustered: use the clusters of the questions, where any share one.
        correction: of p-values, over all data sets and runs, as in `adjust_p_values`.
        margin: the largest difference of probabilities and preference rates that doesn't matter; asks for equivalence.
        changes: how many of the questions that changed most to name, a run.

    Raises:
        TypeError: something that is no run. ValueError: fewer than two runs; questions that don't match, with what to
            do; an unknown option; rows that `comparison_from_rows` refuses; anything that `read_rows` raises.
    """
    settings = Settings(match, normalize, sets, ties, confidence, clustered, correction, margin)
    if as_int(changes, "changes") < 0:
        raise ValueError(f"changes must be at least 0, got {changes!r}: how many questions to name")
    given = [each for each in (a, b, *more) if each is not None]
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
        matched = match_questions(first, other, match, (first_name, name))
        clusters, remark = match_clusters(first, other, matched, (first_name, name)) if clustered else (None, "")
        compared.append(_compared(name, other, len(matched.first)))
        cells += cells_of(name, first, other, matched, clusters, confidence)
        found += largest_changes(first, other, matched, changes, name)
        notes += notes_on(first, other, matched, (first_name, name), normalize) + ([remark] if remark else [])
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


def _compared(name: str, run: QuestionScores, n_matched: int) -> ComparedRun:
    return ComparedRun(name, run.model, run.revision, run.step, run.run_id, run.kind, len(run), n_matched)
