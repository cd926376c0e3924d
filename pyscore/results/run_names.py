"""What the runs of a comparison are called."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyscore.results.question_scores import QuestionScores

__all__ = ["name_runs"]


def name_runs(
    given: Sequence[Any], names: Sequence[str] | None, found: list[list[QuestionScores]]
) -> list[tuple[str, QuestionScores]]:
    """Every run with the shortest name that tells it from the others."""
    letters = [string.ascii_uppercase[i] if i < 26 else f"run {i + 1}" for i in range(len(given))]
    if names is None:
        paths = [str(each) if isinstance(each, str | Path) else "" for each in given]
        names = [path if path and paths.count(path) == 1 else letters[i] for i, path in enumerate(paths)]
    elif len(set(names)) != len(given) or len(names) != len(given):
        raise ValueError(f"names must be {len(given)} different ones, one an argument; got {list(names)}")
    runs = [(source, len(own) > 1, run) for source, own in zip(names, found, strict=True) for run in own]
    described = [(source, several, _described(run), run) for source, several, run in runs]
    schemes = (
        [of_run for _, _, of_run, _ in described],
        [f"{source}: {of_run}" if several else source for source, several, of_run, _ in described],
        [f"{source}: {of_run}, run {run.run_id}" for source, _, of_run, run in described],
    )
    chosen = next((s for s in schemes if all(s) and len(set(s)) == len(s)), schemes[-1])
    return [(name, run) for name, (_, _, run) in zip(chosen, runs, strict=True)]


def _described(run: QuestionScores) -> str:
    step = None if run.step is None else f"step {run.step}"
    return ", ".join(each for each in (run.model, run.revision, step) if each)
