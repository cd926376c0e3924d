"""Lists that are written as text: as Python, JSON and NumPy write them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyscore.tasks import load_questions
from pyscore.tasks.formats.fields import listed_in, structure_in, texts_in


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_numpys_way_of_writing_gives_the_same_strings(texts: list[str]) -> None:
    for written in (str(np.array(texts, dtype=object)), repr(texts), json.dumps(texts)):
        assert listed_in(written) == texts, written


@pytest.mark.parametrize("text", ["['a' 'b', 'c']", "['a', 'b'\n 'c']"])
def test_a_comma_that_is_lacking_is_an_error(text: str) -> None:
    for read in (listed_in, lambda text: texts_in({"x": text}, "x"), lambda text: structure_in({"x": text}, "x")):
        with pytest.raises(ValueError, match="strings stand side by side without a comma"):
            read(text)


def test_quotes_inside_of_a_string_are_no_strings_side_by_side() -> None:
    texts = ["he said 'a' 'b'", 'or "c" "d"']
    assert listed_in(repr(texts)) == texts
    assert listed_in("[call 'a' 'b']") == []


def test_answers_of_arrays_in_a_csv_stay_apart(tmp_path: Path) -> None:
    file = tmp_path / "generation.csv"
    file.write_text(
        "question,best_answer,correct_answers,incorrect_answers\nWhy?,So.,\"['So.' 'It is.']\",\"['No.'\n 'Never.']\"\n"
    )
    (asked,) = load_questions(file)
    assert asked.answers == (" So.", " It is.", " No.", " Never.")
    assert asked.is_matching == (True, True, False, False)
