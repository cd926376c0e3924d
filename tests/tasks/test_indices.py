"""Indices of right answers in columns: those that count from 1 are never read as counting from 0 without a word."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pyscore.tasks import load_questions
from pyscore.tasks.columns import parse_columns

LETTERS = ["A", "B", "C", "D"]
COLUMNS: dict[str, Any] = {"prompt": "q", "answers": LETTERS, "matching": "right"}


def file(folder: Path, indices: Iterable[Any]) -> Path:
    path = folder / "set.jsonl"
    rows = [
        {"q": f"Question {i}", "right": right, **dict(zip(LETTERS, "wxyz", strict=True))}
        for i, right in enumerate(indices)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.parametrize("kind", [int, str])
@pytest.mark.parametrize("limit", [None, 2])
def test_an_index_of_the_number_of_answers_where_none_is_0_stops_before_the_first_row(
    kind: type, limit: int | None, tmp_path: Path
) -> None:
    path = file(tmp_path, map(kind, [2, 3, 1, 4, 2]))
    with pytest.raises(ValueError, match=r"line 4: 'right' is 4, of 4 answers, .* counts from 1\. Say so, .*first=1"):
        load_questions(path, columns=COLUMNS, limit=limit)


def test_counting_from_1_is_said_by_first(tmp_path: Path) -> None:
    indices = [2, 3, 1, 4, 2]
    for first in (1, "1"):
        found = load_questions(file(tmp_path, indices), columns={**COLUMNS, "first": first})
        assert [one.is_matching.index(True) + 1 for one in found] == indices
        assert all("first" not in one.meta for one in found)
    with pytest.raises(ValueError, match="line 2: 'right' must be the right choice's index \\(1 to 4\\)"):
        load_questions(file(tmp_path, [1, 0]), columns={**COLUMNS, "first": 1})
    assert parse_columns("prompt=q,answers=A|B,matching=right,first=1")["first"] == "1"


def test_what_may_count_from_either_is_warned_of_once(tmp_path: Path) -> None:
    path = file(tmp_path, [2, 3, 1])
    with pytest.warns(
        UserWarning, match="'right' is 0 in none of the 3 rows looked at; it is taken to count from 0"
    ) as told:
        found = load_questions(path, columns=COLUMNS)
    assert len(told) == 1 and [one.is_matching.index(True) for one in found] == [2, 3, 1]


@pytest.mark.parametrize("indices", [[2, 0], ["B", "D"], ["x", "y"], [3, 2, 1, 0]])
def test_what_counts_from_0_or_is_no_index_is_read_without_a_word(indices: list[Any], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_questions(file(tmp_path, indices), columns=COLUMNS)
        assert load_questions(file(tmp_path, [2, 3]), columns={**COLUMNS, "first": 0})


def test_a_line_that_is_no_json_is_an_error_after_the_rows_before_it(tmp_path: Path) -> None:
    path = file(tmp_path, [1, 2])
    path.write_text(path.read_text() + "\n{")
    with pytest.warns(UserWarning, match="the 2 rows looked at"), pytest.raises(ValueError, match="line 3"):
        load_questions(path, columns=COLUMNS)
    with pytest.warns(UserWarning, match="the 2 rows looked at"):
        assert len(load_questions(path, columns=COLUMNS, limit=2)) == 2


@pytest.mark.parametrize("first", [2, "x", True, None])
def test_first_is_0_or_1(first: Any) -> None:
    with pytest.raises(ValueError, match=r"columns\['first'\] must be 0 or 1"):
        load_questions("none.jsonl", columns={**COLUMNS, "first": first})


def test_first_is_said_of_matching_alone() -> None:
    with pytest.raises(ValueError, match="says how 'matching' counts"):
        load_questions("none.jsonl", columns={"prompt": "q", "answers": "a", "is_matching": "m", "first": 1})
