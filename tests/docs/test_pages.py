"""Pages fit a reader's window; their links, and the files, modules and names that they tell of, exist."""

from __future__ import annotations

import importlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import name_of, pages, prose
from tests.paths import ROOT

_WIDTH = 120
_TABLE_OR_LINK = re.compile(r"\s*\||\[[^\]]+\]: ")


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_no_line_of_prose_is_wider_than_the_sources(page: Path) -> None:
    wide = [number for number, line in prose(page.read_text()) if len(line) > _WIDTH and not _TABLE_OR_LINK.match(line)]
    assert wide == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    targets = [
        target.split("#")[0]
        for _, line in prose(page.read_text())
        for target in re.findall(r"\]\(([^)\s]+)\)", line)
        if not re.match(r"[a-z]+:|#", target)
    ]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
    outside = [target for target in targets if ROOT not in (page.parent / target).resolve().parents]
    assert outside == []


_FOLDERS = "csrc|kernels|pyscore|tests|tools|benchmarks|docs|examples"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = set(re.findall(rf"`((?:{_FOLDERS})/[\w./-]*)`", page.read_text()))
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_modules_that_a_page_runs_exist(page: Path) -> None:
    modules = set(re.findall(r"python3? -m ((?:pyscore|tools|benchmarks)[\w.]*)", page.read_text()))
    assert sorted(module for module in modules if find_spec(module) is None) == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_names_that_a_page_uses_exist(page: Path) -> None:
    text = page.read_text()
    names = set(re.findall(r"(?<![\w./:-])pyscore(?:\.[A-Za-z_]\w*)+", text))
    for module, imported in re.findall(r"^from (pyscore[\w.]*) import ([\w, ]+)$", text, re.MULTILINE):
        names |= {f"{module}.{name.strip()}" for name in imported.split(",")}
    made = set(re.findall(r"^# (pyscore/[\w/]+)\.py$", text, re.MULTILINE))  # by a recipe
    assert sorted(n for n in names if not any(n.replace(".", "/").startswith(m) for m in made) and not _exists(n)) == []


def _exists(name: str) -> bool:
    """Whether a dotted name is a module of pyscore, or an attribute of one."""
    parts = name.split(".")
    value: Any = importlib.import_module(parts[0])
    for i, part in enumerate(parts[1:], 2):
        if not hasattr(value, part) and find_spec(".".join(parts[:i])) is not None:
            importlib.import_module(".".join(parts[:i]))
        if not hasattr(value, part):
            return False
        value = getattr(value, part)
    return True
