"""Scores from hidden states and the unembedding against the float64 definition."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pyscore.ops.reference import REFERENCE
from pyscore.ops.request import Projection
from tests.kernels.cases import (
    DEVICE,
    EVERYTHING,
    IGNORED,
    LINEAR,
    check_linear,
    every_dtype,
    known_targets,
    linear,
    one_each,
    ragged,
    random,
    random_targets,
    request_of,
)

NAN, INF = float("nan"), float("inf")


def integers(*size: int, seed: int = 0) -> Tensor:
    """Small integers, whose products and sums are exact in float32."""
    return random(*size, seed=seed, scale=3).round()


@every_dtype
@pytest.mark.parametrize(("n", "d", "vocab"), [(3, 16, 5), (17, 40, 100), (2, 1, 33)])
def test_all_outputs_agree_with_the_definition(n: int, d: int, vocab: int, dtype: torch.dtype) -> None:
    hidden, weight = random(n, d, dtype=dtype, seed=1), random(vocab, d, dtype=dtype, seed=2)
    check_linear(hidden, weight, random_targets(n, vocab), **EVERYTHING)


@pytest.mark.parametrize(
    "options",
    [{"bias": True}, {"logit_scale": 0.25}, {"softcap": 8.0}, {"temperature": True}],
    ids=lambda options: next(iter(options)),
)
def test_each_step_from_product_to_logit(options: dict[str, Any]) -> None:
    check_each_step(**options)


def test_all_steps_from_product_to_logit() -> None:
    check_each_step(bias=True, logit_scale=0.25, softcap=8.0, temperature=True)


def check_each_step(*, bias: bool = False, temperature: bool = False, **options: float) -> None:
    check_linear(
        random(4, 24, seed=1),
        random(70, 24, seed=2),
        ragged([[1, 69], [2], [], [40]]),
        random(70, seed=3) if bias else None,
        torch.linspace(0.4, 2, 4, device=DEVICE) if temperature else None,
        **options,
        **EVERYTHING,
    )


def test_rows_may_have_any_number_of_candidates() -> None:
    rows = [[3], [], [5, 5, 69], list(range(12)), [IGNORED, 7], [2]]
    check_linear(random(6, 20, seed=1), random(70, 20, seed=2), ragged(rows), entropy=True, rank=True)


def test_ignored_rows_are_not_read() -> None:
    hidden, weight = random(40, 8, seed=1), random(50, 8, seed=2)
    kept = [0, 17, 39]
    rows = [[n % 50] if n in kept else [IGNORED] for n in range(40)]
    expected = linear(hidden[kept], weight, ragged([rows[n] for n in kept]), rank=True)
    hidden[[n for n in range(40) if n not in kept]] = NAN
    scores = check_linear(hidden, weight, ragged(rows), rank=True)
    assert torch.equal(scores.logprob[kept], expected.logprob)
    assert scores.logprob.isnan().sum() == 37


def test_no_tile_is_multiplied_when_every_row_is_ignored() -> None:
    scores = check_linear(random(3, 8), torch.full((40, 8), NAN, device=DEVICE), ragged([[IGNORED]] * 3), **EVERYTHING)
    assert scores.rank.tolist() == [-1, -1, -1]


@pytest.mark.parametrize("bad", [NAN, INF])
def test_odd_hidden_states_stay_in_their_row(bad: float) -> None:
    hidden = random(4, 16, seed=1)
    hidden[2, 5] = bad
    check_linear(hidden, random(40, 16, seed=2), one_each([1, 2, 3, 4]), **EVERYTHING)


def test_a_bias_of_minus_infinity_masks_entries_and_whole_tiles() -> None:
    bias = torch.zeros(100, device=DEVICE)
    bias[:40] = bias[99] = -INF
    scores = check_linear(random(2, 16, seed=1), random(100, 16, seed=2), one_each([3, 60]), bias, **EVERYTHING)
    assert scores.logprob[0] == -INF
    bias[:] = -INF
    check_linear(random(2, 16, seed=1), random(100, 16, seed=2), one_each([3, 60]), bias, **EVERYTHING)


def test_equal_weight_rows_tie() -> None:
    hidden, weight = random(16, 33, seed=1), random(90, 33, seed=2)
    weight[[5, 37, 64, 89]] = weight[11].clone()
    # the largest logit is that of the five equal rows, whatever the rest
    hidden[:] = weight[11] * 3
    candidates = ragged([[entry] for entry in (5, 11, 37, 64, 89)] + [[5, 11, 37, 64, 89]] * 11)
    scores = linear(hidden, weight, candidates, rank=True, top_k=5)
    assert scores.rank.tolist() == [0] * 60
    assert scores.argmax.tolist() == [5] * 16
    assert scores.top_ids.tolist() == [[5, 11, 37, 64, 89]] * 16


def test_ranks_with_many_ties() -> None:
    check_linear(integers(3, 8, seed=1), integers(100, 8, seed=2), ragged([[4], [7, 8], [9]]), rank=True, top_k=4)


def test_more_largest_entries_than_one_pass_lists() -> None:
    check_linear(integers(2, 4, seed=1), integers(70, 4, seed=2), one_each([1, 2]), top_k=37)


def test_a_target_logit_has_the_bits_that_its_column_has() -> None:
    hidden, weight = random(16, 50, seed=1), random(64, 50, seed=2)
    every = ragged([list(range(64))] * 16)
    z = known_targets(hidden, weight, every).view(16, 64)
    scores = linear(hidden, weight, every, rank=True)
    assert torch.equal(scores.max_logit, z.amax(1))
    assert torch.equal(scores.rank.view(16, 64), (z[:, None, :] > z[:, :, None]).sum(-1))


def test_any_strides() -> None:
    hidden, weight = random(6, 60, seed=1), random(60, 80, seed=2)
    pairs = [
        (hidden[::2, ::3], weight[::2, ::4]),
        (hidden.T[:3, :4], weight.T[:50, :4]),
        (hidden[:1].expand(3, 60), weight.T),
    ]
    for h, w in pairs:
        check_linear(h, w, one_each([1, 2, 3]), random(2 * w.shape[0])[::2], **EVERYTHING)


def test_no_rows_and_no_candidates() -> None:
    check_linear(random(0, 8), random(20, 8), ragged([]), **EVERYTHING)
    check_linear(random(2, 8), random(20, 8), ragged([[], []]), **EVERYTHING)


def test_one_entry_is_certain() -> None:
    scores = check_linear(random(3, 8), random(1, 8), one_each([0, 0, 0]), entropy=True, rank=True, top_k=1)
    assert scores.logprob.tolist() == [0.0, 0.0, 0.0]


def test_shards_of_the_vocabulary_add_up() -> None:
    hidden, weight, candidates = random(4, 16, seed=1), random(90, 16, seed=2), one_each([3, 44, 45, 89])
    whole = linear(hidden, weight, candidates, rank=True)
    halves = [(weight[:45], 0), (weight[45:], 45)]
    logits = [known_targets(hidden, half, candidates, vocab_start=start) for half, start in halves]
    assert [(z == -INF).tolist() for z in logits] == [[False, False, True, True], [True, True, False, False]]
    z = torch.maximum(*logits)
    shards = [
        linear(hidden, half, candidates, target_logit=z, vocab_start=start, sharded=True, rank=True)
        for half, start in halves
    ]
    assert torch.equal(shards[0].rank + shards[1].rank, whole.rank)
    assert [shard.logprob.isinf().tolist() for shard in shards] == [(own == -INF).tolist() for own in logits]
    torch.testing.assert_close(torch.logaddexp(shards[0].logsumexp, shards[1].logsumexp), whole.logsumexp)
    assert shards[1].argmax.min() >= 45


@every_dtype
def test_target_logits_agree_with_the_definition(dtype: torch.dtype) -> None:
    inputs = (random(5, 37, dtype=dtype, seed=1), random(60, 37, dtype=dtype, seed=2), random(60, dtype=dtype, seed=3))
    candidates = ragged([[1, 59, 1], [], [IGNORED, 4], [30], [7] * 30])
    temperature = torch.linspace(0.5, 2, 5, device=DEVICE)
    options: dict[str, Any] = {"softcap": 20.0, "logit_scale": 0.5}
    hidden, weight, bias = inputs
    expected = REFERENCE.target_logits(Projection(*inputs), request_of(candidates, temperature, **options))
    actual = known_targets(hidden, weight, candidates, bias, temperature, **options)
    torch.testing.assert_close(actual, expected.float(), equal_nan=True, **LINEAR)


def test_float16_logits_above_its_largest_number() -> None:
    hidden = torch.full((1, 64), 60.0, dtype=torch.float16, device=DEVICE)
    weight = torch.full((3, 64), 60.0, dtype=torch.float16, device=DEVICE)
    weight[1] = 59.0
    assert check_linear(hidden, weight, one_each([1]), rank=True).max_logit.item() == 60.0 * 60 * 64
