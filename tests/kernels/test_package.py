"""The package pyscore.kernels and its backend record."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pyscore.ops.request import Projection
from pyscore.ops.triton import TRITON
from tests.kernels.cases import DEVICE, one_each, random, request_of
from tests.ops import requests
from tests.paths import ROOT


def run(code: str) -> str:
    """What a fresh Python prints, with the root of the checkout first on its path."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_folder_kernels_does_not_pass_for_the_package_of_that_name_which_transformers_uses(tmp_path: Path) -> None:
    asks = "import transformers; transformers.AutoModelForCausalLM; print(transformers.utils.is_kernels_available())"
    assert run(asks) == "False\n"
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels/__init__.py").write_text("installed = True")
    assert run(f"import sys; sys.path.append({str(tmp_path)!r}); import kernels; print(kernels.installed)") == "True\n"


def test_the_kernels_import_only_torch_triton_and_each_other() -> None:
    for path in (ROOT / "kernels").glob("*.py"):
        for module in re.findall(r"^(?:from|import) (\S+)", path.read_text(), re.MULTILINE):
            known = {"torch", "triton", *sys.stdlib_module_names}
            assert module.startswith("pyscore.kernels.") or module.split(".")[0] in known, (path, module)


def test_the_triton_backend_alone_imports_the_kernels() -> None:
    """import-linter holds the other arrows; it does not follow the link pyscore/kernels."""
    found = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "pyscore").rglob("*.py")
        if path.parent.resolve() != ROOT / "kernels"
        and re.search(r"^\s*(from|import) pyscore(\.kernels\b| import .*\bkernels\b)", path.read_text(), re.MULTILINE)
    ]
    assert found == ["pyscore/ops/triton.py"]


def test_importing_pyscore_does_not_import_triton() -> None:
    code = "import sys, pyscore, pyscore.ops.triton; print('triton' in sys.modules)"
    assert run(code) == "False\n"


def test_the_backend_serves_where_the_kernels_run() -> None:
    device = torch.device(DEVICE)
    assert TRITON.objection(device, torch.bfloat16) is None
    assert "float64" in str(TRITON.objection(device, torch.float64))
    assert "meta" in str(TRITON.objection(torch.device("meta"), torch.float32))


def test_the_backend_says_how_to_run_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert "TRITON_INTERPRET=1" in str(TRITON.objection(torch.device("cpu"), torch.float32))


def test_the_backend_passes_its_options_on() -> None:
    hidden, weight, candidates = random(3, 8), random(40, 8), one_each([11, 12, 50])
    options: dict[str, Any] = {"softcap": 9.0, "logit_scale": 0.5, "vocab_start": 10, "sharded": True}
    options |= {"entropy": True, "top_k": 2}
    projection, request = Projection(hidden, weight), request_of(candidates, rank=True, **options)
    z = TRITON.target_logits(projection, request)
    assert z[2] == -float("inf")
    scores = requests.linear(TRITON, projection, request, z)
    ready = requests.ready(TRITON, hidden @ weight.T * 0.5, request)
    torch.testing.assert_close(scores.entropy, ready.entropy)
    assert torch.equal(scores.top_ids, ready.top_ids)
    assert torch.equal(scores.rank[:2], ready.rank[:2])
