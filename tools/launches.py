"""Every launch that the table of tile parameters, the dtypes and the outputs lead to, planned without memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

import pyscore.ops.request as ops
from pyscore.kernels.configs import linear_of, ready_of, serving, table
from pyscore.kernels.launch import Launch
from pyscore.kernels.linear_logprobs import plan_linear_logprobs
from pyscore.kernels.logprobs import plan_logprobs
from pyscore.kernels.projection import aligned_rows
from pyscore.kernels.score_answers import plan_score_answers
from pyscore.kernels.target_logits import plan_target_logits

__all__ = ["ARCHITECTURES", "VARIANTS", "Case", "cases", "launches_of"]

ARCHITECTURES = ("sm_80", "sm_90", "sm_100", "gfx942", "nvidia")
"""Names of the table; "nvidia" stands for devices without rows of their own."""

_ROWS, _DEPTH, _VOCAB = 4096, 4096, 128256
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "entropy and rank": {"entropy": True, "rank": True},
    "softcap": {"softcap": 30.0},
    "top_k": {"top_k": 16},
    "everything": {"softcap": 30.0, "entropy": True, "rank": True, "top_k": 16},
}
"""Outputs asked for; everything comes with bias, scale and temperature."""
_QUICK: tuple[str, ...] = ("plain", "everything")
_EVERYTHING, _SHARD = "everything", "shard"
"""The pass of a vocabulary's shard: the targets' logits, which any shard may hold, are given."""
_DTYPES = {2: ("bfloat16", "float16"), 4: ("float32",)}


class Case(NamedTuple):
    """A call of an op; names only, so that it travels between processes."""

    architecture: str
    op: str
    row: int
    """Which row of the table."""
    dtype: str
    variant: str
    weight: str = ""
    """How the weight lies in memory: by entries, masked (a depth that tiles don't divide), transposed, or odd.

    Odd logits are those of an odd number of entries.
    """
    tile: str = ""
    """few, many, or one block: the tile for many rows, for as many rows as it holds."""


def _serving(architecture: str, op: str, itemsize: int) -> list[int]:
    """Numbers of the table's rows that serve an architecture."""
    return [table().index(row) for row in serving(op, architecture, itemsize)]


def cases(architecture: str, quick: bool = False) -> Iterator[Case]:
    """Everything that is compiled for an architecture.

    quick: every kind of output on sm_90 alone, elsewhere none and all of them; fewer weights that lie uncommonly, and
    float16 for the instructions' names alone.
    """
    for itemsize, dtypes in _DTYPES.items():
        rows = _serving(architecture, "linear", itemsize)
        for row in rows:
            # If another row of the table uses descriptors, this one serves only the weights that they can't describe.
            takes_all = not any(table()[other]["descriptors"] for other in rows)
            for dtype in dtypes:
                yield from _linear_cases(Case(architecture, "linear", row, dtype, ""), takes_all, quick)
        for row in _serving(architecture, "ready", itemsize):
            for dtype in dtypes:
                if quick and dtype == "float16":
                    continue
                for variant in _QUICK if quick or dtype == "float16" else (*VARIANTS, _SHARD):
                    yield Case(architecture, "ready", row, dtype, variant)
                yield Case(architecture, "ready", row, dtype, "everything", "odd")
    for dtype, variant in (("float32", "plain"), ("float64", "everything")):
        yield Case(architecture, "answers", -1, dtype, variant)


def _linear_cases(case: Case, takes_all: bool, quick: bool) -> Iterator[Case]:
    """Of one row of the table and dtype."""
    row, thorough = table()[case.row], case.architecture == "sm_90"
    described = row["descriptors"] or takes_all
    usual = "by entries" if described else "transposed"
    uncommon = ["masked"] * described + ["odd"] * (not row["descriptors"])
    most = tuple(VARIANTS) if not quick or (thorough and described) else _QUICK
    if case.dtype == "float16":  # Its code differs from bfloat16's in the names of instructions alone.
        wanted = [(usual, "many", _QUICK[:1] if quick else _QUICK)]
    elif quick:
        wanted = [(usual, "few", most if thorough else _QUICK[:1]), (usual, "many", most)]
        wanted += [(weight, "many", _QUICK[:1]) for weight in uncommon if thorough]
    else:
        wanted = [(usual, "few", (*most, _SHARD)), (usual, "many", most)]
        wanted += [("transposed", "few", most)] * (takes_all and thorough)
        wanted += [("transposed", "many", most if thorough else _QUICK)] * takes_all
        wanted += [(weight, "many", _QUICK) for weight in uncommon]
    if row["few"][0] < row["many"][0] and case.dtype != "float16" and (described or not quick):
        wanted.append((usual, "one block", _QUICK if quick else most))
    for weight, tile, variants in wanted:
        for variant in variants:
            yield case._replace(variant=variant, weight=weight, tile=tile)


def launches_of(case: Case) -> list[Launch]:
    """A case's launches."""
    dtype: torch.dtype = getattr(torch, case.dtype)
    return {"linear": _linear, "ready": _ready, "answers": _answers}[case.op](case, dtype)


def _meta(*size: int, dtype: torch.dtype) -> Tensor:
    """A tensor without memory."""
    return torch.empty(*size, dtype=dtype, device="meta")


def _request(case: Case, rows: int) -> ops.TokenRequest:
    """One candidate a row, and what the variant asks for."""
    everything = case.variant == _EVERYTHING
    temperature = _meta(rows, dtype=torch.float32) if everything else None
    targets = ops.Targets(_meta(rows, dtype=torch.int64), _meta(rows + 1, dtype=torch.int64), temperature)
    options = VARIANTS.get(case.variant, {"sharded": True})
    wanted = ops.Wanted(**{name: options[name] for name in ops.Wanted._fields if name in options})
    others = {name: options[name] for name in ("softcap", "sharded") if name in options}
    return ops.TokenRequest(targets, logit_scale=0.5 if everything else 1.0, wanted=wanted, **others)


def _ready(case: Case, dtype: torch.dtype) -> list[Launch]:
    row = table()[case.row]
    logits = _meta(_ROWS, row.get("vocab", _VOCAB) + (case.weight == "odd"), dtype=dtype)
    request = _request(case, _ROWS)
    return plan_logprobs(logits, request, ops.TokenTensors.empty(logits, _ROWS, _ROWS, request.wanted), ready_of(row))


def _answers(case: Case, dtype: torch.dtype) -> list[Launch]:
    offsets, answers, tokens = _meta(101, dtype=torch.int64), _meta(100, dtype=dtype), _meta(1000, dtype=dtype)
    request = ops.AnswerRequest(tokens, offsets, offsets, _meta(100, dtype=torch.bool))
    if case.variant == _EVERYTHING:
        request = request._replace(divisor=answers, unconditional=answers, sets="sum", ties="first")
    return [plan_score_answers(request, ops.ComparisonTensors.empty(tokens, 100))]


def _linear(case: Case, dtype: torch.dtype) -> list[Launch]:
    row = table()[case.row]
    config = linear_of(row)
    rows = {"few": config.few.block_n, "one block": config.many.block_n, "many": _ROWS}[case.tile]
    depth, vocab = row.get("depth", _DEPTH), row.get("vocab", _VOCAB)
    depth += {"masked": 16, "odd": 1}.get(case.weight, 0)
    weight = _meta(depth, vocab, dtype=dtype).T if case.weight == "transposed" else _meta(vocab, depth, dtype=dtype)
    bias = _meta(vocab, dtype=dtype) if case.variant == _EVERYTHING else None
    projection = ops.Projection(aligned_rows(_meta(rows, depth, dtype=dtype)), weight, bias)
    request = _request(case, rows)
    target_logit = _meta(rows, dtype=torch.float32)
    before = request.wanted.rank or rows > config.many.block_n
    known = target_logit if before or case.variant == _SHARD else None
    out = ops.TokenTensors.empty(projection.hidden, rows, rows, request.wanted)
    launches = [plan_target_logits(projection, request, target_logit, config)] if before else []
    return launches + plan_linear_logprobs(projection, request, known, out, config, multiprocessors=132)
