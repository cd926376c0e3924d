"""Scores from ready logits against the float64 definition."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscore.kernels.configs import ReadyConfig
from tests.kernels.cases import (
    DEVICE,
    DTYPES,
    EVERYTHING,
    IGNORED,
    check_ready,
    every_dtype,
    one_each,
    ragged,
    random,
    random_targets,
    ready,
)

NAN, INF = float("nan"), float("inf")


@every_dtype
@pytest.mark.parametrize("vocab", [3, 64, 130])
def test_all_outputs_agree_with_the_definition(dtype: torch.dtype, vocab: int) -> None:
    check_ready(random(5, vocab, dtype=dtype, scale=8), random_targets(5, vocab), **EVERYTHING)


@pytest.mark.parametrize("options", [{"softcap": 5.0}, {"temperature": True}, {"softcap": 30.0, "temperature": True}])
def test_softcap_and_temperature(options: dict[str, Any]) -> None:
    temperature = torch.linspace(0.3, 3, 4, device=DEVICE) if options.pop("temperature", False) else None
    # up to twice the softcap: farther out, float32 can't tell capped logits apart
    check_ready(random(4, 100, scale=2), random_targets(4, 100), temperature, **options, **EVERYTHING)


def test_rows_may_have_any_number_of_candidates() -> None:
    rows = [[3], [], [5, 5, 99], list(range(40)), [IGNORED, 7], [2]]
    check_ready(random(6, 100, scale=4), ragged(rows), **EVERYTHING)


def test_an_ignored_row_is_not_read() -> None:
    logits = random(4, 100)
    logits[[1, 2]] = NAN
    scores = check_ready(logits, ragged([[4], [IGNORED], [IGNORED, IGNORED], [IGNORED, 6]]), **EVERYTHING)
    assert scores.logsumexp.isnan().tolist() == [False, True, True, False]
    assert scores.argmax[1:3].tolist() == [-1, -1]


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("where", [slice(70, 71), slice(0, 64), slice(None)], ids=["entry", "piece", "row"])
def test_odd_logits_stay_in_their_row(bad: float, where: slice) -> None:
    logits = random(3, 130)
    logits[1, where] = bad
    check_ready(logits, one_each([2, 70, 3]), **EVERYTHING)


def test_logits_masked_with_the_least_float_do_not_overflow() -> None:
    logits = random(2, 200)
    logits[0, :150] = torch.finfo(torch.float32).min
    check_ready(logits, one_each([180, 3]), **EVERYTHING)
    logits[1] = torch.finfo(torch.float32).min
    scores = ready(logits, one_each([180, 3]), entropy=True)
    torch.testing.assert_close(scores.logprob[1].item(), -math.log(200))
    torch.testing.assert_close(scores.entropy[1].item(), math.log(200))


def test_one_entry_is_certain() -> None:
    scores = check_ready(random(3, 1, scale=30), one_each([0, 0, 0]), entropy=True, rank=True, top_k=1)
    assert scores.logprob.tolist() == [0.0, 0.0, 0.0]
    assert scores.entropy.tolist() == [0.0, 0.0, 0.0]


def test_no_rows() -> None:
    scores = check_ready(random(0, 10), ragged([]), **EVERYTHING)
    assert scores.top_ids.shape == (0, 3)


def test_only_what_is_asked_for_is_computed() -> None:
    scores = check_ready(random(2, 70), one_each([1, 2]))
    assert scores.entropy.numel() == scores.rank.numel() == scores.top_ids.numel() == 0


def test_any_strides() -> None:
    wide = random(8, 300)
    candidates = one_each([7, 5])
    for logits in (wide[::4, ::3], wide.T[:2], random(1, 90).expand(2, 90), random(90, 1).T.expand(2, 90)):
        check_ready(logits, candidates, **EVERYTHING)


def test_ties_go_to_the_lowest_id() -> None:
    logits = torch.zeros(2, 150, device=DEVICE)
    logits[1, [20, 70, 140]] = 1.0
    scores = check_ready(logits, one_each([149, 140]), entropy=True, rank=True, top_k=5)
    assert scores.argmax.tolist() == [0, 20]
    assert scores.top_ids.tolist() == [[0, 1, 2, 3, 4], [20, 70, 140, 0, 1]]
    assert scores.rank.tolist() == [0, 0]


def test_minus_infinity_takes_part_in_the_largest_entries() -> None:
    logits = torch.full((1, 70), -INF, device=DEVICE)
    logits[0, 66] = 0.5
    scores = check_ready(logits, one_each([66]), top_k=4)
    assert scores.top_ids.tolist() == [[66, 0, 1, 2]]


def test_more_largest_entries_than_one_pass_lists() -> None:
    logits = random(2, 80).mul(2).round()  # many ties
    scores = check_ready(logits, one_each([1, 2]), top_k=80)
    assert scores.top_ids.sort().values.tolist() == [list(range(80))] * 2


def test_targets_of_another_shard_have_no_mass_here() -> None:
    logits = random(3, 100)
    whole = ready(logits, one_each([10, 70, 99]), rank=True, top_k=2)
    shard = ready(logits[:, 60:], one_each([10, 70, 99]), vocab_start=60, sharded=True, rank=True, top_k=2)
    assert shard.logprob[0] == -INF
    assert shard.rank[0] == -1
    torch.testing.assert_close(
        (shard.logprob + shard.logsumexp)[1:], (whole.logprob + whole.logsumexp)[1:], rtol=0, atol=1e-6
    )
    assert shard.argmax.min() >= 60
    assert shard.top_ids.min() >= 60


def test_distant_rows_and_columns_are_addressed_with_64_bits() -> None:
    # 2.1 G elements lie between the last column and the first: virtual memory, of which only a few pages are touched
    stride = 2**30 + 2**27
    storage = torch.empty(2 * stride + 64, dtype=torch.bfloat16, device=DEVICE)
    logits = storage.as_strided((2, 3), (1, stride))
    logits.copy_(random(2, 3, dtype=torch.bfloat16))
    check_ready(logits, one_each([2, 1]), **EVERYTHING)
    check_ready(storage.as_strided((3, 2), (stride, 1)).copy_(random(3, 2)), one_each([0, 1, 1]), rank=True)


@settings(max_examples=15)
@given(
    vocab=st.integers(1, 40),
    rows=st.lists(st.lists(st.integers(-1, 39), max_size=3), max_size=4),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**31),
)
def test_random_shapes(vocab: int, rows: list[list[int]], dtype: torch.dtype, seed: int) -> None:
    candidates = ragged([[IGNORED if target < 0 else target % vocab for target in row] for row in rows])
    logits = random(len(rows), vocab, dtype=dtype, seed=seed, scale=6)
    check_ready(
        logits, candidates, entropy=True, rank=True, top_k=1, config=ReadyConfig(lanes=2, vectors=2, num_warps=1)
    )
