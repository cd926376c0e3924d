"""The ways through one multiplication: few rows or many, described weights or pointers, any number of programs."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor

from pyscore.kernels import linear_logprobs as module
from pyscore.kernels.projection import descriptor
from pyscore.ops.request import Targets, TokenTensors
from tests.kernels.cases import (
    DEVICE,
    EVERYTHING,
    IGNORED,
    LINEAR_CONFIG,
    check_linear,
    known_targets,
    linear,
    ragged,
    random,
    random_targets,
    same_bits,
)

needs_small_tiles = pytest.mark.skipif(DEVICE != "cpu", reason="these sizes suit the interpreter's tiles")
D, V, N = 48, 170, 70
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)


def problem(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    return random(N, D, dtype=dtype, seed=1), random(V, D, dtype=dtype, seed=2)


@cache
def whole(dtype: torch.dtype = torch.float32) -> tuple[Targets, TokenTensors]:
    """A target for each row of the problem, and everything about all rows."""
    candidates = random_targets(N, V)
    return candidates, linear(*problem(dtype), candidates, **EVERYTHING)


def assert_same(actual: TokenTensors, expected: TokenTensors) -> None:
    for name, value, other in zip(TokenTensors._fields, actual, expected, strict=True):
        assert same_bits(value, other), name


def of_rows(outputs: TokenTensors, rows: slice) -> TokenTensors:
    return TokenTensors(*(value[rows] if value.numel() else value for value in outputs))


@DTYPES
@pytest.mark.parametrize("count", [1, 16, 17, 33, 65])
def test_the_bits_of_a_row_do_not_depend_on_the_number_of_rows(count: int, dtype: torch.dtype) -> None:
    hidden, weight = problem(dtype)
    candidates, expected = whole(dtype)
    part = linear(hidden[:count], weight, ragged(candidates.ids[:count, None].tolist()), **EVERYTHING)
    assert_same(part, of_rows(expected, slice(0, count)))


@needs_small_tiles
def test_tiles_for_few_and_many_rows_give_the_same_bits() -> None:
    hidden, weight = problem()
    rows, candidates = hidden[:16], random_targets(16, V)
    assert LINEAR_CONFIG is not None
    few = linear(rows, weight, candidates, **EVERYTHING, config=LINEAR_CONFIG)
    never_few = LINEAR_CONFIG._replace(few=LINEAR_CONFIG.few._replace(block_n=1))
    assert_same(linear(rows, weight, candidates, **EVERYTHING, config=never_few), few)


@DTYPES
def test_described_weights_and_pointers_give_the_same_bits(dtype: torch.dtype) -> None:
    hidden, weight = problem(dtype)
    config = LINEAR_CONFIG
    if config is None:
        pytest.skip("on a GPU the table has other tiles for weights that can't be described")
    beside = torch.zeros(V * D + 1, dtype=dtype, device=DEVICE)[1:].view(V, D)  # starts off 16 bytes
    beside.copy_(weight)
    assert descriptor(weight, config.block_v, config) is not None and descriptor(beside, config.block_v, config) is None
    candidates, expected = whole(dtype)
    assert_same(linear(hidden, beside, candidates, **EVERYTHING), expected)


def test_weights_that_cannot_be_described() -> None:
    assert LINEAR_CONFIG is None or all(
        descriptor(weight, 16, LINEAR_CONFIG) is None
        for weight in (random(8, 9), random(9, 8).T, random(1, 8).expand(8, 8), random(8, 16)[:, ::2])
    )


@pytest.mark.parametrize("programs", [1, 7, 1000])
def test_the_bits_do_not_depend_on_the_number_of_programs(programs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, weight = problem()
    candidates, expected = whole()
    monkeypatch.setattr(module, "multiprocessors", lambda device: programs)
    assert_same(linear(hidden, weight, candidates, **EVERYTHING), expected)


@pytest.mark.parametrize("count", [3, 20, N])
def test_targets_found_in_the_pass_have_the_bits_of_those_found_before(count: int) -> None:
    hidden, weight = problem()
    rows = [[n % V, (7 * n) % V, V - 1] if n % 3 else [IGNORED, n] for n in range(count)]
    candidates = ragged(rows)
    inputs = (hidden[:count], weight, candidates)
    assert_same(linear(*inputs), linear(*inputs, target_logit=known_targets(*inputs)))


@pytest.mark.parametrize("count", [4, 40])
@pytest.mark.parametrize("rank", [False, True])
def test_a_target_outside_of_the_vocabulary_is_nan(count: int, rank: bool) -> None:
    hidden, weight = problem()
    candidates = ragged([[5, V, 6]] + [[-7]] + [[n] for n in range(count - 2)])
    scores = linear(hidden[:count], weight, candidates, rank=rank)
    assert scores.logprob.isnan().nonzero().flatten().tolist() == [1, 3]
    assert not rank or scores.rank[:4].tolist()[1::2] == [-1, -1]


@pytest.mark.parametrize("vocab", [1, 31, 32, 33, 96, 97, 129, 200])
def test_vocabularies_around_the_edges_of_tiles_and_pieces(vocab: int) -> None:
    check_linear(random(5, 20, seed=1), random(vocab, 20, seed=2), random_targets(5, vocab), entropy=True, rank=True)
