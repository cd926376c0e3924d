"""Pages fit a reader's window, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

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
