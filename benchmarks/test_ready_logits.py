"""Log-probabilities from ready logits on the CPU."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from benchmarks.ceilings import read_rate
from benchmarks.clock import side_by_side
from benchmarks.peers import ALL_OUTPUTS, compiled, torch_all, torch_logprob
from pyscore import logprobs

ROTATED = 3
IN_CACHE = (
    48 * 2**20
)  # bytes; a smaller input may still lie in the cache from the last round, and its read would measure the cache


@pytest.mark.parametrize("outputs", ["logprob", "all outputs"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("n", "v"), [(1, 128256), (8, 128256), (256, 128256)])
def test_ready_logits(benchmark: Any, n: int, v: int, dtype: torch.dtype, outputs: str) -> None:
    every_output = outputs == "all outputs"
    names = ALL_OUTPUTS if every_output else ALL_OUTPUTS[:1]
    inputs = [((torch.randn(n, v) * 5).to(dtype), torch.randint(0, v, (n,))) for _ in range(ROTATED)]
    ours, by_torch = partial(logprobs, outputs=names), torch_all if every_output else torch_logprob
    peers = {"torch eager": by_torch, "torch.compile": compiled(by_torch)}
    scores, expected = (logprobs(*inputs[0], outputs=names, backend=backend) for backend in ("auto", "reference"))
    for found in ([getattr(scores, name) for name in names], *(peer(*inputs[0]) for peer in peers.values())):
        for name, values in zip(names, found, strict=True):
            reference = getattr(expected, name)
            torch.testing.assert_close(values, reference, rtol=1e-5, atol=1e-4, check_dtype=False, msg=name)
    side_by_side(
        benchmark,
        ours,
        peers,
        {"read": lambda: read_rate(inputs[0][0])} if inputs[0][0].nbytes > IN_CACHE else {},
        inputs,
        rounds=25,
        kind="ready logits", n=n, v=v, dtype=str(dtype), outputs=outputs, bytes=inputs[0][0].nbytes,
    )  # fmt: skip
