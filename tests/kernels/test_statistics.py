"""Device functions that the scoring kernels share."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from pyscore.kernels.statistics import tanh
from tests.kernels.cases import DEVICE


@triton.jit
def _tanh_kernel(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y_ptr + index, tanh(tl.load(x_ptr + index, mask=index < n, other=0.0)), mask=index < n)


def _tanh(x: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    _tanh_kernel[(triton.cdiv(x.numel(), 1024),)](x, y, x.numel(), BLOCK=1024)
    return y


def test_tanh_is_within_a_few_units_in_the_last_place() -> None:
    ends = torch.tensor([0.0, 60.0, 1e30])
    size = torch.cat([torch.logspace(-30, 1.5, 20000), torch.linspace(0.6, 0.65, 5000), ends])
    x = torch.cat([size, -size]).to(DEVICE)
    exact = torch.tanh(x.double())
    assert ((_tanh(x) - exact).abs() <= 3e-7 * exact.abs()).all()


def test_tanh_of_infinities_and_nan() -> None:
    assert _tanh(torch.tensor([float("inf"), -float("inf")], device=DEVICE)).tolist() == [1.0, -1.0]
    assert _tanh(torch.tensor([float("nan")], device=DEVICE)).isnan().all()
