"""logprobs: every backend against the definition, and the properties that hold for any input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscore import linear_logprobs, logprobs, merge_vocab_shards
from tests.ops.cases import (
    OUTPUTS,
    READY,
    assert_same_bits,
    every_backend,
    every_compiled_backend,
    every_dtype,
    floats_only,
    random_rows,
    rows_of,
    scores_close,
)

NAN, INF, LN_2 = float("nan"), float("inf"), float(np.log(2))


def test_reference_is_torch_log_softmax_in_float64() -> None:
    logits, targets = random_rows(7, 33, torch.float32)
    scores = logprobs(logits, targets, outputs=OUTPUTS, top_k=4, backend="reference")
    p = logits.double().log_softmax(-1)
    torch.testing.assert_close(scores.logprob.double(), p.gather(1, targets[:, None])[:, 0], rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(scores.logsumexp.double(), logits.double().logsumexp(-1), rtol=1e-7, atol=1e-7)
    entropy = torch.distributions.Categorical(logits=logits.double()).entropy()
    torch.testing.assert_close(scores.entropy.double(), entropy, rtol=1e-6, atol=1e-6)
    assert scores.rank.tolist() == [int((row > row[t]).sum()) for row, t in zip(logits, targets, strict=True)]
    assert torch.equal(scores.argmax, logits.argmax(-1))
    assert torch.equal(scores.top_ids, logits.topk(4).indices)


@every_compiled_backend
@every_dtype
@pytest.mark.parametrize(("n", "v"), [(1, 1), (3, 7), (2, 1000), (3, 2049)])
def test_backend_agrees_with_reference(backend: str, dtype: torch.dtype, n: int, v: int) -> None:
    logits, targets = random_rows(n, v, dtype)
    top_k = min(v, 5)
    for options in ({}, {"temperature": 0.7}, {"softcap": 5.0, "temperature": torch.rand(n) + 0.5}):
        wanted: dict[str, Any] = {"outputs": OUTPUTS, "top_k": top_k, **options}
        actual = logprobs(logits, targets, backend=backend, **wanted)
        expected = logprobs(logits, targets, backend="reference", **wanted)
        if options:
            actual, expected = floats_only(actual), floats_only(expected)
        scores_close(actual, expected, READY)


@every_backend
@settings(max_examples=12)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 6), v=st.integers(1, 500), dtype=st.sampled_from([0, 1, 2]))
def test_batch_equals_singles_and_permutation_bit_for_bit(backend: str, seed: int, n: int, v: int, dtype: int) -> None:
    logits, targets = random_rows(n, v, (torch.float32, torch.bfloat16, torch.float16)[dtype], seed)
    options: dict[str, Any] = {"outputs": OUTPUTS, "top_k": min(v, 3), "backend": backend}
    batch = logprobs(logits, targets, **options)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert_same_bits(logprobs(logits[order], targets[order], **options), rows_of(batch, order))
    for row in range(n):
        one = slice(row, row + 1)
        assert_same_bits(logprobs(logits[one], targets[one], **options), rows_of(batch, one))


@every_backend
@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), shift=st.floats(-50, 50), v=st.integers(2, 300))
def test_shifting_all_logits_changes_no_logprob(backend: str, seed: int, shift: float, v: int) -> None:
    logits, targets = random_rows(3, v, torch.float32, seed)
    options: dict[str, Any] = {"outputs": ("logprob", "entropy"), "backend": backend}
    scores_close(
        logprobs(logits + shift, targets, **options), logprobs(logits, targets, **options), {"rtol": 1e-5, "atol": 4e-5}
    )


@every_backend
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # of Triton's interpreter
@pytest.mark.parametrize("offset", [1e8, 1e17, -1e30])
def test_a_common_offset_of_any_size_costs_no_digit(backend: str, offset: float) -> None:
    logits = torch.tensor([[offset, offset, -3e38]])
    options: dict[str, Any] = {"outputs": ("logprob", "entropy"), "top_k": 1, "backend": backend}
    ready = logprobs(logits, [1], **options)
    linear = linear_logprobs(logits[:, :1], torch.ones(2, 1), [1], **options)
    parts = ((0, logits[:, :1]), (1, logits[:, 1:]))
    merged = merge_vocab_shards([logprobs(part, [1], vocab_start=start, **options) for start, part in parts])
    for scores in (ready, linear, merged):
        assert scores.logprob.item() == pytest.approx(-LN_2, rel=1e-7)
        assert scores.entropy.item() == pytest.approx(LN_2, rel=1e-7)
        assert scores.top_logprobs.item() == pytest.approx(-LN_2, rel=1e-7)


@every_backend
def test_outputs_asked_for_do_not_change_the_bits_of_others(backend: str) -> None:
    logits, targets = random_rows(4, 1500, torch.bfloat16)
    everything = logprobs(logits, targets, outputs=OUTPUTS, top_k=3, backend=backend)
    for name in OUTPUTS:
        alone = getattr(logprobs(logits, targets, outputs=(name,), backend=backend), name)
        assert torch.equal(alone, getattr(everything, name)), name
    assert logprobs(logits, targets, backend=backend).logsumexp is None


@every_backend
def test_candidates_dense_and_ragged_agree_with_one_target_a_row(backend: str) -> None:
    logits, _ = random_rows(4, 300, torch.float32)
    candidates = torch.randint(0, 300, (4, 3))
    options: dict[str, Any] = {"outputs": ("logprob", "rank", "is_greedy", "logsumexp"), "backend": backend}
    dense = logprobs(logits, candidates, **options)
    ragged = logprobs(logits, candidates.flatten(), target_offsets=[0, 3, 6, 9, 12], **options)
    assert dense.logprob.shape == (4, 3) and ragged.logprob.shape == (12,)
    for name in ("logprob", "rank", "is_greedy"):
        assert torch.equal(getattr(dense, name).flatten(), getattr(ragged, name))
        for k in range(3):
            assert torch.equal(getattr(dense, name)[:, k], getattr(logprobs(logits, candidates[:, k], **options), name))
    uneven = logprobs(logits, candidates.flatten()[:4], target_offsets=[0, 0, 3, 3, 4], **options)
    expected = [
        logprobs(logits[r], candidates.flatten()[i], backend=backend).logprob for i, r in enumerate((1, 1, 1, 3))
    ]
    assert torch.equal(uneven.logprob, torch.stack(expected))
    assert torch.equal(uneven.logsumexp, dense.logsumexp)


@every_backend
def test_ignored_targets_and_rows_yield_nan_and_leave_others_alone(backend: str) -> None:
    logits, targets = random_rows(4, 50, torch.float32)
    options: dict[str, Any] = {"outputs": OUTPUTS, "top_k": 2, "backend": backend}
    plain = logprobs(logits, targets, **options)
    masked = targets.clone()
    masked[1] = -100
    scores = logprobs(logits, masked, **options)
    keep = torch.tensor([0, 2, 3])
    assert_same_bits(rows_of(scores, keep), rows_of(plain, keep))
    for name in ("logprob", "logsumexp", "entropy"):
        assert getattr(scores, name)[1].isnan()
    assert scores.rank[1] == -1 and scores.argmax[1] == -1 and not scores.is_greedy[1]
    assert scores.top_ids[1].tolist() == [-1, -1] and scores.top_logprobs[1].isnan().all()
    pairs = torch.stack([targets, targets.new_tensor([-100, 1, -100, 2])], 1)
    some = logprobs(logits, pairs, **options)
    assert some.logprob[:, 1].isnan().tolist() == [True, False, True, False]
    assert torch.equal(some.logprob[:, 0], plain.logprob) and torch.equal(some.entropy, plain.entropy)


@every_backend
@every_dtype
def test_rows_with_nan_or_infinite_logits(backend: str, dtype: torch.dtype) -> None:
    v = 1300
    logits, _ = random_rows(7, v, dtype)
    targets = torch.tensor([5, 5, 5, 5, 1200, 0, 3])
    logits[1, 700] = NAN
    logits[2, 9] = INF
    logits[3] = -INF
    logits[4, :1100] = -INF  # whole tiles without mass
    logits[5, 0] = -INF
    options: dict[str, Any] = {"outputs": OUTPUTS, "top_k": 3, "backend": backend}
    scores = logprobs(logits, targets, **options)
    healthy = [0, 4, 6]
    expected = logprobs(logits[healthy], targets[healthy], **{**options, "backend": "reference"})
    scores_close(rows_of(scores, torch.tensor(healthy)), expected, READY)
    for row in (1, 2, 3):
        assert scores.logprob[row].isnan() and scores.entropy[row].isnan()
        assert scores.rank[row] == -1 and scores.argmax[row] == -1 and not scores.is_greedy[row]
        assert scores.top_ids[row].tolist() == [-1, -1, -1]
    assert scores.logsumexp[1].isnan() and scores.logsumexp[2] == INF and scores.logsumexp[3] == -INF
    assert scores.logprob[5] == -INF and scores.entropy[5].isfinite() and scores.rank[5] == v - 1


@every_backend
@every_dtype
def test_ties_go_to_the_lowest_id(backend: str, dtype: torch.dtype) -> None:
    logits = torch.full((1, 3000), -2.0, dtype=dtype)
    logits[0, [2999, 17, 2050]] = 3.0
    scores = logprobs(logits, torch.tensor([2050]), outputs=OUTPUTS, top_k=5, backend=backend)
    assert scores.argmax.item() == 17
    assert scores.top_ids[0].tolist() == [17, 2050, 2999, 0, 1]
    assert scores.rank.item() == 0 and scores.is_greedy.item()


@every_backend
def test_top_k_may_be_the_whole_vocabulary_with_minus_infinity_in_it(backend: str) -> None:
    logits = torch.tensor([[0.0, -INF, 2.0, -INF, 1.0]])
    scores = logprobs(logits, torch.tensor([1]), top_k=5, backend=backend)
    assert scores.top_ids[0].tolist() == [2, 4, 0, 1, 3]
    assert scores.top_logprobs[0, 3:].tolist() == [-INF, -INF] and scores.logprob.item() == -INF


@every_backend
def test_vocabulary_tail_is_not_counted(backend: str) -> None:
    for v in (1, 2, 15, 17, 511, 513, 1023, 1025, 4097):
        logits = torch.full((2, v), -100.0)
        scores = logprobs(logits, torch.zeros(2, dtype=torch.int64), outputs=OUTPUTS, backend=backend)
        torch.testing.assert_close(scores.logprob, torch.full((2,), -float(np.log(v))), rtol=1e-5, atol=1e-5)
        assert scores.rank.tolist() == [0, 0]


@every_backend
def test_no_rows_and_no_candidates(backend: str) -> None:
    empty = logprobs(torch.empty(0, 9), torch.empty(0, dtype=torch.int64), outputs=OUTPUTS, top_k=2, backend=backend)
    assert empty.logprob.shape == (0,) and empty.entropy.shape == (0,) and empty.top_ids.shape == (0, 2)
    logits, _ = random_rows(3, 9, torch.float32)
    none = logprobs(logits, torch.empty(3, 0, dtype=torch.int64), outputs=OUTPUTS, backend=backend)
    assert none.logprob.shape == (3, 0)
    assert torch.equal(none.argmax, logits.argmax(-1))


@every_backend
@every_dtype
def test_strides_do_not_change_the_result(backend: str, dtype: torch.dtype) -> None:
    logits, targets = random_rows(6, 400, dtype)
    options: dict[str, Any] = {"outputs": OUTPUTS, "top_k": 2, "backend": backend}
    expected = logprobs(logits, targets, **options)
    wide = torch.zeros(6, 900, dtype=dtype)
    wide[:, 1:801:2] = logits
    column_major = logits.t().contiguous().t()
    for strided in (wide[:, 1:801:2], column_major):
        assert strided.shape == logits.shape and strided.stride() != logits.stride()
        assert_same_bits(logprobs(strided, targets, **options), expected)
    expanded = logprobs(logits[:1].expand(6, 400), targets[:1].expand(6), **options)
    assert_same_bits(expanded, rows_of(expected, torch.zeros(6, dtype=torch.int64)))


@every_backend
def test_leading_dimensions_are_kept_without_copying_rows(backend: str) -> None:
    logits, targets = random_rows(12, 60, torch.float32)
    flat = logprobs(logits, targets, outputs=OUTPUTS, top_k=2, backend=backend)
    cube, marks = logits.reshape(3, 4, 60), targets.reshape(3, 4)
    scores = logprobs(cube, marks, outputs=OUTPUTS, top_k=2, backend=backend)
    assert scores.logprob.shape == (3, 4) and scores.top_ids.shape == (3, 4, 2)
    assert torch.equal(scores.logprob.flatten(), flat.logprob)
    shifted = logprobs(cube[:, :-1], marks[:, :-1], backend=backend)  # no single 2-d view covers these rows
    assert torch.equal(shifted.logprob, scores.logprob[:, :-1])
    pairs = logprobs(
        cube[:, :-1], torch.stack([marks, marks], -1)[:, :-1], temperature=torch.full((3, 3), 2.0), backend=backend
    )
    assert torch.equal(
        pairs.logprob[..., 1], logprobs(cube[:, :-1], marks[:, :-1], temperature=2.0, backend=backend).logprob
    )


@every_backend
def test_elements_beyond_two_to_the_31_are_addressed(backend: str) -> None:
    far = 2**31 + 64
    storage = torch.empty(far + 8, dtype=torch.bfloat16)  # only the touched pages take memory
    logits = storage.as_strided((2, 8), (far, 1))
    logits.copy_(torch.tensor([[1.0] * 8, [0.0, 0, 0, 0, 0, 0, 0, 30.0]]))
    scores = logprobs(logits, torch.tensor([0, 7]), backend=backend)
    torch.testing.assert_close(scores.logprob, torch.tensor([-float(np.log(8)), 0.0]), rtol=1e-6, atol=1e-6)


@every_backend
def test_logprob_is_never_positive(backend: str) -> None:
    logits = torch.full((64, 3), -80.0)
    logits[:, 0] = torch.linspace(-30, 30, 64)
    scores = logprobs(logits, torch.zeros(64, dtype=torch.int64), outputs=("logprob", "entropy"), backend=backend)
    assert (scores.logprob <= 0).all() and (scores.entropy >= 0).all()
