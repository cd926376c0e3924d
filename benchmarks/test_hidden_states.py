"""Log-probabilities from hidden states and the unembedding on the CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pyscore import linear_logprobs

from .ceilings import multiply_add_rate, read_rate
from .peers import OURS_ALL, OURS_LINEAR, linear_peers
from .rounds import side_by_side

# (D, V): a 135M-parameter model's, and two of the size that larger ones have
SHAPES = {(576, 49152): (1, 8, 16, 64, 512, 4096), (2048, 128256): (1, 8, 64, 512, 4096), (4096, 128256): (1, 8, 64, 512)}
CASES = [(n, d, v) for (d, v), rows in SHAPES.items() for n in rows]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("n", "d", "v"), CASES)
def test_hidden_states(benchmark: Any, n: int, d: int, v: int, dtype: torch.dtype) -> None:
    weight = torch.randn(v, d).mul_(3 / d**0.5).to(dtype)
    inputs = [(torch.randn(n, d).to(dtype), weight, torch.randint(0, v, (n,))) for _ in range(3)]
    few = (inputs[0][0][:8], weight, inputs[0][2][:8])  # a row's bits don't depend on the batch, so eight rows show all
    expected = linear_logprobs(*few, backend="reference").logprob
    torch.testing.assert_close(OURS_LINEAR(*inputs[0])[:8], expected, rtol=2e-6, atol=4e-5)
    peers = linear_peers()
    for function in peers.values():  # they round logits to bfloat16
        torch.testing.assert_close(
            function(*few), expected, rtol=1e-5, atol=1e-4 if dtype == torch.float32 else 0.1, check_dtype=False
        )
    products = n * d * v
    side_by_side(
        benchmark,
        OURS_LINEAR,
        {
            **linear_peers(),  # compiled anew, for all rows
            "h @ W.T": lambda hidden, weight, targets: hidden @ weight.T,
            "pyscore, all outputs": lambda *x: OURS_LINEAR(*x, **OURS_ALL),
        },
        {"read": lambda: read_rate(weight), "multiply-add": lambda: multiply_add_rate(dtype)},
        inputs,
        rounds=15 if products < 2e10 else 5 if products < 2e11 else 3,
        kind="hidden states", n=n, d=d, v=v, dtype=str(dtype), bytes=weight.nbytes, flops=2 * products,
    )  # fmt: skip
