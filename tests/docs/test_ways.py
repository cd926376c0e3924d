"""The ways that the pages promise: from the README to a kernel, and the README's own code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

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


def readme_block(with_text: str) -> str:
    (block,) = [block for block in code_blocks((ROOT / "README.md").read_text(), "python") if with_text in block]
    return block


def test_the_ten_lines_of_the_readme_print_both_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.engine.tiny import save_tiny

    asked = [{"id": f"q{i}", "prompt": f"Is {i} odd?", "answers": [" Yes", " No"]} for i in range(4)]
    questions = tmp_path / "sycophancy.jsonl"
    questions.write_text("".join(json.dumps({**each, "is_matching": [True, False]}) + "\n" for each in asked))
    block = readme_block("path/to/model").replace("path/to/model", str(save_tiny(tmp_path / "model")))
    assert len(block.splitlines()) <= 10
    exec(block.replace("sycophancy.jsonl", str(questions)), {})
    printed = capsys.readouterr().out
    for name in ("mean probability", "preference rate", "coverage", "tie rate"):
        assert name in printed


def test_the_ops_of_the_readme_run_as_they_stand() -> None:
    names: dict[str, Any] = {}
    exec(readme_block("randn"), names)
    scores = names["scores"]
    assert scores.logprob.shape == (8, 4)
    assert scores.top_ids.shape == (8, 5)
