"""Every kernel, compiled ahead of time for every architecture, without a GPU: what the compilers made of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from pyscore.kernels.configs import table
from tests.paths import ROOT
from tools.compiled import Facts, row_sums
from tools.kernels_report import MATRIX, MULTIPLYING, Record, problems, same_but_for_width
from tools.launches import ARCHITECTURES, VARIANTS, Case

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@cache
def report(architecture: str) -> tuple[list[Record], list[str]]:
    """Records and problems; from a process of its own, since Triton's interpreter is on in this one."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "tools.kernels_report", "--quick", "--json", "--architecture", architecture]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.stdout, run.stderr[-4000:]
    found = json.loads(run.stdout)
    assert run.returncode == bool(found["problems"])
    return [read(record) for record in found["records"]], found["problems"]


def read(record: dict[str, Any]) -> Record:
    """A record that ``--json`` printed."""
    types = {"case": Case(*record["case"]), "blocks": tuple(record["blocks"]), "facts": Facts(**record["facts"])}
    return Record(**(record | types))


def of(architecture: str, *kernels: str, dtypes: tuple[str, ...] = ("bfloat16", "float16", "float32")) -> list[Record]:
    """Records of some kernels; there are some."""
    records = [r for r in report(architecture)[0] if r.kernel in kernels and r.case.dtype in dtypes]
    assert records
    return records


@every_architecture
def test_the_report_finds_no_problem(architecture: str) -> None:
    assert report(architecture)[1] == []


@every_architecture
def test_every_kernel_compiles(architecture: str) -> None:
    assert {record.kernel for record in report(architecture)[0]} == {
        "piece_kernel",
        "scored_rows_kernel",
        *MULTIPLYING,
        "merge_kernel",
        "score_answers_kernel",
    }


def test_every_output_is_compiled_for_sm_90() -> None:
    for dtype in ("bfloat16", "float32"):
        assert {record.case.variant for record in of("sm_90", "linear_piece_kernel", dtypes=(dtype,))} >= {*VARIANTS}


@every_architecture
def test_16_bit_products_run_on_the_matrix_units(architecture: str) -> None:
    for record in of(architecture, *MULTIPLYING, dtypes=("bfloat16", "float16")):
        assert record.facts.matrix and all(n.startswith(MATRIX[architecture]) for n in record.facts.matrix), record.name


@every_architecture
def test_float32_is_multiplied_as_float32(architecture: str) -> None:
    for record in of(architecture, *MULTIPLYING, dtypes=("float32",)):
        assert not any("tf32" in name or "f16" in name for name in record.facts.matrix), record.name


@every_architecture
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_target_logits_use_the_instruction_of_the_pass(architecture: str, dtype: str) -> None:
    records = of(architecture, *MULTIPLYING, dtypes=(dtype,))
    assert len({same_but_for_width(record.facts.matrix) for record in records}) == 1


@every_architecture
@pytest.mark.parametrize(("kernel", "dtype"), [("linear_piece_kernel", "bfloat16"), ("piece_kernel", "bfloat16")])
def test_the_order_of_a_sum_depends_on_neither_outputs_nor_rows(architecture: str, kernel: str, dtype: str) -> None:
    orders: dict[Any, set[str]] = {}
    for record in of(architecture, kernel, dtypes=(dtype,)):
        weight = "" if kernel == "piece_kernel" else record.case.weight  # logits: one order however they lie
        orders.setdefault((record.case.row, weight), set()).update(record.facts.row_sums)
    assert all(len(order) == 1 for order in orders.values()), orders


@every_architecture
def test_16_bytes_are_loaded_at_a_time(architecture: str) -> None:
    records = of(architecture, "piece_kernel", "linear_piece_kernel", dtypes=("bfloat16",))
    assert all(record.facts.wide_loads or record.facts.tma for record in records if record.case.weight != "odd")


_ROW = next(
    index for index, row in enumerate(table()) if row["architecture"] == "sm_90" and row.get("descriptors", False)
)
_WGMMA = "wgmma.mma_async.sync.aligned.m64n{n}k16.f32.{kind}.{kind}"
_GOOD = Record(
    case=Case("sm_90", "linear", _ROW, "bfloat16", "plain", "by entries", "many"),
    kernel="linear_piece_kernel",
    blocks=(128, 256, 64),
    warps=8,
    stages=4,
    facts=Facts(
        registers=250,
        shared=196608,
        matrix=[_WGMMA.format(n=256, kind="bf16")],
        tma=True,
        loads={"32": 20, "128": 16},
        instructions=3000,
        row_sums=["64: register [1, 8, 16, 32], lane [2, 4], warp [], block []"],
    ),
)


