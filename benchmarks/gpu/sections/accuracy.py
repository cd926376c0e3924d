"""How far log-probabilities lie from float64 where logits reach 32 (target 9)."""

from __future__ import annotations

from collections.abc import Iterator

import torch

import pyscore
from benchmarks.gpu.lab import Lab, LinearInputs, poisoned
from benchmarks.gpu.sections.linear import SIZES, TOY
from benchmarks.gpu.targets import TARGETS, Row
from benchmarks.gpu.truth import logits_of, logprob_error, sample, truth

__all__ = ["accuracy"]

LARGEST_LOGIT = 32.0
DTYPES = (torch.bfloat16, torch.float16, torch.float32)


def _stretched(inputs: LinearInputs) -> LinearInputs:
    """Hidden states scaled so that the largest logit of the batch is just below 32."""
    rows = torch.arange(inputs.hidden.shape[0])
    most = float(logits_of(inputs, rows).abs().max())
    return inputs._replace(hidden=inputs.hidden * (0.99 * LARGEST_LOGIT / most))


def _row(lab: Lab, case: str, found: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> Row:
    error = logprob_error(found, truth(logits, targets).logprob)
    if not TARGETS["error"].met(error):
        lab.fail(f"{case}: logprob is off by {error:.2e}")
    return Row(case, {"largest logit": float(logits.abs().max())}, measures={"error": error})


def accuracy(lab: Lab) -> Iterator[Row]:
    """Every dtype, from hidden states and from ready logits; 64 rows, and 1, which takes another tile."""
    sizes = TOY if lab.rehearsal else SIZES
    for dtype in DTYPES:
        name = str(dtype).removeprefix("torch.")
        for d, v in sizes:
            for n in (1, 64) if not lab.rehearsal else (2,):
                inputs = _stretched(lab.fresh(n, d, v, dtype))
                logits = logits_of(inputs, sample(n))
                with poisoned():
                    found = pyscore.linear_logprobs(*inputs, backend="triton").logprob
                yield _row(lab, f"N={n} D={d} V={v} {name}", found, logits, inputs.targets)
        n, v = 4 if lab.rehearsal else 64, sizes[0][1]
        ready = lab.randn(n, v, dtype=dtype)
        ready *= 0.99 * LARGEST_LOGIT / float(ready.abs().max())
        targets = lab.targets(n, v)
        with poisoned():
            found = pyscore.logprobs(ready, targets, backend="triton").logprob
        yield _row(lab, f"ready N={n} V={v} {name}", found, ready.double(), targets)
