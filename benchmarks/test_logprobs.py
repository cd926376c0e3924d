"""Log-probabilities of target tokens on the CPU: pyscore beside PyTorch, from ready logits and from hidden states."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pyscore import linear_logprobs, logprobs

DTYPES = (torch.float32, torch.bfloat16)
ROTATED = 3  # distinct inputs, so that no call finds the last one's logits in the cache


def eager(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.float().log_softmax(-1).gather(1, targets[:, None])[:, 0]


compiled = torch.compile(eager)
READY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "pyscore": lambda logits, targets: logprobs(logits, targets).logprob,
    "torch eager": eager,
    "torch.compile": compiled,
}
LINEAR: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "pyscore": lambda hidden, weight, targets: linear_logprobs(hidden, weight, targets).logprob,
    "torch eager": lambda hidden, weight, targets: eager(hidden @ weight.T, targets),
    "torch.compile": torch.compile(lambda hidden, weight, targets: eager(hidden @ weight.T, targets)),
}


def rotate(benchmark, function, inputs) -> None:  # type: ignore[no-untyped-def]
    calls = iter(range(10**9))
    benchmark.pedantic(
        function, setup=lambda: (inputs[next(calls) % len(inputs)], {}), rounds=12, warmup_rounds=len(inputs)
    )


@pytest.mark.parametrize("peer", READY)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("n", "v"), [(8, 128256), (256, 128256)])
def test_ready_logits(benchmark, peer: str, dtype: torch.dtype, n: int, v: int) -> None:  # type: ignore[no-untyped-def]
    benchmark.group = f"ready logits {n} x {v} {dtype}"
    inputs = [((torch.randn(n, v) * 5).to(dtype), torch.randint(0, v, (n,))) for _ in range(ROTATED)]
    expected = logprobs(*inputs[0], backend="reference").logprob
    torch.testing.assert_close(READY[peer](*inputs[0]), expected, rtol=1e-5, atol=1e-4)
    rotate(benchmark, READY[peer], inputs)


@pytest.mark.parametrize("peer", LINEAR)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("n", "d", "v"), [(8, 576, 49152), (64, 576, 49152), (512, 576, 49152)])
def test_hidden_states(benchmark, peer: str, dtype: torch.dtype, n: int, d: int, v: int) -> None:  # type: ignore[no-untyped-def]
    benchmark.group = f"hidden states {n} x {d} x {v} {dtype}"
    weight = (torch.randn(v, d) * (3 / d**0.5)).to(dtype)
    inputs = [(torch.randn(n, d).to(dtype), weight, torch.randint(0, v, (n,))) for _ in range(ROTATED)]
    expected = linear_logprobs(*inputs[0], backend="reference").logprob
    rounding = 1e-4 if peer == "pyscore" or dtype == torch.float32 else 0.1  # the peers round logits to bfloat16
    torch.testing.assert_close(LINEAR[peer](*inputs[0]), expected, rtol=1e-5, atol=rounding)
    rotate(benchmark, LINEAR[peer], inputs)
