"""`import pyscore` stays light, and every public name is there."""

from __future__ import annotations

import subprocess
import sys

import pyscore

HEAVY = ("transformers", "pyarrow", "rich", "typer", "scipy", "jinja2", "pyscore.kernels")


def test_importing_pyscore_loads_nothing_that_torch_does_not() -> None:
    program = (
        "import sys, torch; before = set(sys.modules); import pyscore; "
        f"print([name for name in {HEAVY!r} if name in set(sys.modules) - before])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_every_public_name_resolves_and_is_documented() -> None:
    for name in pyscore.__all__:
        assert getattr(pyscore, name) is not None
        assert name in dir(pyscore)
        assert name == "__version__" or getattr(pyscore, name).__doc__, name
