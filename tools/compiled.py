"""What a compiler made of a kernel: registers, memory, instructions and the order of sums, read from its code."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import triton

__all__ = ["Facts", "facts_of", "row_sums"]

_BIN = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
_PTX_MATRIX = re.compile(r"\b(?:wgmma\.mma_async|mma\.sync|tcgen05\.mma)\.[\w.:]+")
_SASS_INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)")
_AMD_INSTRUCTION = re.compile(r"^\t([sv]_\w+|(?:global|buffer|flat|scratch|ds)_\w+)", re.MULTILINE)
_AMD_BITS = {
    "ubyte": 8,
    "sbyte": 8,
    "ushort": 16,
    "short": 16,
    "dword": 32,
    "dwordx2": 64,
    "dwordx3": 96,
    "dwordx4": 128,
}


@dataclass(frozen=True)
class Facts:
    """Of one compiled kernel."""

    registers: int = 0
    """A thread's."""
    spilled: int = 0
    """Bytes of memory a thread, which these kernels use for spilled registers only."""
    shared: int = 0
    """Bytes of shared memory a program."""
    matrix: list[str] = field(default_factory=list)
    """Distinct instructions of the matrix units."""
    tma: bool = False
    """Whether tiles are fetched by the tensor memory accelerator."""
    loads: dict[str, int] = field(default_factory=dict)
    """How many instructions load from global memory, by the bits that each loads for a thread."""
    instructions: int = 0
    row_sums: list[str] = field(default_factory=list)
    """See `row_sums`."""

    @property
    def wide_loads(self) -> int:
        """How many instructions load 16 bytes at a time, or more."""
        return sum(count for bits, count in self.loads.items() if int(bits) >= 128)


def facts_of(compiled: Any) -> Facts:
    """Measure what `pyscore.kernels.aot.compile_launch` gave back."""
    common = {"shared": compiled.metadata.shared, "row_sums": row_sums(compiled.asm["ttgir"])}
    if "amdgcn" in compiled.asm:
        return Facts(**common, **_amd(compiled.asm["amdgcn"]))
    return Facts(**common, **_nvidia(compiled.asm["ptx"], compiled.asm["cubin"]))


def _nvidia(ptx: str, cubin: bytes) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        usage, sass = (
            subprocess.run([_BIN / tool, *options, file.name], capture_output=True, text=True, check=True).stdout
            for tool, options in (("cuobjdump", ["-res-usage"]), ("nvdisasm", ["-c", "-ndf"]))
        )
    registers, stack = (int(re.search(rf"{name}:(\d+)", usage)[1]) for name in ("REG", "STACK"))
    instructions = _SASS_INSTRUCTION.findall(sass)
    loads = Counter(_sass_bits(name) for name in instructions if name.startswith(("LDG.", "LDGSTS.")))
    return {
        "registers": registers,
        "spilled": stack,
        "matrix": sorted(set(_PTX_MATRIX.findall(ptx))),
        "tma": any(name.startswith("UTMALDG") for name in instructions),
        "loads": _by_width(loads),
        "instructions": len(instructions),
    }


def _sass_bits(name: str) -> int:
    modifiers = name.split(".")
    widths = [int(found[1]) for modifier in modifiers if (found := re.fullmatch(r"[US]?(8|16|64|128|256)", modifier))]
    return widths[0] if widths else 32


def _amd(code: str) -> dict[str, Any]:
    def number(name: str) -> int:
        return int(re.search(rf"\.{name}:\s+(\d+)", code)[1])

    instructions = _AMD_INSTRUCTION.findall(code)
    loaded = (re.fullmatch(r"(?:global|buffer|flat)_load_([a-z]+\d?)\w*", name) for name in instructions)
    return {
        "registers": number("vgpr_count"),  # ordinary and accumulation registers together
        "spilled": number("private_segment_fixed_size"),
        "matrix": sorted({name for name in instructions if name.startswith("v_mfma")}),
        "loads": _by_width(Counter(_AMD_BITS[found[1]] for found in loaded if found)),
        "instructions": len(instructions),
    }


def _by_width(loads: Counter[int]) -> dict[str, int]:
    return {str(bits): loads[bits] for bits in sorted(loads)}


def row_sums(ttgir: str) -> list[str]:
    """How the values that sums along a tile's rows, or over lanes, add lie in threads: the order of addition.

    Of the layout of each tensor that is summed, what lies across rows is left out: tiles of more rows and warps along
    them add a row in the same order.
    """
    layouts: dict[str, str] = dict(re.findall(r"^(#\w+) = (#ttg\..*)$", ttgir, re.MULTILINE))
    found = set()
    for reduction in ttgir.split('"tt.reduce"')[1:]:
        body, _, rest = reduction.partition("tt.reduce.return")
        added = re.search(r": \(tensor<\d+x(\d+)xf32, (#.+?)>\) ->", rest)
        if "axis = 1" in body and "arith.addf" in body and added:
            width, layout = int(added[1]), str(added[2])
            found.add(_along_a_row(layouts.get(layout, layout), width))
        lanes = re.search(r": \(tensor<(\d+)xf32, (#.+?)>\) ->", rest)
        if lanes and "arith.addf" in body:
            found.add(_of_lanes(re.sub(r"#\w+", lambda name: layouts.get(name[0], name[0]), lanes[2]), int(lanes[1])))
    return sorted(found)


def _of_lanes(layout: str, count: int) -> str:
    """How one value a lane lies in threads: of a slice of columns, what it says of rows."""
    counts = re.findall(r"(?:sizePerThread|threadsPerWarp|warpsPerCTA) = \[(\d+)(?:, \d+)?\]", layout)
    is_known = layout.startswith(("#ttg.blocked", "#ttg.slice<{dim = 1, parent = #ttg.blocked")) and len(counts) == 3
    return f"{count} lanes: {' x '.join(counts) if is_known else layout}"


def _along_a_row(layout: str, width: int) -> str:
    """A layout of [rows, width], without what it says of rows."""
    if layout.startswith("#ttg.linear"):
        bases = {
            name: [column for column in map(int, re.findall(r"\[\d+, (\d+)\]", text)) if column]
            for name, text in re.findall(r"(register|lane|warp|block) = \[(.*?)\](?=, [a-z]|\})", layout)
        }
        return f"{width}: " + ", ".join(f"{name} {columns}" for name, columns in bases.items())
    along = re.sub(r"(sizePerThread|threadsPerWarp|warpsPerCTA) = \[\d+, (\d+)\]", r"\1 = \2", layout)
    return f"{width}: {along}"
