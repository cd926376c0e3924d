"""What the GPU's suite makes of its measurements: the table of targets, the lines, the plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.clock import HostClock, spread, take_turns
from benchmarks.gpu.contest import OURS, Outcome
from benchmarks.gpu.targets import TARGETS, Row, standing, target_table
from benchmarks.machine import slug
from benchmarks.report import describe, panels, plot, reasons


def entry_of(rows: list[Row], key: str) -> dict[str, Any]:
    return standing(rows)[list(TARGETS).index(key)]


def test_a_target_stands_where_its_worst_case_stands() -> None:
    rows = [Row("a", measures={"mm": 0.97, "bits": 0.0}), Row("b", measures={"mm": 0.85, "bits": 3.0})]
    assert (entry_of(rows, "mm")["worst"], entry_of(rows, "mm")["case"]) == (0.85, "b")
    assert (entry_of(rows, "bits")["worst"], entry_of(rows, "bits")["met"]) == (3.0, 1)


def test_the_table_tells_unmet_from_unmeasured_and_not_run() -> None:
    lines = target_table(standing([Row("a", measures={"mm": 0.85, "verl": None, "narrow": 1.25})])).splitlines()
    by_what = {target.what: line for target, line in zip(TARGETS.values(), lines[1:], strict=True)}
    assert "NOT MET" in by_what[TARGETS["mm"].what]
    assert "not measured" in by_what[TARGETS["verl"].what]
    assert " met " in by_what[TARGETS["narrow"].what]
    assert "not run" in by_what[TARGETS["bits"].what]


def test_a_ratio_without_its_peer_is_not_measured() -> None:
    row = Row("a")
    row.measure("verl", None, 1.0)
    row.measure("mm", 1.0, 2.0)
    assert row.measures == {"verl": None, "mm": 0.5}


def test_a_line_gives_peers_as_multiples_of_ours_in_the_graph() -> None:
    ours, peer = Outcome(seconds=[2e-3], graph=[1e-3]), Outcome(seconds=[3e-3])
    line = describe(Row("a", {"flops": 1e9}, {OURS: ours, "peer": peer}, {"mm": 0.5}))
    for part in ("2 ms", "graph 1 ms", "1 TFLOP/s", "peer 3x (not in a graph)", "NOT MET"):
        assert part in line


def test_a_reason_is_told_once() -> None:
    rows = [Row(case, outcomes={"peer": Outcome(reason="not installed")}) for case in "ab"]
    assert reasons(rows) == ["  not measured in 2 cases: peer: not installed"]


def test_contestants_take_turns() -> None:
    order: list[str] = []
    calls = {name: [lambda name=name: order.append(name)] * 40 for name in "ab"}
    found = take_turns(HostClock(), calls, budget=0.0, rounds=(3, 9))
    assert {name: len(times) for name, times in found.items()} == {"a": 3, "b": 3}
    assert order == (["a"] * 40 + ["b"] * 40) * 4  # the first of them to find how long a window has to be


def test_the_spread_is_the_middle_half_over_the_median() -> None:
    assert spread([1.0, 2.0, 3.0]) == (2.0, 1.0)
    assert spread([5.0]) == (5.0, 0.0)


def test_a_devices_name_fits_a_file_name() -> None:
    assert slug("NVIDIA H200 (80GB)") == "nvidia-h200-80gb"


def result() -> dict[str, Any]:
    facts = {"d": 4, "v": 8, "bytes": 64.0}
    rows = [
        {
            "facts": {**facts, "n": n, "flops": 64.0 * n},
            "outcomes": {
                OURS: {"seconds": [1.0], "graph": [0.5]},
                "peer": {"seconds": [2.0], "graph": []},
                "absent": {"seconds": [], "graph": []},
            },
        }
        for n in (16, 1)
    ]
    ceilings = {"copy": 100.0, "mm": 1000.0}
    return {
        "device": {"name": "a device"},
        "versions": {"torch": "2", "triton": "3"},
        "date": "2000-01-01",
        "sections": {"small": {"ceilings": ceilings, "rows": rows}},
    }


def test_the_roofline_takes_the_lower_ceiling() -> None:
    panel = panels(result())[4, 8]
    assert panel["limit"] == [(1, 100.0), (16, 1000.0)]
    assert panel[OURS] == [(1, 128.0), (16, 2048.0)]
    assert "absent" not in panel


def test_the_plot_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot(result(), tmp_path / "roofline.png")
    assert (tmp_path / "roofline.png").stat().st_size > 1000
