"""A row's bits follow from the row alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pyscore.ops.request import Targets, TokenTensors
from tests.kernels.cases import EVERYTHING, linear, one_each, random, random_targets, ready, same_bits

VOCAB, N = 150, 20
OPTIONS: dict[str, Any] = {"entropy": True, "rank": True, "top_k": 2}
OPS = pytest.mark.parametrize("op", ["ready", "linear"])


def score(
    op: str, rows: list[int], candidates: Targets, dtype: torch.dtype = torch.float32, **options: Any
) -> TokenTensors:
    """Scores of some rows of one fixed problem."""
    if op == "ready":
        return ready(random(N, VOCAB, dtype=dtype, scale=5)[rows], candidates, **options)
    hidden, weight = random(N, 36, dtype=dtype, seed=1), random(VOCAB, 36, dtype=dtype, seed=2)
    return linear(hidden[rows], weight, candidates, **options)


@OPS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_batch_equals_its_rows_one_by_one(op: str, dtype: torch.dtype) -> None:
    candidates = random_targets(N, VOCAB)
    batch = score(op, list(range(N)), candidates, dtype, **OPTIONS)
    for row in (0, 7, N - 1):
        single = score(op, [row], one_each([int(candidates.ids[row])]), dtype, **OPTIONS)
        assert all(same_bits(value[row : row + 1], alone) for value, alone in zip(batch, single, strict=True))


@OPS
def test_row_order_does_not_matter(op: str) -> None:
    candidates = random_targets(N, VOCAB)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(3)).tolist()
    straight = score(op, list(range(N)), candidates, **OPTIONS)
    shuffled = score(op, order, one_each(candidates.ids[order].tolist()), **OPTIONS)
    assert all(same_bits(value[order], other) for value, other in zip(straight, shuffled, strict=True))


@OPS
@pytest.mark.parametrize("name", ["entropy", "rank", "top_k"])
def test_an_output_does_not_depend_on_the_others(op: str, name: str) -> None:
    candidates, rows = random_targets(3, VOCAB), [4, 5, 6]
    everything = score(op, rows, candidates, **EVERYTHING)
    alone = score(op, rows, candidates, **{name: EVERYTHING[name]})
    assert all(same_bits(value, other) for value, other in zip(alone, everything, strict=True) if value.numel())
