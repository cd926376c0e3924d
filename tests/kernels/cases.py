"""What the tests of the kernels share: where they run, ragged candidates, and the comparison with the definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from pyscore.kernels.configs import LinearConfig, ReadyConfig, Tile
from pyscore.kernels.linear_logprobs import linear_logprobs
from pyscore.kernels.logprobs import logprobs
from pyscore.kernels.merge import Outputs
from pyscore.ops.reference import REFERENCE
from pyscore.ops.request import Projection, TokenTensors
from tests.ops import requests

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
# through the interpreter, tiles so small that small vocabularies have several pieces, and a piece several tiles
READY_CONFIG = ReadyConfig(lanes=8, vectors=2, num_warps=1) if DEVICE == "cpu" else None
_SMALL = LinearConfig(
    block_v=32, block_d=32, slices=2, pieces=3, group_n=2, resident=1, descriptors=True,
    few=Tile(16, 1, 1), many=Tile(32, 1, 1), target=Tile(16, 1, 1),
)  # fmt: skip
LINEAR_CONFIG = _SMALL if DEVICE == "cpu" else None
EVERYTHING: dict[str, Any] = {"entropy": True, "rank": True, "top_k": 3}
IGNORED = -100

# Families of tolerance: float32 rounding of logits up to 32, and beyond it of sums of D <= 128 products.
READY = {"rtol": 2e-6, "atol": 8e-6}
LINEAR = {"rtol": 2e-6, "atol": 4e-5}

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


class Ragged(NamedTuple):
    """Candidates of each row, flat."""

    targets: Tensor
    offsets: Tensor


def offsets_of(counts: Sequence[int]) -> Tensor:
    """[N + 1] offsets of segments of the given lengths."""
    return torch.tensor([0, *torch.tensor(counts, dtype=torch.int64).cumsum(0).tolist()], device=DEVICE)


def ragged(rows: Sequence[Sequence[int]]) -> Ragged:
    """Candidates given row by row."""
    flat = [target for row in rows for target in row]
    return Ragged(torch.tensor(flat, dtype=torch.int64, device=DEVICE), offsets_of([len(row) for row in rows]))


def one_each(targets: Sequence[int]) -> Ragged:
    """One candidate a row."""
    return ragged([[target] for target in targets])


def random(*size: int, dtype: torch.dtype = torch.float32, seed: int = 0, scale: float = 1.0) -> Tensor:
    """Normal values, the same on every machine."""
    values = torch.randn(*size, generator=torch.Generator().manual_seed(seed)) * scale
    return values.to(dtype).to(DEVICE)


def random_targets(n: int, vocab: int, seed: int = 0) -> Ragged:
    """One uniform candidate a row."""
    return one_each(torch.randint(vocab, (n,), generator=torch.Generator().manual_seed(seed)).tolist())


def ready(logits: Tensor, candidates: Ragged, temperature: Tensor | None = None, **options: Any) -> Outputs:
    """logprobs."""
    return logprobs(logits, *candidates, temperature, **{"config": READY_CONFIG, **options})


def linear(
    hidden: Tensor, weight: Tensor, candidates: Ragged, bias: Tensor | None = None, temperature: Tensor | None = None,
    *, entropy: bool = False, rank: bool = False, top_k: int = 0, **options: Any,
) -> Outputs:  # fmt: skip
    """linear_logprobs, which finds the targets' logits itself."""
    inputs = (hidden, weight, bias, *candidates, temperature)
    return linear_logprobs(*inputs, entropy=entropy, rank=rank, top_k=top_k, **{"config": LINEAR_CONFIG, **options})


def check_ready(
    logits: Tensor, candidates: Ragged, temperature: Tensor | None = None, **options: Any
) -> Outputs:  # fmt: skip
    """The kernels' scores, which agree with the definition."""
    actual = ready(logits, candidates, temperature, **options)
    options.pop("config", None)
    request = requests.ask(*candidates, temperature, **options)
    assert_close(actual, requests.ready(REFERENCE, logits, request), READY)
    return actual


def check_linear(
    hidden: Tensor, weight: Tensor, candidates: Ragged, bias: Tensor | None = None, temperature: Tensor | None = None,
    **options: Any,
) -> Outputs:  # fmt: skip
    """The kernels' scores, which agree with the definition."""
    actual = linear(hidden, weight, candidates, bias, temperature, **options)
    request = requests.ask(*candidates, temperature, **options)
    assert_close(actual, requests.linear(REFERENCE, Projection(hidden, weight, bias), request), LINEAR)
    return actual


def assert_close(actual: Outputs, expected: TokenTensors, tolerance: dict[str, float]) -> None:
    """Floats within the tolerance and NaN in the same places; ids and counts equal; shapes and dtypes the same."""
    for name in Outputs._fields:
        ours, theirs = getattr(actual, name), getattr(expected, name)
        torch.testing.assert_close(
            ours, theirs, equal_nan=True, msg=lambda m, n=name: f"{n}: {m}",
            **(tolerance if ours.is_floating_point() else {"rtol": 0.0, "atol": 0.0}),
        )  # fmt: skip


def same_bits(actual: Tensor, expected: Tensor) -> bool:
    """Equal to the last bit, NaN equal to NaN."""
    return torch.equal(actual.isnan(), expected.isnan()) and torch.equal(
        actual.nan_to_num(nan=0.0), expected.nan_to_num(nan=0.0)
    )
