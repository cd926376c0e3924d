"""Every section of the GPU's suite runs at toy sizes through Triton's interpreter, and a wrong result fails the run."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import pyscore
from benchmarks.gpu import __main__ as command
from benchmarks.gpu import run as runner
from benchmarks.gpu.contest import OURS
from benchmarks.gpu.lab import Lab, poisoned
from benchmarks.gpu.sections import SECTIONS
from benchmarks.gpu.targets import TARGETS, Row
from benchmarks.report import describe, reasons

pytestmark = [
    pytest.mark.skipif(torch.cuda.is_available(), reason="rehearsals run in Triton's interpreter, on the CPU"),
    pytest.mark.filterwarnings("ignore:Dynamo does not know how to trace"),
]

MEASURES = {
    "large": {"mm", "verl"},
    "narrow": {"narrow"},
    "small": {"bandwidth", "cublas"},
    "middle": {"roofline"},
    "outputs": {"every output", "candidates"},
    "ready": {"ready bandwidth", "ready compile", "split"},
    "invariance": {"bits", "tuned"},
    "accuracy": {"error"},
    "answers": set(),
}


@pytest.fixture(autouse=True)
def quiet_interpreter() -> Iterator[None]:
    """Infinities are ordinary values in kernels; NumPy, which stands for the device, would warn of each."""
    with np.errstate(all="ignore"):
        yield


def rehearse(*names: str, folder: Path) -> int:
    return command.main(["--rehearse", "--output", str(folder), "--section", *names])


@pytest.mark.parametrize("name", MEASURES)
def test_a_section_measures_its_targets_and_finds_nothing_wrong(name: str) -> None:
    lab = Lab(rehearsal=True)
    with torch.no_grad():
        rows = list(SECTIONS[name][0](lab))
    assert lab.failures == []
    assert set().union(*(row.measures for row in rows)) == MEASURES[name]
    for row in rows:
        ours = row.outcomes.get(OURS)
        assert ours is None or (ours.seconds and ours.reason is None)
        assert describe(row).startswith(f"  {row.case}: ")
    for text in reasons(rows):
        assert "not installed" in text or "waits for the device" in text


def test_every_target_and_every_section_is_covered() -> None:
    assert set().union(*MEASURES.values()) == set(TARGETS)
    assert command.NAMES == tuple(SECTIONS) == tuple(MEASURES)


def test_a_rehearsal_says_so_on_every_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rehearse("accuracy", folder=tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > len(TARGETS)
    assert all(line.startswith("rehearsal | ") for line in lines)
    assert not any(tmp_path.iterdir())


def shifted(original: Callable[..., Any], field: str, change: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function whose results are changed in one field, except the reference's."""

    def call(*arguments: Any, **options: Any) -> Any:
        found = original(*arguments, **options)
        if options.get("backend") == "reference" or getattr(found, field) is None:
            return found
        return dataclasses.replace(found, **{field: change(getattr(found, field))})

    return call


def unwritten(values: torch.Tensor) -> torch.Tensor:
    """The last entry as poisoned memory would leave it."""
    with poisoned():
        poison = torch.empty_like(values)
    return torch.cat([values[:-1], poison[-1:]])


def off_by_batch(values: torch.Tensor) -> torch.Tensor:
    """One bit more in batches of an odd size."""
    return torch.nextafter(values, torch.zeros(())) if len(values) % 2 else values


@pytest.mark.parametrize(
    ("section", "op", "field", "change", "complaint"),
    [
        ("middle", "linear_logprobs", "logprob", lambda x: x - 2e-4, "logprob is off by"),
        ("small", "linear_logprobs", "logprob", unwritten, "logprob has entries that are not finite"),
        ("outputs", "linear_logprobs", "rank", lambda x: x + 50, "rank is off"),
        ("outputs", "linear_logprobs", "argmax", unwritten, "argmax is off"),
        ("outputs", "linear_logprobs", "entropy", lambda x: x * 1.01, "entropy is off by"),
        ("ready", "logprobs", "logsumexp", lambda x: x + 1e-3, "logsumexp is off by"),
        ("accuracy", "logprobs", "logprob", lambda x: x - 2e-4, "logprob is off by"),
        ("invariance", "linear_logprobs", "logprob", off_by_batch, "bits differ from those in a batch of"),
        ("answers", "score_answers", "probability", lambda x: x + 1e-3, "probability"),
    ],
)
def test_a_wrong_result_fails_the_run(
    section: str,
    op: str,
    field: str,
    change: Callable[[Any], Any],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pyscore, op, shifted(getattr(pyscore, op), field, change))
    monkeypatch.setattr("benchmarks.gpu.sections.linear.gpu_linear_peers", lambda **options: [])
    assert rehearse(section, folder=tmp_path) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if "FAILED" in line]
    assert any(complaint in line for line in failed)
    assert all(line.startswith("rehearsal | ") for line in failed)


def half_a_section(lab: Lab) -> Iterator[Row]:
    yield Row("first case", measures={"error": 1e-6})
    raise RuntimeError("the device is gone")


def whole_section(lab: Lab) -> Iterator[Row]:
    yield Row("second case", measures={"error": 2e-4, "bits": 0.0})


@pytest.fixture
def on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that takes the CPU for a device, with two sections that need no kernels."""
    monkeypatch.setattr(runner, "Lab", lambda rehearsal: Lab(rehearsal=True))
    monkeypatch.setattr(runner, "SECTIONS", {"half": (half_a_section, 1.0), "whole": (whole_section, 1.0)})


def test_a_section_that_breaks_off_keeps_its_rows_and_the_run_goes_on(on_a_device: None, tmp_path: Path) -> None:
    assert runner.run(["half", "whole"], rehearse=False, seconds=None, output=tmp_path) == 1
    result = json.loads(next(tmp_path.glob("gpu-*.json")).read_text())
    assert {"device", "versions", "date", "commit"} <= result.keys()
    half, whole = result["sections"]["half"], result["sections"]["whole"]
    assert [row["case"] for row in half["rows"] + whole["rows"]] == ["first case", "second case"]
    assert half["failures"] == ["half: broke off: RuntimeError: the device is gone"]
    assert whole["failures"] == []
    error = next(entry for entry in result["targets"] if entry["target"] == 9)
    assert (error["worst"], error["case"], error["met"], error["measured"]) == (2e-4, "second case", 1, 2)


def test_a_later_run_of_one_section_keeps_the_others(on_a_device: None, tmp_path: Path) -> None:
    assert runner.run(["half"], rehearse=False, seconds=None, output=tmp_path) == 1
    assert runner.run(["whole"], rehearse=False, seconds=None, output=tmp_path) == 0
    result = json.loads(next(tmp_path.glob("gpu-*.json")).read_text())
    assert set(result["sections"]) == {"half", "whole"}


@pytest.mark.parametrize("status", [0, 1])
def test_without_a_gpu_the_kernels_are_compiled_ahead_of_time(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ModuleType("tools.kernels_report")
    report.main = lambda argv: status  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tools.kernels_report", report)
    assert command.main([]) == status
    (line,) = capsys.readouterr().out.splitlines()
    assert "no CUDA GPU" in line
