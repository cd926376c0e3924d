"""What a report shows when one looks closer: calibration, and for each data set the questions that tell most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyscore._integers import as_int
from pyscore.report.blocks import as_block, rounded
from pyscore.report.prompts import Prompts, Shown
from pyscore.results.calibration_tables import Calibrations, CalibrationTable, calibration_tables
from pyscore.results.study_values import StudyValues
from pyscore.results.telling_questions import TellingQuestion, telling_questions
from pyscore.tasks import Question

__all__ = ["BUDGET", "DrillDown", "drill_down"]

BUDGET = 4_000_000
"""Bytes of all blocks together, as they stand in a page."""
_LONGEST = 600
_LEFT_OUT = " … "
_RAISED = "a larger budget shows them: budget=BYTES (--drill-bytes BYTES)"


@dataclass(frozen=True)
class DrillDown:
    """Blocks of a report's page that are read when one looks closer.

    Attributes:
        blocks: by name, "calibration" and "dataset-0", "dataset-1" ...: plain values, as JSON can hold them.
        drill: the entry "drill" of the block "numbers": the index of a data set, as text, and the name of its block.
        notes: sentences on what was left out.
        size: bytes of all blocks as they stand in the page.
    """

    blocks: Mapping[str, Mapping[str, Any]]
    drill: Mapping[str, str]
    notes: Sequence[str]
    size: int


@dataclass
class _Part:
    """A data set's block while it is made.

    Attributes:
        calibration: its cells.
        questions: those that are shown, which may become fewer.
        notes: sentences.
    """

    calibration: list[dict[str, Any]]
    questions: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def block(self) -> dict[str, Any]:
        return {
            "calibration": self.calibration,
            "questions": self.questions,
            "note": " ".join(self.notes) or None,
        }


def drill_down(
    values: StudyValues,
    *,
    questions: Sequence[Question] | None = None,
    n: int = 3,
    budget: int = BUDGET,
    calibrations: Calibrations | None = None,
) -> DrillDown:
    """The blocks "calibration" and "dataset-N" of a report.

    Prompts are those of the questions that a study keeps, else of ``questions``, as the template renders them where
    that takes no tokenizer. Where all blocks together are larger than ``budget``, fewer questions of each data set are
    shown, then none of the later data sets, then no block of these; a note says so.

    Args:
        values: of a study.
        questions: for rows that belong to no study. A question without a data set fits any; nothing tells whether they
            are those that were asked.
        n: how many of each kind to show, at most; see `telling_questions`.
        budget: bytes of all blocks, deflated and in base64.
        calibrations: of these values, if they were made already.

    Raises:
        ValueError: ``n`` or ``budget`` is negative.
    """
    if as_int(n, "n") < 0 or as_int(budget, "budget") < 0:
        raise ValueError(f"n and budget must be whole numbers of at least 0, got {n} and {budget}")
    made = calibration_tables(values) if calibrations is None else calibrations
    cells = _cells(values, made)
    pooled = {"cells": cells.pop(("pooled", None), [])}
    parts = {name: _Part(cells.get(("dataset", name), [])) for name in values.datasets}
    first = len(as_block(pooled))
    notes: list[str] = []
    fill = _Filling(values, parts, questions or (), n)
    shown, sizes = n, fill(n)
    while first + sum(sizes) > budget and shown > 1:
        shown //= 2
        sizes = fill(shown)
    sizes = _emptied(parts, sizes, budget - first, notes)
    if shown < n and any(part.questions for part in parts.values()):
        kind = "question of each kind is" if shown == 1 else f"{shown} questions of each kind are"
        notes.insert(0, f"At most {'one ' if shown == 1 else ''}{kind} shown, and not {n}: {_RAISED}.")
    kept = _kept(sizes, budget - first)
    if kept < len(parts):
        notes.append(
            f"Of the last {len(parts) - kept} data sets neither calibration nor questions are kept: {_RAISED}."
        )
    blocks = {f"dataset-{i}": part.block() for i, part in enumerate(list(parts.values())[:kept])}
    drill = {str(i): name for i, name in enumerate(blocks)}
    return DrillDown({"calibration": pooled, **blocks}, drill, notes, first + sum(sizes[:kept]))


class _Filling:
    """Puts the questions that tell most into the parts, whose texts are looked up once."""

    def __init__(
        self, values: StudyValues, parts: Mapping[str | None, _Part], questions: Sequence[Question], most: int
    ) -> None:
        self._values, self._parts = values, parts
        chosen = telling_questions(values, n=most)
        shown, self._notes = Prompts(values, questions).of(chosen)
        self._texts = {_key(each): texts for each, texts in zip(chosen, shown, strict=True)}
        self._templates = {name: i for i, name in enumerate(values.templates)}

    def __call__(self, n: int) -> list[int]:
        """Put in at most n of each kind; how large the block of each data set then is."""
        for name, part in self._parts.items():
            part.questions, part.notes = [], list(self._notes.get(name, ()))
        for each in telling_questions(self._values, n=n):
            line = _line(each, self._texts[_key(each)], self._templates[each.template])
            self._parts[each.dataset].questions.append(line)
        for part in self._parts.values():
            if not part.questions:
                part.notes.append(
                    "No question of this data set was scored." if n else "Questions are left out of this page."
                )
        return [len(as_block(part.block())) for part in self._parts.values()]


def _key(question: TellingQuestion) -> tuple[str | None, str | None, str]:
    return question.template, question.dataset, question.question_id


def _emptied(parts: Mapping[str | None, _Part], sizes: Sequence[int], budget: int, notes: list[str]) -> list[int]:
    """Take the questions from the last parts until the rest fits; how large the block of each then is."""
    found, emptied = list(sizes), 0
    for i, part in reversed(list(enumerate(parts.values()))):
        if sum(found) <= budget:
            break
        if part.questions:
            part.questions, part.notes = (
                [],
                [f"Questions are left out of this data set to keep the page small: {_RAISED}."],
            )
            found[i] = len(as_block(part.block()))
            emptied += 1
    if emptied:
        notes.append(f"Questions of the last {emptied} data sets are left out: {_RAISED}.")
    return found


def _kept(sizes: Sequence[int], budget: int) -> int:
    """How many of the first blocks fit."""
    total = 0
    for i, size in enumerate(sizes):
        total += size
        if total > budget:
            return i
    return len(sizes)


def _cells(values: StudyValues, made: Calibrations) -> dict[tuple[str, str | None], list[dict[str, Any]]]:
    """The cells of each scope and data set."""
    checkpoints = {name: i for i, name in enumerate(values.checkpoints)}
    templates = {name: i for i, name in enumerate(values.templates)}
    edges = made.edges.tolist()
    found: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for table in made.tables:
        cell = {"checkpoint": checkpoints[table.checkpoint], "template": templates[table.template]}
        found.setdefault((table.scope, table.dataset), []).append(rounded({**cell, **_numbers(table, edges)}))
    return found


def _numbers(table: CalibrationTable, edges: Sequence[float]) -> dict[str, Any]:
    bins = [
        {
            "low": each["low"],
            "high": each["high"],
            "confidence": each["mean_probability"],
            "rate": each["observed"],
            "rate_low": each["observed_low"],
            "rate_high": each["observed_high"],
            "n": each["n"],
        }
        for each in table.bins
    ]
    estimates: dict[str, Any] = {}
    for name, estimate in table.estimates.items():
        estimates |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        estimates[f"{name}_reason"] = estimate.reason or None
    log_odds = table.log_odds
    return {
        "n": table.n,
        "n_clusters": table.n_clusters,
        "bins": bins,
        **estimates,
        "log_odds": {
            "edges": edges,
            "counts": log_odds.counts.tolist(),
            "beyond": list(log_odds.beyond),
            "infinite": list(log_odds.infinite),
        },
    }


def _line(question: TellingQuestion, shown: Shown, template: int) -> dict[str, Any]:
    prompt, cut = (None, False) if shown.prompt is None else _cut(shown.prompt)
    answers = []
    for text, is_matching in shown.answers:
        own, own_cut = _cut(text)
        answers.append({"text": own, "is_matching": is_matching, **({"cut": True} if own_cut else {})})
    return {
        "id": question.question_id,
        "cluster": question.cluster,
        "template": template,
        "why": list(question.why),
        "prompt": prompt,
        "rendered": shown.is_rendered,
        "cut": cut,
        "answers": answers,
        "probability": rounded(question.probability),
        "prefers": rounded(question.prefers),
    }


def _cut(text: str) -> tuple[str, bool]:
    """A text of at most 600 characters, whose middle is left out where it is longer; and whether it is."""
    if len(text) <= _LONGEST:
        return text, False
    kept = _LONGEST - len(_LEFT_OUT)
    return text[: (kept + 1) // 2] + _LEFT_OUT + text[-(kept // 2) :], True
