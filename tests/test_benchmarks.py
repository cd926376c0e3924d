"""The committed results of benchmarks: what they say of themselves, and that their tables are theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.report import table
from tests.paths import ROOT

FOLDER = ROOT / "benchmarks/results"
GPU_RESULTS = sorted(FOLDER.glob("gpu-*.json"))
# Not of pytest-benchmark: coverage.json is a simulation, whose numbers depend on no machine, faults.json and study.json
# time nothing, and questions.json, report.json and sweep_scale.json have tables of their own.
OTHERS = ("coverage", "faults", "questions", "report", "study", "sweep_scale")
RESULTS = sorted(path for path in FOLDER.glob("*.json") if path.stem not in OTHERS and path not in GPU_RESULTS)

every_result = pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)


def test_there_is_a_result_of_the_cpu() -> None:
    assert "cpu" in {path.stem for path in RESULTS}


@every_result
def test_a_result_names_its_machine_versions_and_day(path: Path) -> None:
    info = json.loads(path.read_text())["machine_info"]
    assert {"cpu", "threads", "isa", "torch", "pyscore", "python_version", "date"} <= info.keys()
    assert "node" not in info


@every_result
def test_the_table_beside_a_result_is_of_that_result(path: Path) -> None:
    assert table(json.loads(path.read_text())) in path.with_suffix(".md").read_text()


@pytest.mark.parametrize("path", GPU_RESULTS, ids=lambda path: path.stem)
def test_a_result_of_a_gpu_names_its_device_versions_and_day(path: Path) -> None:
    result = json.loads(path.read_text())
    assert {"name", "multiprocessors", "capability", "driver"} <= result["device"].keys()
    assert {"pyscore", "python", "torch", "cuda", "triton"} <= result["versions"].keys()
    assert {"date", "commit", "targets", "sections"} <= result.keys()
    assert all({"ceilings", "rows", "failures"} <= section.keys() for section in result["sections"].values())


def row_of(**facts: object) -> dict[str, str]:
    """The only row of a result's table, by the names of its columns."""
    names, _, cells = table({"benchmarks": [{"stats": {"median": 0.5}, "extra_info": facts}]}).splitlines()
    split = [[cell.strip() for cell in line.split("|")[1:-1]] for line in (names, cells)]
    return dict(zip(*split, strict=True))


def test_a_row_of_the_table_holds_ratios_of_medians() -> None:
    row = row_of(
        kind="hidden states",
        n=2,
        d=3,
        v=4,
        dtype="torch.bfloat16",
        bytes=100.0,
        flops=50.0,
        seconds={"torch.compile": 1.0, "pyscore, all outputs": 0.6},
        rates={"read": 400.0, "multiply-add": 125.0},
    )
    assert row == {
        "case": "hidden states N=2 D=3 V=4",
        "dtype": "bfloat16",
        "torch.compile": "2.00x",
        "read": "0.50",
        "multiply-add": "0.80",
        "all outputs": "1.20x",
    }


def test_a_table_has_the_columns_that_its_rows_fill() -> None:
    row = row_of(kind="bootstrap", case="10 units", seconds={"scipy": 5.0}, rates={})
    assert row == {"case": "bootstrap 10 units", "scipy": "10.00x"}


def test_what_scoring_costs_is_told_as_a_multiple_of_the_bare_forward_pass() -> None:
    row = row_of(
        kind="score",
        case="10 questions",
        seconds={"bare forward": 0.4},
        cpu_seconds={"pyscore": 0.9, "bare forward": 0.6},
        rates={},
    )
    assert row == {"case": "score 10 questions", "of a bare forward pass": "1.25x", "CPU time": "1.50x"}
