"""What weakens a number is said beside it, and of no other number."""

from __future__ import annotations

from typing import Any

import pytest

from pyscore.report.cautions import cautions_of
from pyscore.report.cells import Cell
from pyscore.results.question_counts import QuestionCounts

NAMES = ("mean_probability", "preference_rate", "mean_coverage", "tie_rate")


def cell(
    *, counts: QuestionCounts | None = None, scope: str = "dataset", own: dict[str, Any] | None = None, **changes: Any
) -> Cell:
    """A cell of which nothing has to be said, but for changes of all its lines, or of those of one metric."""
    line = {"value": 0.9, "low": 0.85, "high": 0.95, "template_min": None, "template_max": None, "n_templates": 1}
    line |= {"n": 100, "n_clusters": None, "n_skipped": 0, "reason": None}
    lines = {name: {**line, **changes, **({"value": 0.0} if name == "tie_rate" else {})} for name in NAMES}
    for name, values in (own or {}).items():
        lines[name] |= values
    return Cell(0, 0, scope, 0 if scope == "dataset" else None, lines, counts or QuestionCounts(100, 0, 0, 0, 0))


def kinds(of: Cell) -> list[tuple[str, str | None]]:
    return [(caution.kind, caution.metric) for _, caution in cautions_of([of])]


def test_of_a_sound_number_nothing_is_said() -> None:
    assert kinds(cell()) == []
    assert kinds(cell(n_clusters=10)) == []
    assert kinds(cell(counts=QuestionCounts(100, 0, 0, None, None))) == []


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (cell(own={"mean_coverage": {"value": 0.49}}), [("low coverage", "mean_probability")]),
        (cell(own={"tie_rate": {"value": 0.06}}), [("many ties", "preference_rate")]),
        (cell(n_clusters=9), [("few clusters", None)]),
        (cell(n_clusters=1), [("few clusters", None)]),
        (cell(n_skipped=3), [("questions left out", None)]),
        (cell(counts=QuestionCounts(100, 2, 0, 0, 0)), [("merged boundary", "mean_probability")]),
        (cell(counts=QuestionCounts(100, 0, 2, 0, 0)), [("cut prompts", None)]),
        (cell(counts=QuestionCounts(100, 0, 0, 2, 0)), [("same answers", "preference_rate")]),
        (cell(counts=QuestionCounts(100, 0, 0, 0, 2)), [("nested answers", "preference_rate")]),
        (
            cell(own={"preference_rate": {"low": None, "high": None, "reason": "all values are equal"}}),
            [("no interval", "preference_rate")],
        ),
        (
            cell(own={"preference_rate": {"template_min": 0.7, "template_max": 0.9, "n_templates": 3}}),
            [("templates disagree", "preference_rate")],
        ),
    ],
)
def test_each_fault_is_said_of_the_number_that_it_weakens(of: Cell, expected: list[tuple[str, str | None]]) -> None:
    assert kinds(of) == expected


def test_templates_within_the_interval_or_hardly_apart_do_not_disagree() -> None:
    near = {"template_min": 0.84, "template_max": 0.9, "n_templates": 3}
    within = {"low": 0.4, "high": 0.95, "template_min": 0.5, "template_max": 0.9, "n_templates": 3}
    assert kinds(cell(own={"preference_rate": near})) == kinds(cell(own={"preference_rate": within})) == []


def test_where_there_is_no_number_that_alone_is_said() -> None:
    gone = cell(value=None, low=None, high=None, reason="not scored", n_skipped=None, counts=None)
    gone.lines["tie_rate"]["value"] = None
    found = [caution for _, caution in cautions_of([gone])]
    assert [each.kind for each in found] == ["no number"]
    assert "not scored" in found[0].text


@pytest.mark.parametrize(
    ("reason", "sweeps"),
    [
        ("not scored", True),
        ("no question can be scored", False),
        ("2 questions can't be scored", False),
        ("d0: not scored; d1: no question can be scored", True),
    ],
)
def test_a_sweep_is_advised_where_it_scores_anything(reason: str, sweeps: bool) -> None:
    ((_, caution),) = cautions_of([cell(value=None, low=None, high=None, reason=reason, n_skipped=None, counts=None)])
    assert ("Run `pyscore sweep` again" in caution.advice) is sweeps
    assert ("change these questions" in caution.advice) is ("be scored" in reason)


def test_figures_stand_in_the_text() -> None:
    (_, caution), *_ = cautions_of([cell(own={"mean_coverage": {"value": 0.0301}})])
    assert "3.0 %" in caution.text
    (_, caution), *_ = cautions_of([cell(own={"mean_coverage": {"value": 1e-9}})])
    assert "less than 0.1 %" in caution.text