def changed(record: Record = _GOOD, case: dict[str, Any] | None = None, **facts: Any) -> Record:
    """A record with other fields of its case and other facts."""
    return replace(record, case=record.case._replace(**case or {}), facts=replace(record.facts, **facts))


_GATHERED = replace(
    changed(matrix=[_WGMMA.format(n=64, kind="bf16")], tma=False, loads={"128": 48}),
    kernel="target_logits_kernel", blocks=(64, 64, 64), warps=4, stages=6,
)  # fmt: skip


def test_kernels_as_they_should_be_are_no_problem() -> None:
    narrower = replace(changed(case={"tile": "few"}), blocks=(64, 256, 64), warps=4)
    assert problems([_GOOD, narrower, _GATHERED]) == []


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (changed(spilled=8), "spills 8 bytes"),
        (changed(shared=240_000), "240000 bytes of shared memory"),
        (changed(shared=49152), "not pipelined"),
        (changed(matrix=[]), "no matrix instruction"),
        (changed(matrix=["mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"]), "instead of wgmma"),
        (
            replace(
                changed(case={"dtype": "float32"}, matrix=[_WGMMA.format(n=256, kind="tf32")]), blocks=(128, 256, 32)
            ),
            "multiplies float32 by",
        ),
        (changed(tma=False), "without the tensor memory accelerator"),
        (changed(loads={"32": 20, "128": 15}), "16 bytes at a time in 15 instructions, where operands need 16"),
        (replace(changed(loads={"64": 8}), kernel="piece_kernel", blocks=(4096,)), "nowhere 16 bytes"),
        (changed(row_sums=[]), "several orders"),
        (replace(_GOOD, error="CompilationError: at 1:1"), "does not compile: CompilationError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_kernel_that_is_not_as_it_should_be_is_a_problem(record: Record, reason: str) -> None:
    (found,) = problems([record])
    assert found.startswith(record.name) and reason in found


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (changed(case={"tile": "few"}, row_sums=["64: register [1, 8, 16], lane [2, 4], warp [32]"]), "another order"),
        (changed(case={"variant": "top_k"}, matrix=[_WGMMA.format(n=128, kind="bf16")]), "multiplies by"),
        (changed(_GATHERED, matrix=[_WGMMA.format(n=64, kind="bf16").replace("k16", "k8")]), "the pass by"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_kernels_of_one_config_whose_bits_differ_are_a_problem(record: Record, reason: str) -> None:
    (found,) = problems([_GOOD, record])
    assert found.startswith(record.name) and reason in found


def test_spills_elsewhere_than_on_sm_90_are_told_but_no_problem() -> None:
    elsewhere: dict[str, Any] = {
        "case": {"architecture": "sm_80", "weight": "transposed"},
        "matrix": ["mma.sync.m16n8k16."],
    }
    assert problems([changed(**elsewhere, spilled=8, shared=99 << 10, loads={"128": 64})]) == []


_REDUCTION = """
  %total = "tt.reduce"(%mass) <{{axis = 1 : i32}}> ({{
    %sum = arith.addf %a, %b : f32
    tt.reduce.return %sum : f32
  }}) : (tensor<{rows}x64xf32, {layout}>) -> tensor<{rows}xf32, #ttg.slice<{{dim = 1, parent = {layout}}}>>
"""


def order(layout: str, rows: int = 128) -> list[str]:
    """The order of a sum over tensors of a layout."""
    return row_sums(f"#layout = {layout}\n" + _REDUCTION.format(layout="#layout", rows=rows))


def test_more_warps_along_the_rows_leave_the_order_of_a_sum() -> None:
    linear = "#ttg.linear<{{register = [[0, 1], [8, 0], [0, 8]], lane = [[0, 2], [1, 0]], warp = {}, block = []}}>"
    assert order(linear.format("[[16, 0], [32, 0]]"), 64) == order(linear.format("[[16, 0], [32, 0], [64, 0]]"))
    assert order(linear.format("[[16, 0], [32, 0]]")) != order(linear.format("[[16, 0], [0, 32]]"))
    mma = "#ttg.nvidia_mma<{{versionMajor = 3, versionMinor = 0, warpsPerCTA = {}, instrShape = [16, 64, 16]}}>"
    assert order(mma.format("[4, 1]"), 64) == order(mma.format("[8, 1]"))
    assert order(mma.format("[4, 1]")) != order(mma.format("[2, 2]"))


def test_sums_of_integers_and_across_rows_have_no_part_in_the_order() -> None:
    text = _REDUCTION.format(layout="#layout", rows=128)
    assert row_sums(text.replace("addf", "addi")) == row_sums(text.replace("axis = 1", "axis = 0")) == []
