"""The recipes of docs/howto work as they are written.

A Python block is the file that its first line names; a diff block adds lines to a file that exists. A recipe's files
are made as modules, its diffs are applied to the modules that they name, and the tests that it holds are run.
"""

from __future__ import annotations

import importlib
import inspect
import linecache
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from pyscore.ops.backend import registered
from tests.docs.pages import DOCS, code_blocks, sources
from tests.paths import ROOT

RECIPES = sorted(page.stem for page in (DOCS / "howto").glob("*.md") if "```python\n# tests/" in page.read_text())


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _patched(block: str) -> tuple[str, str]:
    """The file that a diff block names, and its source with the block's lines added among their context."""
    header, _, hunks = block.partition("\n")
    path = header.removeprefix("--- ")
    source = (ROOT / path).read_text()
    for hunk in hunks.split("@@\n"):
        lines = hunk.splitlines()
        context = "".join(f"{line[1:]}\n" for line in lines if line.startswith(" "))
        assert source.count(context) == 1, f"{path} holds this {source.count(context)} times:\n{context}"
        source = source.replace(context, "".join(f"{line[1:]}\n" for line in lines))
    return path, source


@contextmanager
def _restored(patched: dict[str, ModuleType]) -> Iterator[None]:
    """Afterwards these modules hold what they held before, and what a recipe makes and registers is gone."""
    before, known = {name: dict(vars(module)) for name, module in patched.items()}, set(sys.modules)
    backends = dict(registered())
    try:
        yield
    finally:
        for name, module in patched.items():
            vars(module).clear()
            vars(module).update(before[name])
        for name in set(sys.modules) - known:
            if isinstance(sys.modules[name], _Made):
                del sys.modules[name]
        for name in set(registered()) - set(backends):
            del registered()[name]


class _Made(ModuleType):
    """A module that only a recipe holds."""


def _make(block: str) -> ModuleType:
    """A Python block as the module that its first line names."""
    path = block.partition("\n")[0].removeprefix("# ")
    assert not (ROOT / path).exists(), f"{path} is a file of pyscore already: the recipe is to make a new one"
    module = sys.modules[_module_name(path)] = _Made(_module_name(path))
    linecache.cache[path] = (len(block), None, block.splitlines(keepends=True), path)  # for a failing test's report
    exec(compile(block, path, "exec", dont_inherit=True), vars(module))
    return module


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_recipe_as_it_is_written_passes_its_own_tests(recipe: str, tmp_path: Path) -> None:
    text = (DOCS / "howto" / f"{recipe}.md").read_text()
    blocks = code_blocks(text, "python")
    patches = [_patched(block) for block in code_blocks(text, "diff")]
    patched = {_module_name(path): importlib.import_module(_module_name(path)) for path, _ in patches}
    with _restored(patched):
        for block in blocks:
            if not block.startswith("# tests/"):
                _make(block)
        for path, source in patches:
            exec(compile(source, path, "exec", dont_inherit=True), vars(patched[_module_name(path)]))
        ran = 0
        for block in blocks:
            if block.startswith("# tests/"):
                ran += _run_tests(_make(block), tmp_path)
    assert ran > 0


def _run_tests(module: ModuleType, tmp_path: Path) -> int:
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    for number, test in enumerate(tests):
        folder = tmp_path / str(number)
        folder.mkdir()
        test(**{"tmp_path": folder} if "tmp_path" in inspect.signature(test).parameters else {})
    return len(tests)


def _names_entropy(path: str) -> str:
    """The words for an output and, in a kernel, for the sum that only this output takes."""
    return "entropy|weighted" if path.startswith(("csrc/", "kernels/")) else "entropy"


def test_the_recipe_for_a_kernel_output_lists_every_file_that_names_one() -> None:
    text = (DOCS / "howto" / "kernel_output.md").read_text()
    listed = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    naming = [path for path, source in sources().items() if re.search(_names_entropy(path), source, re.IGNORECASE)]
    assert sorted(naming) == sorted(listed)
    assert len(listed) <= 13
