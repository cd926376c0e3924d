"""What the tests of the compiled kernels share: instruction sets, inputs, exact and close comparison."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pyscore._extension import _C
from pyscore.ops.cpu import CPU
from pyscore.ops.request import Projection, TokenTensors, Wanted
from tests.ops import requests
from tests.ops.requests import ask

ISAS = [name for name, available in _C.cpu_isas() if available]
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
ALL = Wanted(entropy=True, rank=True, top_k=1)
NAN, INF = float("nan"), float("inf")

every_isa = pytest.mark.parametrize("isa", ISAS, indirect=True)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)

Op = Callable[..., TokenTensors]
"""(rows, targets, wanted=ALL) -> scores of one target a row."""
Case = Callable[[torch.dtype, int, int], tuple[Op, Tensor, Tensor]]
"""(dtype, rows, vocabulary) -> an op, a matrix of rows and their targets."""


def offsets(counts: list[int]) -> Tensor:
    return torch.tensor([0, *itertools.accumulate(counts)])


def one_each(n: int) -> Tensor:
    return torch.arange(n + 1)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def draw_ids(n: int, v: int, seed: int = 1) -> Tensor:
    return torch.randint(0, v, (n,), generator=torch.Generator().manual_seed(seed))


def ready(logits: Tensor, ids: Tensor, offsets: Tensor, wanted: Wanted = ALL) -> TokenTensors:
    """The compiled scores of ready logits."""
    return requests.ready(CPU, logits, ask(ids, offsets, wanted=wanted))


def linear(hidden: Tensor, weight: Tensor, ids: Tensor, wanted: Wanted = ALL) -> TokenTensors:
    """The compiled scores of a projection, one target a row."""
    return requests.linear(CPU, Projection(hidden, weight), ask(ids, one_each(len(ids)), wanted=wanted))


def assert_close(actual: TokenTensors, expected: TokenTensors, *, atol: float, ids: bool = True) -> None:
    for name, ours, theirs in zip(actual._fields, actual, expected, strict=True):
        if ours.dtype != torch.int64:
            torch.testing.assert_close(ours.double(), theirs.double(), rtol=2e-6, atol=atol, equal_nan=True, msg=name)
        elif ids:
            assert torch.equal(ours, theirs), name


def assert_same_bits(actual: TokenTensors, expected: TokenTensors, case: str = "") -> None:
    for name, ours, theirs in zip(actual._fields, actual, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True, msg=f"{case} {name}")


def rows(scores: TokenTensors, index: Tensor) -> TokenTensors:
    """Some rows of scores with one target a row."""
    return TokenTensors(*(field[index] for field in scores))


def ready_case(dtype: torch.dtype, n: int, v: int) -> tuple[Op, Tensor, Tensor]:
    """Ready logits."""

    def op(matrix: Tensor, targets: Tensor, wanted: Wanted = ALL) -> TokenTensors:
        return ready(matrix, targets, one_each(len(targets)), wanted)

    return op, (draw(n, v) * 5).to(dtype), draw_ids(n, v)


def linear_case(dtype: torch.dtype, n: int, v: int) -> tuple[Op, Tensor, Tensor]:
    """Hidden states of an odd depth."""
    weight = draw(v, 67, seed=2).to(dtype)

    def op(matrix: Tensor, targets: Tensor, wanted: Wanted = ALL) -> TokenTensors:
        return linear(matrix, weight, targets, wanted)

    return op, draw(n, 67).to(dtype), draw_ids(n, v)


# (rows, vocabulary): many rows; few rows, split among threads; several pieces; more rows than a task takes
every_case = pytest.mark.parametrize(
    ("case", "n", "v"),
    [
        pytest.param(ready_case, 19, 2500, id="ready"),
        pytest.param(ready_case, 2, 140_000, id="ready-split"),
        pytest.param(linear_case, 17, 9000, id="linear"),
        pytest.param(linear_case, 270, 300, id="linear-grouped"),
    ],
)
