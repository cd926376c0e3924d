"""What the compilers make of every kernel, without a GPU: `python -m tools.kernels_report`, `make kernels-report`.

Every row of kernels/configs.json is compiled ahead of time, for the architectures that it serves, with every kind of
output, tile and weight. Prints a table; exit status 1 and the reasons where a kernel is not what it was meant to be.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import triton

from pyscore.kernels.aot import compile_launch
from pyscore.kernels.configs import table
from pyscore.kernels.launch import Launch
from tools.compiled import Facts, facts_of
from tools.launches import ARCHITECTURES, Case, cases, launches_of

__all__ = ["MATRIX", "MULTIPLYING", "Record", "main", "problems", "records", "same_but_for_width"]

MATRIX = {"sm_80": "mma.sync", "sm_90": "wgmma", "sm_100": "tcgen05.mma", "gfx942": "v_mfma", "nvidia": "mma.sync"}
"""How the names of the matrix units' instructions begin."""
MULTIPLYING = ("target_logits_kernel", "linear_piece_kernel")
_SHARED = {"sm_80": 163 << 10, "sm_90": 227 << 10, "sm_100": 227 << 10, "gfx942": 64 << 10, "nvidia": 99 << 10}
"""Bytes of shared memory that a program may take."""
_ITEMSIZE = {"bfloat16": 2, "float16": 2, "float32": 4}


@dataclass(frozen=True)
class Record:
    """One compiled kernel and the first case that needed it."""

    case: Case
    kernel: str
    blocks: tuple[int, ...]
    """Rows, vocabulary entries and depth of a tile; lanes, loads of a lane and their entries for ready logits."""
    warps: int
    stages: int
    facts: Facts
    hash: str = ""
    error: str = ""

    @property
    def tile(self) -> str:
        """Blocks, warps and stages."""
        stages = f" s{self.stages}" if self.stages else ""
        return f"{'x'.join(map(str, self.blocks))} w{self.warps}{stages}".strip()

    @property
    def name(self) -> str:
        """Says which kernel it is."""
        return ", ".join(filter(None, (self.case.architecture, self.kernel, self.tile, *self.case[3:])))


def _record(case: Case, launch: Launch) -> Record:
    name, arguments, options = launch.kernel.__name__, launch.arguments, launch.options
    blocks: tuple[int, ...] = ()
    if name in MULTIPLYING:
        blocks = arguments["BLOCK_N"], arguments.get("BLOCK_V", arguments["BLOCK_N"]), arguments["BLOCK_D"]
    elif name == "piece_kernel":
        blocks = arguments["LANES"], arguments["VECTORS"], arguments["WIDTH"]
    where = (case, name, blocks, options["num_warps"], options.get("num_stages", 0))
    try:
        compiled = compile_launch(launch, "sm_80" if case.architecture == "nvidia" else case.architecture)
    except Exception as error:  # Whatever a compiler raises is reported as the kernel's problem.
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        text = f"{type(cause).__name__}: {str(cause).strip()[-500:]}"
        return Record(*where, Facts(), f"{name}: {text}", text)
    key = (case.architecture, compiled.hash)
    if key not in _measured:
        _measured[key] = facts_of(compiled)
    return Record(*where, _measured[key], compiled.hash)


_measured: dict[tuple[str, str], Facts] = {}
"""By a process: many cases share kernels."""


def _records_of(case: Case) -> list[Record]:
    return [_record(case, launch) for launch in launches_of(case)]


def records(architectures: Iterable[str], quick: bool = False) -> list[Record]:
    """Compile everything in as many processes as there are CPUs; one record for each distinct kernel."""
    wanted = [case for architecture in architectures for case in cases(architecture, quick)]
    found: dict[tuple[str, str], Record] = {}
    # A forked process needs no imports of its own. Forking is safe here: this process has compiled nothing, and so has
    # started no threads.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("fork")) as pool:
        for batch in pool.map(_records_of, wanted, chunksize=2):
            for record in batch:
                found.setdefault((record.case.architecture, record.hash), record)
    return list(found.values())


def problems(found: Sequence[Record]) -> list[str]:
    """What is not as it was meant to be, each with its kernel."""
    own = [f"{record.name}: {text}" for record in found for text in _own_problems(record)]
    return own + list(_differences([record for record in found if not record.error]))


def _own_problems(record: Record) -> Iterator[str]:
    case, facts = record.case, record.facts
    if record.error:
        yield f"does not compile: {record.error}"
        return
    if case.architecture == "sm_90" and facts.spilled and not _chosen_spill(record):
        yield f"spills {facts.spilled} bytes of registers"
    limit = _SHARED[case.architecture]
    if facts.shared > limit:
        yield f"takes {facts.shared} bytes of shared memory, of which there are {limit}"
    if record.kernel == "piece_kernel" and case.weight != "odd" and not facts.wide_loads:
        yield "loads nowhere 16 bytes at a time"
    if record.kernel in MULTIPLYING:
        yield from _instruction_problems(record)
        yield from _operand_problems(record)


