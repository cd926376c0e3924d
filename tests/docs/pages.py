"""The pages that people read, what stands in them, and the sources that they tell of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from tests.paths import ROOT

DOCS = ROOT / "docs"


def pages() -> list[Path]:
    """Every page written by hand; the tables under benchmarks/results are written by its report."""
    results = ROOT / "benchmarks" / "results"
    found = [*DOCS.rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return sorted(page for page in found if page.parent != results or page.name == "README.md")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines outside of code blocks, with their numbers from 1."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            yield number, line


def code_blocks(text: str, language: str) -> list[str]:
    """The code blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@lru_cache
def sources() -> dict[str, str]:
    """Every source file of the product by its name from the root; pyscore/kernels is a link to kernels."""
    found = [path for folder in ("pyscore", "kernels", "csrc") for path in (ROOT / folder).rglob("*")]
    kinds = (".py", ".pyi", ".cpp", ".hpp", ".inl", ".json")
    files = {str(path.resolve().relative_to(ROOT)): path for path in found if path.suffix in kinds and path.is_file()}
    return {name: path.read_text() for name, path in sorted(files.items())}
