"""SciQ: held against lm-evaluation-harness; letters don't tell which choice is right."""

from __future__ import annotations

from typing import Any

import pytest

from pyscore.tasks.formats import FORMATS
from tests.tasks.formats.harness import asked_by_harness, asked_by_pyscore, read_one

ROW = FORMATS["sciq"].example


def test_it_asks_what_the_harness_asks() -> None:
    rows = [ROW, {**ROW, "support": ""}, {**ROW, "support": "\n  Snow. ", "question": "What is {stem} ?"}]
    assert [asked_by_pyscore(read_one("sciq", row)) for row in rows] == asked_by_harness("sciq/sciq.yaml", rows)


def test_letters_go_to_the_choices_by_a_digest_and_name_the_same_right_one() -> None:
    found = set()
    for i in range(60):
        question = read_one("sciq", {**ROW, "question": f"What is {i}?"}, "letter")
        place = question.is_matching.index(True)
        assert question.meta["choices"][place] == ROW["correct_answer"]
        assert f"\n{'ABCD'[place]}. {ROW['correct_answer']}\n" in question.prompt
        found.add(place)
    assert found == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"support": None}, "'support' must be str, found NoneType"),
        ({"distractor2": None}, "'distractor2' must be str, found NoneType"),
        ({"distractor2": "subnivean zone"}, "' subnivean zone' is both matching and not matching"),
        ({"correct_answer": ""}, "choice 3, counted from 0, is blank"),
    ],
)
def test_a_malformed_row_is_one_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one("sciq", {**ROW, **change})
