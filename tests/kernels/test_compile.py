"""Every kernel, compiled ahead of time for every architecture, without a GPU: what the compilers made of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from tests.paths import ROOT

ARCHITECTURES = ("sm_80", "sm_90", "sm_100", "gfx942")
MULTIPLYING = ("target_logits_kernel", "linear_piece_kernel")
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@cache
def compiled(architecture: str) -> list[dict[str, Any]]:
    """Records of all launches; in a process of its own, since Triton's interpreter is on in this one."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "tests.kernels.compile_launches", architecture]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-4000:]
    records: list[dict[str, Any]] = json.loads(run.stdout)
    return records


def of(architecture: str, *kernels: str, dtypes: tuple[str, ...] = ("bfloat16", "float16", "float32")) -> list[Any]:
    """Records of some kernels; there are some."""
    records = [r for r in compiled(architecture) if r["kernel"] in kernels and r["dtype"] in dtypes]
    assert records
    return records


@every_architecture
def test_every_kernel_compiles(architecture: str) -> None:
    assert {record["kernel"] for record in compiled(architecture)} == {
        "piece_kernel",
        "scored_rows_kernel",
        *MULTIPLYING,
        "merge_kernel",
        "score_answers_kernel",
    }


@pytest.mark.parametrize(
    ("architecture", "instruction"),
    [("sm_80", "mma.sync"), ("sm_90", "wgmma"), ("sm_100", "tcgen05.mma"), ("gfx942", "v_mfma")],
)
def test_16_bit_products_run_on_the_matrix_units(architecture: str, instruction: str) -> None:
    for record in of(architecture, *MULTIPLYING, dtypes=("bfloat16", "float16")):
        assert record["matrix"] and all(name.startswith(instruction) for name in record["matrix"]), record


@every_architecture
def test_float32_is_multiplied_as_float32(architecture: str) -> None:
    for record in of(architecture, *MULTIPLYING, dtypes=("float32",)):
        assert not any("tf32" in name or "bf16" in name for name in record["matrix"]), record


@every_architecture
def test_target_logits_use_the_instruction_of_the_pass(architecture: str) -> None:
    for dtype in ("bfloat16", "float16", "float32"):
        used = {tuple(record["matrix"]) for record in of(architecture, *MULTIPLYING, dtypes=(dtype,))}
        assert len(used) == 1


@every_architecture
@pytest.mark.parametrize(("kernel", "dtype"), [("linear_piece_kernel", "bfloat16"), ("piece_kernel", "bfloat16")])
def test_the_order_of_a_sum_does_not_depend_on_the_outputs(architecture: str, kernel: str, dtype: str) -> None:
    layouts = {tuple(r["row_sums"]) for r in of(architecture, kernel, dtypes=(dtype,)) if r["variant"] != "odd depth"}
    assert len(layouts) == 1
    assert len(layouts.pop()) == 1


def test_registers_suffice_on_sm_90() -> None:
    spilled = {
        (r["kernel"], r["dtype"], r["variant"]): r["spilled"]
        for r in compiled("sm_90")
        if r["variant"] not in ("everything", "odd depth")
    }
    # Triton 3.6 spills a few registers where 3.9 spills none
    assert max(spilled.values()) <= 128, spilled
    assert spilled["linear_piece_kernel", "bfloat16", "plain"] == 0
    assert spilled["linear_piece_kernel", "bfloat16", "entropy and rank"] == 0


@every_architecture
def test_16_bytes_are_loaded_at_a_time(architecture: str) -> None:
    records = of(architecture, "piece_kernel", *MULTIPLYING)
    assert all(record["wide_loads"] for record in records if record["variant"] != "odd depth"), records
