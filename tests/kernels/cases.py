"""What the tests of the kernels share: where they run, ragged candidates, and the comparison with the definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from pyscore.kernels.configs import LinearConfig, ReadyConfig, Tile
from pyscore.kernels.linear_logprobs import linear_logprobs
from pyscore.kernels.logprobs import logprobs
from pyscore.kernels.target_logits import target_logits
from pyscore.ops.reference import REFERENCE
from pyscore.ops.request import Projection, Targets, TokenRequest, TokenTensors
from tests.ops import requests
from tests.ops.requests import ask

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
READY: dict[str, Any] = {"rtol": 2e-6, "atol": 8e-6}
LINEAR: dict[str, Any] = {"rtol": 2e-6, "atol": 4e-5}

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def offsets_of(counts: Sequence[int]) -> Tensor:
    """[N + 1] offsets of segments of the given lengths."""
    return torch.tensor([0, *torch.tensor(counts, dtype=torch.int64).cumsum(0).tolist()], device=DEVICE)


def ragged(rows: Sequence[Sequence[int]]) -> Targets:
    """Candidates given row by row."""
    flat = [target for row in rows for target in row]
    return Targets(torch.tensor(flat, dtype=torch.int64, device=DEVICE), offsets_of([len(row) for row in rows]))


def one_each(targets: Sequence[int]) -> Targets:
    """One candidate a row."""
    return ragged([[target] for target in targets])


def random(*size: int, dtype: torch.dtype = torch.float32, seed: int = 0, scale: float = 1.0) -> Tensor:
    """Normal values, the same on every machine."""
    values = torch.randn(*size, generator=torch.Generator().manual_seed(seed)) * scale
    return values.to(dtype).to(DEVICE)


def random_targets(n: int, vocab: int, seed: int = 0) -> Targets:
    """One uniform candidate a row."""
    return one_each(torch.randint(vocab, (n,), generator=torch.Generator().manual_seed(seed)).tolist())


def request_of(candidates: Targets, temperature: Tensor | None = None, **options: Any) -> TokenRequest:
    """A request; options that `Wanted` has go there."""
    return ask(candidates.ids, candidates.offsets, temperature, **options)


def filled(like: Tensor, request: TokenRequest) -> TokenTensors:
    """Results for the rows of logits or hidden states, which no kernel computes."""
    out = TokenTensors.empty(like, len(like), len(request.targets.ids), request.wanted)
    for value in out:
        value.fill_(-12345)
    return out


def ready(
    logits: Tensor, candidates: Targets, temperature: Tensor | None = None, *,
    config: ReadyConfig | None = READY_CONFIG, **options: Any,
) -> TokenTensors:  # fmt: skip
    """logprobs."""
    request = request_of(candidates, temperature, **options)
    out = filled(logits, request)
    logprobs(logits, request, out, config=config)
    return out


def linear(
    hidden: Tensor, weight: Tensor, candidates: Targets, bias: Tensor | None = None, temperature: Tensor | None = None,
    *, target_logit: Tensor | None = None, config: LinearConfig | None = LINEAR_CONFIG, **options: Any,
) -> TokenTensors:  # fmt: skip
    """linear_logprobs, which finds the targets' logits itself where they are not given."""
    request = request_of(candidates, temperature, **options)
    out = filled(hidden, request)
    linear_logprobs(Projection(hidden, weight, bias), request, target_logit, out, config=config)
    return out


def known_targets(
    hidden: Tensor, weight: Tensor, candidates: Targets, bias: Tensor | None = None, temperature: Tensor | None = None,
    **options: Any,
) -> Tensor:  # fmt: skip
    """target_logits."""
    request = request_of(candidates, temperature, **options)
    return target_logits(Projection(hidden, weight, bias), request, config=LINEAR_CONFIG)


def check_ready(
    logits: Tensor, candidates: Targets, temperature: Tensor | None = None, *,
    config: ReadyConfig | None = READY_CONFIG, **options: Any,
) -> TokenTensors:  # fmt: skip
    """The kernels' scores, which agree with the definition."""
    actual = ready(logits, candidates, temperature, config=config, **options)
    assert_close(actual, requests.ready(REFERENCE, logits, request_of(candidates, temperature, **options)), READY)
    return actual


def check_linear(
    hidden: Tensor, weight: Tensor, candidates: Targets, bias: Tensor | None = None, temperature: Tensor | None = None,
    **options: Any,
) -> TokenTensors:  # fmt: skip
    """The kernels' scores, which agree with the definition."""
    actual = linear(hidden, weight, candidates, bias, temperature, **options)
    request = request_of(candidates, temperature, **options)
    assert_close(actual, requests.linear(REFERENCE, Projection(hidden, weight, bias), request), LINEAR)
    return actual


def assert_close(actual: TokenTensors, expected: TokenTensors, tolerance: dict[str, Any]) -> None:
    """Floats within the tolerance and NaN in the same places; ids and counts equal; shapes and dtypes the same."""
    for name in TokenTensors._fields:
        ours, theirs = getattr(actual, name), getattr(expected, name)
        torch.testing.assert_close(
            ours, theirs, equal_nan=True, msg=f"{name}: {{}}".format,
            **(tolerance if ours.is_floating_point() else {"rtol": 0.0, "atol": 0.0}),
        )  # fmt: skip


def same_bits(actual: Tensor, expected: Tensor) -> bool:
    """Equal to the last bit, NaN equal to NaN."""
    return torch.equal(actual.isnan(), expected.isnan()) and torch.equal(
        actual.nan_to_num(nan=0.0), expected.nan_to_num(nan=0.0)
    )
