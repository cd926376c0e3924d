"""Log-probabilities from ready logits on the CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks.ceilings import read_rate
from benchmarks.clock import side_by_side
from benchmarks.peers import ALL_OUTPUTS, ready_peers, score_logits, score_logits_all
from pyscore import logprobs

ROTATED = 3
IN_CACHE = 48 * 2**20  # bytes: a smaller input may still be there from the last round


@pytest.mark.parametrize("outputs", ["logprob", "all outputs"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("n", "v"), [(1, 128256), (8, 128256), (256, 128256)])
def test_ready_logits(benchmark: Any, n: int, v: int, dtype: torch.dtype, outputs: str) -> None:
    every_output = outputs == "all outputs"
    inputs = [((torch.randn(n, v) * 5).to(dtype), torch.randint(0, v, (n,))) for _ in range(ROTATED)]
    ours, peers = score_logits_all if every_output else score_logits, ready_peers(every_output)
    scores = logprobs(*inputs[0], outputs=ALL_OUTPUTS, backend="reference")
    for function in (ours, *peers.values()):
        for name, found in zip(ALL_OUTPUTS, function(*inputs[0]), strict=False):
            expected = getattr(scores, name)
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4, check_dtype=False, msg=name)
    side_by_side(
        benchmark,
        ours,
        peers,
        {"read": lambda: read_rate(inputs[0][0])} if inputs[0][0].nbytes > IN_CACHE else {},
        inputs,
        rounds=25,
        kind="ready logits", n=n, v=v, dtype=str(dtype), outputs=outputs, bytes=inputs[0][0].nbytes,
    )  # fmt: skip
