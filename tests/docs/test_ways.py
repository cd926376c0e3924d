"""The ways that the pages promise: from the README to a kernel, and the README's own code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import code_blocks, name_of, pages
from tests.paths import ROOT

_KERNELS = ["csrc/kernels/linear_logprobs.cpp", "kernels/linear_logprobs.py"]


def linked(page: Path) -> set[Path]:
    """The files of the checkout that a page links to."""
    if page.suffix != ".md":
        return set()
    targets = {target.split("#")[0] for target in re.findall(r"\]\(([^)\s:]+)\)", page.read_text())}
    return {(page.parent / target).resolve() for target in targets if target}


def files_read(start: Path, end: Path) -> int:
    """How many files one opens on the shortest way along links, both ends counted."""
    seen, front, count = {start}, {start}, 1
    while end not in seen:
        front = {target for page in front for target in linked(page)} - seen
        assert front, f"no links lead from {name_of(start)} to {name_of(end)}"
        seen |= front
        count += 1
    return count


@pytest.mark.parametrize("kernel", _KERNELS)
def test_a_kernel_is_at_most_five_files_from_the_readme(kernel: str) -> None:
    assert files_read(ROOT / "README.md", ROOT / kernel) <= 5


@pytest.mark.parametrize("page", [page for page in pages() if page.parent.name != "gpu"], ids=name_of)
def test_every_page_can_be_reached_from_the_readme(page: Path) -> None:
    assert files_read(ROOT / "README.md", page) <= 4


def test_the_ops_of_the_readme_run_as_they_stand() -> None:
    blocks = [block for block in code_blocks((ROOT / "README.md").read_text(), "python") if "randn" in block]
    (block,) = blocks
    names: dict[str, object] = {}
    exec(block, names)
    scores = names["scores"]
    assert scores.logprob.shape == (8, 4) and scores.top_ids.shape == (8, 5)  # type: ignore[attr-defined]
