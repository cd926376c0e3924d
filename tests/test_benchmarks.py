"""The committed results of benchmarks: what they say of themselves, and that their tables are theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.report import table
from tests.paths import ROOT

RESULTS = sorted((ROOT / "benchmarks/results").glob("*.json"))

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


def test_a_row_of_the_table_holds_ratios_of_medians() -> None:
    entry = {
        "stats": {"median": 0.5},
        "extra_info": {
            "kind": "hidden states",
            "n": 2,
            "d": 3,
            "v": 4,
            "dtype": "torch.bfloat16",
            "bytes": 100.0,
            "flops": 50.0,
            "seconds": {"torch.compile": 1.0, "pyscore, all outputs": 0.6},
            "rates": {"read": 400.0, "multiply-add": 125.0},
        },
    }
    row = [cell.strip() for cell in table({"benchmarks": [entry]}).splitlines()[-1].split("|")[1:-1]]
    assert row == ["hidden states N=2 D=3 V=4", "bfloat16", "", "2.00x", "", "", "0.50", "0.80", "1.20x"]
