"""Log-probabilities from ready logits on the CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pyscore import logprobs

from .ceilings import read_rate
from .peers import OURS_ALL, OURS_READY, ready_peers
from .rounds import side_by_side

ROTATED = 3
IN_CACHE = 2**26  # a smaller input may still be there from the last round


@pytest.mark.parametrize("outputs", ["logprob", "all outputs"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("n", "v"), [(1, 128256), (8, 128256), (256, 128256)])
def test_ready_logits(benchmark: Any, n: int, v: int, dtype: torch.dtype, outputs: str) -> None:
    every_output = outputs == "all outputs"
    inputs = [((torch.randn(n, v) * 5).to(dtype), torch.randint(0, v, (n,))) for _ in range(ROTATED)]
    options = OURS_ALL if every_output else {}
    peers = ready_peers(every_output)
    expected = logprobs(*inputs[0], backend="reference").logprob
    for function in (lambda *x: OURS_READY(*x, **options), *peers.values()):
        found = function(*inputs[0])
        torch.testing.assert_close(found[0] if isinstance(found, tuple) else found, expected, rtol=1e-5, atol=1e-4)
    side_by_side(
        benchmark,
        lambda *x: OURS_READY(*x, **options),
        peers,
        {"read": lambda: read_rate(inputs[0][0])} if inputs[0][0].nbytes > IN_CACHE else {},
        inputs,
        rounds=25,
        kind="ready logits", n=n, v=v, dtype=str(dtype), outputs=outputs, bytes=inputs[0][0].nbytes,
    )  # fmt: skip
