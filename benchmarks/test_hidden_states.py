"""Log-probabilities from hidden states and the unembedding on the CPU."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from benchmarks.ceilings import multiply_add_rate, read_rate
from benchmarks.clock import side_by_side
from benchmarks.peers import ALL_OUTPUTS, cpu_linear_peers
from pyscore import linear_logprobs

# (D, V): a 135M-parameter model's, and two of the size that larger ones have
SHAPES = {
    (576, 49152): (1, 8, 16, 64, 512, 4096),
    (2048, 128256): (1, 8, 16, 64, 512, 4096),
    (4096, 128256): (1, 8, 16, 64, 512),
}
CASES = [(n, d, v) for (d, v), rows in SHAPES.items() for n in rows]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("n", "d", "v"), CASES)
def test_hidden_states(benchmark: Any, n: int, d: int, v: int, dtype: torch.dtype) -> None:
    weight = torch.randn(v, d).mul_(3 / d**0.5).to(dtype)
    inputs = [(torch.randn(n, d).to(dtype), weight, torch.randint(0, v, (n,))) for _ in range(3)]
    rows = torch.linspace(0, n - 1, min(n, 8)).long()  # from every panel and group of rows that the C++ kernel forms
    sample = (inputs[0][0][rows], weight, inputs[0][2][rows])
    expected = linear_logprobs(*sample, backend="reference").logprob
    peers = cpu_linear_peers()
    torch.testing.assert_close(linear_logprobs(*inputs[0]).logprob[rows], expected, rtol=2e-6, atol=4e-5)
    for function in peers.values():  # In bfloat16 they round the logits, which pyscore does not.
        found, rounding = function(*inputs[0])[rows], 1e-4 if dtype == torch.float32 else 0.1
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=rounding, check_dtype=False)
    products = n * d * v
    side_by_side(
        benchmark,
        linear_logprobs,
        {
            **peers,
            "h @ W.T": lambda hidden, weight, targets: hidden @ weight.T,
            "pyscore, all outputs": partial(linear_logprobs, outputs=ALL_OUTPUTS),
        },
        {"read": lambda: read_rate(weight), "multiply-add": lambda: multiply_add_rate(dtype)},
        inputs,
        rounds=15 if products < 2e10 else 5 if products < 1e11 else 3,
        warm_up=products < 1e11,
        kind="hidden states", n=n, d=d, v=v, dtype=str(dtype), bytes=weight.nbytes, flops=2 * products,
    )  # fmt: skip