def _chosen_spill(record: Record) -> bool:
    """Whether half of the registers were left: ptxas sets some bytes aside so that more programs fit.

    It does so with float32 products and compared answers; where a spill would cost time, none is excused.
    """
    left_over = record.facts.registers <= min(65536 // (32 * record.warps), 255) // 2 + 1
    float32_products = record.case.dtype == "float32" and record.kernel in MULTIPLYING
    return left_over and (float32_products or record.kernel == "score_answers_kernel")


def _instruction_problems(record: Record) -> Iterator[str]:
    names, unit = record.facts.matrix, MATRIX[record.case.architecture]
    if record.case.dtype != "float32":
        if not names or not all(name.startswith(unit) for name in names):
            yield f"multiplies by {', '.join(names) or 'no matrix instruction'} instead of {unit}"
    elif narrow := [name for name in names if re.search(r"f16|tf32|xf32", name)]:
        yield f"multiplies float32 by {', '.join(narrow)}"


def _operand_problems(record: Record) -> Iterator[str]:
    case, facts = record.case, record.facts
    rows, entries, depth = record.blocks
    in_pass = record.kernel == "linear_piece_kernel"
    described = in_pass and case.weight in ("by entries", "masked") and table()[case.row]["descriptors"]
    if described and not facts.tma:
        yield "fetches the weight without the tensor memory accelerator"
    if case.weight == "odd":
        return
    stage = (rows + entries) * depth * _ITEMSIZE[case.dtype]
    pipelined = facts.shared >= (record.stages - 1) * stage
    if case.architecture == "sm_90" and in_pass and not pipelined:
        yield f"is not pipelined: {facts.shared} bytes of shared memory hold no {record.stages - 1} stages of {stage}"
    # The rows of the weight that target_logits_kernel gathers are not contiguous where the weight is transposed.
    by_threads = [] if described or (case.weight == "transposed" and not in_pass) else [entries]
    if (
        not described or case.tile == "many"
    ):  # Descriptors fetch the hidden states too where they are one block of rows.
        by_threads.append(rows)
    threads = record.warps * (64 if case.architecture == "gfx942" else 32)
    needed = sum(block * depth * _ITEMSIZE[case.dtype] // (threads * 16) for block in by_threads)
    # The loads of the loop's body stand in the code once more for every stage that is filled before the loop.
    needed *= record.stages if pipelined and case.architecture != "gfx942" else 1
    if facts.wide_loads < needed:
        yield f"loads 16 bytes at a time in {facts.wide_loads} instructions, where operands need {needed}"


def same_but_for_width(names: Iterable[str]) -> tuple[str, ...]:
    """Matrix instructions without their n, the width, which doesn't change the order of a sum."""
    return tuple(sorted({re.sub(r"\.m(\d+)n\d+k(\d+)\.", r".m\1k\2.", name) for name in names}))


def _differences(found: Sequence[Record]) -> Iterator[str]:
    """Kernels of one row of the table whose bits would differ."""
    passes: dict[Any, Record] = {}
    for record in found:
        case, facts = record.case, record.facts
        if record.kernel not in ("linear_piece_kernel", "piece_kernel"):
            continue
        if len(facts.row_sums) != 1:
            yield f"{record.name}: adds a row's values in several orders: {facts.row_sums}"
        weight = "" if case.op == "ready" else case.weight  # logits are added in one order however they lie
        other = passes.setdefault((case[:4], weight), record)
        if facts.row_sums != other.facts.row_sums:
            orders = f"{facts.row_sums} and {other.facts.row_sums}"
            yield f"{record.name}: adds a row's values in another order than {other.name}: {orders}"
        if facts.matrix != other.facts.matrix:
            yield f"{record.name}: multiplies by {facts.matrix}, {other.name} by {other.facts.matrix}"
    for record in found:
        other = passes.get((record.case[:4], record.case.weight), record)
        if record.kernel != "target_logits_kernel":
            continue
        if same_but_for_width(record.facts.matrix) != same_but_for_width(other.facts.matrix):
            yield f"{record.name}: multiplies by {record.facts.matrix}, the pass by {other.facts.matrix}"


def _cells(record: Record) -> list[str]:
    case, facts = record.case, record.facts
    calls = ", ".join(filter(None, (case.variant, case.weight, case.tile)))
    matrix = " ".join(re.sub(r"\.(sync|aligned|row|col|mma_async)\b", "", name) for name in facts.matrix)
    numbers = (facts.registers, facts.spilled, facts.shared)
    return [
        record.kernel, calls, case.dtype, record.tile, *map(str, numbers), matrix or "-", "yes" if facts.tma else "-",
        str(facts.wide_loads), str(facts.instructions),
    ]  # fmt: skip


_COLUMNS = [
    "kernel", "variant", "dtype", "tile", "registers", "spilled", "shared", "matrix", "TMA", "16-byte loads",
    "instructions",
]  # fmt: skip


def _text(found: Sequence[Record]) -> str:
    cells = [_COLUMNS, *map(_cells, found)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0, or 1 if there are problems."""
    parser = argparse.ArgumentParser(prog="python -m tools.kernels_report", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--architecture", nargs="+", choices=ARCHITECTURES, default=ARCHITECTURES, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="fewer outputs, but for sm_90")
    parser.add_argument("--json", action="store_true", help="print records and problems for machines")
    parser.add_argument("--triton", action="store_true", help="print the version of Triton in use, and stop")
    arguments = parser.parse_args(argv)
    if arguments.triton:
        print(triton.__version__)
        return 0
    if os.environ.get("TRITON_INTERPRET"):
        parser.error("Triton's interpreter compiles nothing: unset TRITON_INTERPRET")
    found, failures = [], []
    for architecture in arguments.architecture:
        start = time.monotonic()
        batch = records([architecture], arguments.quick)
        wrong = problems(batch)
        found += batch
        failures += wrong
        if not arguments.json:
            print(f"{architecture}, Triton {triton.__version__}\n{_text(batch)}\n", flush=True)
        summary = f"{architecture}, Triton {triton.__version__}: {len(batch)} kernels, {len(wrong)} problems"
        print(f"{summary}, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    if arguments.json:
        print(json.dumps({"triton": triton.__version__, "records": [asdict(r) for r in found], "problems": failures}))
    else:
        print("\n".join(failures) or "no problems")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
