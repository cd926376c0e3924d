"""The page on files: its example on tables runs, and what it lists is what is read."""

from __future__ import annotations

import re

import pytest

from pyscore.tasks.reading.files import KNOWN
from pyscore.tasks.reading.packed import ENDINGS
from tests.docs.pages import DOCS, code_blocks


def page() -> str:
    return (DOCS / "files.md").read_text()


def test_the_example_on_tables_runs() -> None:
    pytest.importorskip("polars")
    (block,) = [block for block in code_blocks(page(), "python") if "polars" in block]
    exec(block, {})


def test_the_endings_that_a_folder_is_read_by_are_those_of_the_page() -> None:
    entry = re.search(r"- \*\*A folder\*\*(.*?)in its folders too", page(), re.DOTALL)[1]
    assert sorted(re.findall(r"`(\.\w+)`", entry)) == sorted([*KNOWN, ENDINGS[-1]])
