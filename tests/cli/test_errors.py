"""Who or what is at fault decides what a user sees: one line, or the traceback of a bug."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from pyscore.cli.app import app

TOLD = {
    "value": (ValueError("a=1 is\nwrong"), "a=1 is wrong"),
    "file": (FileNotFoundError("no such file: a"), "no such file: a"),
    "connection": (BrokenPipeError(32, "Broken pipe"), "a connection was closed: [Errno 32] Broken pipe"),
    "nothing said": (MemoryError(), "MemoryError"),
    "package": (
        ModuleNotFoundError("No module named 'gguf'", name="gguf"),
        'gguf is not installed: pip install "pyscore-engine[gguf]"',
    ),
    "package of reports": (
        ModuleNotFoundError("No module named 'vl_convert'", name="vl_convert"),
        'vl_convert is not installed: pip install "pyscore-engine[report]"',
    ),
    "recursion": (
        RecursionError("maximum recursion depth exceeded"),
        "something in what was given is nested too deeply (maximum recursion depth exceeded)",
    ),
    "GPU memory": (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nSee the docs"),
        "out of memory: give fewer --batch-tokens, or another --dtype or --device "
        "(CUDA out of memory. Tried to allocate 2 GiB.)",
    ),
    "driver": (
        RuntimeError("CUDA error: no kernel image is available\nCompile with"),
        "CUDA error: no kernel image is available",
    ),
}


def run_raising(monkeypatch: pytest.MonkeyPatch, error: Any) -> Any:
    def fail() -> None:
        raise error

    monkeypatch.setattr("pyscore.cli.info._facts", fail)
    return CliRunner().invoke(app, ["info"])


@pytest.mark.parametrize(("error", "line"), TOLD.values(), ids=TOLD.keys())
def test_what_a_user_or_a_machine_is_at_fault_for_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Any, line: Any
) -> None:
    result = run_raising(monkeypatch, error)
    assert (result.exit_code, result.stderr) == (2, f"pyscore: {line}\n")


@pytest.mark.parametrize(
    "error", [TypeError("a"), RuntimeError("b"), RuntimeError("CUDA error: an illegal memory access")], ids=repr
)
def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, error: Any) -> None:
    assert run_raising(monkeypatch, error).exception is error


def test_a_warning_is_one_line_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def facts() -> dict[str, Any]:
        warnings.warn("something\nis odd", stacklevel=1)
        return {}

    monkeypatch.setattr("pyscore.cli.info._facts", facts)
    result = CliRunner().invoke(app, ["info", "--json"])
    assert (result.exit_code, result.stderr) == (0, "pyscore: warning: something is odd\n")


def test_ctrl_c_is_one_line_with_the_customary_status(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_raising(monkeypatch, KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "pyscore: stopped\n")
