"""The examples of docs/tables.md run, and its table has the columns that there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pyscore.results import tidy
from pyscore.sweep.sweeps import run
from tests.docs.pages import DOCS, code_blocks
from tests.sweep.fake_models import small_study

PAGE = (DOCS / "tables.md").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In it the study "out"."""
    found = tmp_path_factory.mktemp("page")
    run(small_study(found))
    return found


@pytest.mark.parametrize("example", code_blocks(PAGE, "python"), ids=range(3))
def test_the_examples_run(folder: Path, example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    exec(compile(example, "docs/tables.md", "exec"), {})


def test_the_mean_of_duckdb_is_that_of_the_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    example = code_blocks(PAGE, "python")[1].replace("print(shares)", "found = shares.fetchall()")
    exec(compile(example, "docs/tables.md", "exec"), names)
    lines = tidy("out", metrics=["mean_probability"], averages=False).to_pylist()
    expected = {(x["step"], x["template"], x["dataset"]): x["value"] for x in lines}
    assert {tuple(key): value for *key, value in names["found"]} == pytest.approx(expected)


def test_the_page_names_every_column(folder: Path) -> None:
    named = re.findall(r"`(\w+)`", PAGE)
    assert [name for name in tidy(folder / "out").column_names if name not in named] == []
