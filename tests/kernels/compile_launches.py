"""Compiles every kernel for one GPU architecture and prints what came out as JSON: a script, without interpreter."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import triton
from torch import Tensor

from pyscore.kernels.answers import plan_score_answers
from pyscore.kernels.aot import compile_launch
from pyscore.kernels.configs import linear_config, ready_config
from pyscore.kernels.launch import Launch
from pyscore.kernels.linear_logprobs import plan_linear_logprobs
from pyscore.kernels.logprobs import plan_logprobs
from pyscore.kernels.target_logits import plan_target_logits

ROWS, DEPTH, VOCAB = 4096, 4096, 128256
PLAIN = {"softcap": None, "entropy": False, "rank": False, "top_k": 0}
EVERYTHING = {"softcap": 30.0, "entropy": True, "rank": True, "top_k": 16}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "entropy and rank": {"entropy": True, "rank": True},
    "softcap": {"softcap": 30.0},
    "top_k": {"top_k": 16},
}
CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


def meta(*size: int, dtype: torch.dtype) -> Tensor:
    """A tensor without memory."""
    return torch.empty(*size, dtype=dtype, device="meta")


def candidates() -> tuple[Tensor, Tensor]:
    """One candidate a row."""
    return meta(ROWS, dtype=torch.int64), meta(ROWS + 1, dtype=torch.int64)


def linear(architecture: str, dtype: torch.dtype, depth: int, every_step: bool, **outputs: Any) -> list[Launch]:
    """The launches of target_logits and linear_logprobs."""
    bias = meta(VOCAB, dtype=dtype) if every_step else None
    temperature = meta(ROWS, dtype=torch.float32) if every_step else None
    inputs = (meta(ROWS, depth, dtype=dtype), meta(VOCAB, depth, dtype=dtype), bias, *candidates(), temperature)
    options = {
        "config": linear_config(architecture, dtype), "ignore_index": -100, "vocab_start": 0,
        "logit_scale": 0.5 if every_step else 1.0, "softcap": outputs.pop("softcap"),
    }  # fmt: skip
    z, gather = plan_target_logits(*inputs, **options)
    return gather + plan_linear_logprobs(*inputs, z, **options, **outputs)[1][:3]


def ready(architecture: str, dtype: torch.dtype, **options: Any) -> list[Launch]:
    """The launches of logprobs."""
    inputs = (meta(ROWS, VOCAB, dtype=dtype), *candidates(), None)
    config = ready_config(architecture)
    return plan_logprobs(*inputs, config=config, ignore_index=-100, vocab_start=0, **options)[1][:2]


def answers(dtype: torch.dtype, sets: str, normalised: bool) -> list[Launch]:
    """The launch of score_answers."""
    offsets, per_answer = meta(101, dtype=torch.int64), meta(100, dtype=dtype)
    tokens, flags = meta(1000, dtype=dtype), meta(100, dtype=torch.bool)
    extra = (per_answer, per_answer) if normalised else (None, None)
    return plan_score_answers(tokens, offsets, offsets, flags, *extra, sets=sets, ties="first")[1]


def launches(architecture: str) -> Iterator[tuple[str, str, Launch]]:
    """(variant, dtype, launch) of all that is compiled."""
    named: list[tuple[str, torch.dtype, list[Launch]]] = []
    for variant, outputs in VARIANTS.items():
        plain = {**PLAIN, **outputs}
        named.append((variant, torch.bfloat16, linear(architecture, torch.bfloat16, DEPTH, False, **plain)))
    for dtype in (torch.bfloat16, torch.float32):
        named.append(("everything", dtype, linear(architecture, dtype, 1008, True, **EVERYTHING)))
        named.append(("plain, ready", dtype, ready(architecture, dtype, **PLAIN)))
        named.append(("everything, ready", dtype, ready(architecture, dtype, **EVERYTHING)))
    named.append(("odd depth", torch.bfloat16, linear(architecture, torch.bfloat16, 1001, False, **PLAIN)))
    for dtype in (torch.float16, torch.float32):
        named.append(("plain", dtype, linear(architecture, dtype, DEPTH, False, **PLAIN)))
    named.append(("plain", torch.float32, answers(torch.float32, "max", False)))
    named.append(("everything", torch.float64, answers(torch.float64, "sum", True)))
    for variant, dtype, group in named:
        for launch in group:
            yield variant, str(dtype).removeprefix("torch."), launch


def stack_bytes(cubin: bytes) -> int:
    """Bytes of stack, which these kernels use for spilled registers only."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        report = subprocess.run([CUOBJDUMP, "-res-usage", file.name], capture_output=True, text=True, check=True)
    return int(re.search(r"STACK:(\d+)", report.stdout)[1])  # type: ignore[index]


def row_sums(ttgir: str) -> list[str]:
    """How the values that sums along a tile's rows add lie in threads: it decides the order of addition."""
    layouts = dict(re.findall(r"^(#\w+) = (.*)$", ttgir, re.MULTILINE))
    found = set()
    for reduction in ttgir.split('"tt.reduce"')[1:]:
        body, _, rest = reduction.partition("tt.reduce.return")
        added = re.search(r": \(tensor<\d+x\d+xf32, (#\w+)>\) ->", rest)
        if "axis = 1" in body and "arith.addf" in body and added:
            found.add(layouts[added[1]])
    return sorted(found)


def describe(compiled: Any) -> dict[str, Any]:
    """What the tests ask of a compiled kernel."""
    if "amdgcn" in compiled.asm:
        code = compiled.asm["amdgcn"]
        spilled = int(re.search(r"\.vgpr_spill_count:\s+(\d+)", code)[1])  # type: ignore[index]
        instructions = re.findall(r"\bv_mfma_\w+", code)
    else:
        code, spilled = compiled.asm["ptx"], stack_bytes(compiled.asm["cubin"])
        instructions = re.findall(r"\b(?:wgmma\.mma_async|mma\.sync|tcgen05\.mma)\.[\w.:]+", code)
    return {
        "matrix": sorted(set(instructions)),
        "spilled": spilled,
        "wide_loads": len(re.findall(r"ld\.global\S*\.v4\.b32|cp\.async\.cg\S* .*?, 0x10|_load_dwordx4", code)),
        "row_sums": row_sums(compiled.asm["ttgir"]),
    }


def main(architecture: str) -> None:
    """Compile each distinct launch once."""
    records, seen = [], set()
    for variant, dtype, launch in launches(architecture):
        name = launch.kernel.fn.__name__
        compiled = compile_launch(launch, architecture)
        if compiled.hash not in seen:
            seen.add(compiled.hash)
            records.append({"kernel": name, "variant": variant, "dtype": dtype, **describe(compiled)})
    print(json.dumps(records))


if __name__ == "__main__":
    main(sys.argv[1])
