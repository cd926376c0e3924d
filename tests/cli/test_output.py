"""Summaries for people say which questions are to be read with care."""

from __future__ import annotations

import pytest

from pyscore.cli.output import new_table, print_summaries, print_tables
from pyscore.results import summarize_rows
from tests.store.tables import pair, table

OPTIONS = {"normalize": "sum", "sets": "max", "ties": "half", "confidence": 0.95}


def test_questions_whose_answers_tie_or_nest_or_merge_are_counted_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    plain = [*pair(-1.0, -2.0), *pair(-1.0, -3.0, question_id="q1")]
    print_summaries(summarize_rows(table(plain)), OPTIONS)
    assert "of 2 questions" not in capsys.readouterr().out
    same = [r | {"same_as": 0} for r in pair(-1.0, -1.0, question_id="q2")]
    nested = [r | {"extends": 0 if r["answer_index"] else None} for r in pair(-1.0, -2.0, question_id="q3")]
    other = pair(-1.0, -2.0, dataset="e", boundary="merged")
    print_summaries(summarize_rows(table([*plain, *same, *nested, *other])), OPTIONS)
    lines = [line for line in capsys.readouterr().out.splitlines() if "of 5 questions" in line]
    assert len(lines) == 3
    for line, column in zip(lines, ("same_as", "extends", "boundary"), strict=True):
        assert line.startswith("1 of 5 questions: ") and line.endswith(f"(column {column})")


def test_the_preference_rate_stands_beside_what_chance_would_score(capsys: pytest.CaptureFixture[str]) -> None:
    two, three = (
        pair(-1.0, -2.0),
        [*pair(-1.0, -3.0, dataset="e"), pair(-1.0, -3.0, dataset="e")[1] | {"answer_index": 2}],
    )
    print_summaries(summarize_rows(table(two), ties="share"), OPTIONS | {"ties": "share"})
    shown = capsys.readouterr().out
    assert "chance: 0.500, the preference rate of answers drawn at random" in shown
    assert "ties count as the share of matching answers among those that tie" in shown
    print_summaries(summarize_rows(table([*two, *three])), OPTIONS)
    assert "chance: 0.333 to 0.500, the preference rate" in capsys.readouterr().out


def test_in_a_pipe_no_table_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    wide = new_table("first", "wide")
    for name in ("a" * 70, "b" * 70):
        wide.add_column(name, no_wrap=True)
    print_tables([wide], [])
    out = capsys.readouterr().out
    assert "a" * 70 in out and "b" * 70 in out
