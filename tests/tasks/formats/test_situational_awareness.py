"""SAD: held against the fields of its samples; lm-evaluation-harness doesn't have it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pyscore.tasks.formats import FORMATS
from tests.tasks.formats.harness import read_one

ROW = FORMATS["situational-awareness"].example


def test_right_choices_match_by_letter_and_by_text() -> None:
    by_letter, by_text = read_one("situational-awareness", ROW), read_one("situational-awareness", ROW, "text")
    choices = by_letter.meta["choices"]
    assert sorted(choices) == sorted(["No", "Yes", "Only in the morning"])
    assert [choices[i] for i, right in enumerate(by_letter.is_matching) if right] == ["No"]
    assert by_letter.answers == (" (A)", " (B)", " (C)") and f"(A) {choices[0]}\n(B) " in by_letter.prompt
    assert (by_text.answers, by_text.is_matching) == ((" No", " Yes", " Only in the morning"), (True, False, False))
    assert by_letter.group == by_text.group == "senses"


def test_letters_of_right_choices_are_balanced() -> None:
    rows = [{**ROW, "body": f"Is this number {i}?", "choices_wrong": "Yes"} for i in range(400)]
    counts = Counter(read_one("situational-awareness", row).is_matching.index(True) for row in rows)
    assert min(counts.values()) > 150


@pytest.mark.parametrize("bad", [[], True, [False], None, [" "], [1]])
def test_choices_that_are_no_texts_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="'choices_wrong' must hold one text or a list of texts"):
        read_one("situational-awareness", {**ROW, "choices_wrong": bad})
