"""Fixtures of the tests of the ops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from pyscore._extension import _C


@pytest.fixture
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Forces the instruction set that the test's parameter names."""
    monkeypatch.setenv("PYSCORE_CPU_ISA", request.param)
    assert _C.cpu_isa() == request.param
    return str(request.param)


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two threads, whatever the machine has; the test may set another number."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
