"""The page of formats says what their records say, and its examples are read as it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyscore.tasks import FORMATS, load_questions
from tests.docs.pages import DOCS, code_blocks
from tools.formats import FILE, page


def test_the_page_is_the_one_that_the_tool_writes() -> None:
    assert FILE == DOCS / "formats.md"
    assert FILE.read_text() == page(), "python -m tools.formats writes it anew"


def test_every_format_has_an_example_on_the_page_that_is_read_as_it(tmp_path: Path) -> None:
    examples = code_blocks(page(), "json")
    assert len(examples) == len(FORMATS)
    for name, example in zip(FORMATS, examples, strict=True):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(json.dumps(json.loads(example)))
        assert load_questions(path) == load_questions(path, format=name)


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_asks_is_one_line(name: str) -> None:
    format = FORMATS[name]
    for text in (format.data, format.asks):
        assert text and "\n" not in text
