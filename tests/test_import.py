"""`import pyscore` stays light, and every public name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pyscore

HEAVY = ("transformers", "pyarrow", "rich", "typer", "scipy", "jinja2", "pyscore.kernels")
LATE = ("torch", "numpy", "fsspec", "httpx", "datasets", "pandas", "polars", "zipfile", "tempfile", "difflib")
"""What reading a file may need, by its kind and place."""


def test_importing_pyscore_loads_nothing_that_torch_does_not() -> None:
    program = (
        "import sys, torch; before = set(sys.modules); import pyscore; "
        f"print([name for name in {HEAVY!r} if name in set(sys.modules) - before])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_reading_questions_loads_what_their_files_need_when_they_are_read() -> None:
    found = python(
        "import sys; from pyscore.tasks import load_questions; "
        f"print([name for name in {(*HEAVY, *LATE)!r} if name in sys.modules])"
    )
    assert found.strip() == "[]"


def test_every_public_name_resolves_and_is_documented() -> None:
    for name in pyscore.__all__:
        assert getattr(pyscore, name) is not None
        assert name in dir(pyscore)
        assert name == "__version__" or getattr(pyscore, name).__doc__, name


def test_the_store_and_the_engine_keep_the_names_that_moved_to_results() -> None:
    for package in (pyscore.store, pyscore.engine, pyscore.results):
        assert {name for name in package.__all__ if not callable(getattr(package, name))} <= {"SCHEMA_VERSION"}
        assert set(package.__all__) <= set(dir(package))
    assert pyscore.store.summarize_rows is pyscore.results.summarize_rows
    assert pyscore.engine.perplexity is pyscore.results.perplexity


def python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_pyscore_does_not_import_torch() -> None:
    assert python("import sys, pyscore; print('torch' in sys.modules)") == "False"


@pytest.mark.parametrize("imports", ["import torch, pyscore", "import pyscore, torch"])
def test_the_operators_are_registered_once_both_are_imported_in_either_order(imports: str) -> None:
    assert python(f"{imports}; print(torch.ops.pyscore.logprobs.default.name())") == "pyscore::logprobs"


def test_who_asks_whether_torch_is_there_does_not_keep_the_operators_from_being_registered() -> None:
    program = (
        "import pyscore, importlib.util, sys; importlib.util.find_spec('torch'); "
        "assert 'torch' not in sys.modules; import torch; print(torch.ops.pyscore.logprobs.default.name()); "
        "print(type(torch.__spec__.loader).__name__, [f for f in sys.meta_path if 'Torch' in type(f).__name__])"
    )
    assert python(program).splitlines() == ["pyscore::logprobs", "SourceFileLoader []"]
