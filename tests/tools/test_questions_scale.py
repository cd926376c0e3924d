"""The measurement of reading questions reads what it says, in every way the same number of rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyscore.tasks import load_questions
from tools.questions_scale import FORMATS, KINDS, measure_time, write_questions


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_made_up_files_hold_so_many_distinct_questions(tmp_path: Path, format: str, kind: str) -> None:
    path = write_questions(tmp_path, format, kind, 250)
    found = load_questions(path)
    assert len({question.prompt for question in found}) == len(found) == 250
    assert found == load_questions(path, format=format)
    assert all(len(question.answers) == 2 and question.cluster for question in found)
    assert {len(seconds) for seconds in measure_time(str(path), turns=2).values()} == {2}
