"""The package pyscore.kernels and its backend record."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
import torch

from pyscore import kernels
from pyscore.ops.request import Projection
from pyscore.ops.triton import TRITON
from tests.kernels.cases import DEVICE, one_each, random
from tests.ops import requests


def test_the_folder_is_importable_only_as_pyscore_kernels() -> None:
    spec = importlib.util.spec_from_file_location("kernels", kernels.__file__)
    assert spec is not None and spec.loader is not None
    with pytest.raises(ImportError, match=r"pyscore\.kernels"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_importing_pyscore_does_not_import_triton() -> None:
    code = "import sys, pyscore, pyscore.ops.triton; print('triton' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


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
    options = {"softcap": 9.0, "logit_scale": 0.5, "vocab_start": 10, "sharded": True, "entropy": True, "top_k": 2}
    projection, request = Projection(hidden, weight), requests.ask(*candidates, rank=True, **options)
    z = TRITON.target_logits(projection, request)
    assert z[2] == -float("inf")
    scores = requests.linear(TRITON, projection, request, z)
    ready = requests.ready(TRITON, hidden @ weight.T * 0.5, request)
    torch.testing.assert_close(scores.entropy, ready.entropy)
    assert torch.equal(scores.top_ids, ready.top_ids)
    assert torch.equal(scores.rank[:2], ready.rank[:2])
