"""linear_logprobs: every backend against the definition, and the properties that hold for any input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscore import linear_logprobs, logprobs
from tests.ops.cases import (
    DTYPES,
    LINEAR,
    OUTPUTS,
    assert_same_bits,
    every_backend,
    every_compiled_backend,
    every_dtype,
    floats_only,
    random_projection,
    rows_of,
    scores_close,
)

NAN, INF = float("nan"), float("inf")


def test_reference_is_the_projection_then_log_softmax() -> None:
    hidden, weight, targets = random_projection(5, 24, 40, torch.float32)
    bias = torch.randn(40)
    s = 0.5 * (hidden.double() @ weight.double().T + bias.double())
    p = (10 * torch.tanh(s / 10) / 0.8).log_softmax(-1)
    scores = linear_logprobs(
        hidden, weight, targets, bias=bias, logit_scale=0.5, softcap=10.0, temperature=0.8, backend="reference"
    )
    torch.testing.assert_close(scores.logprob.double(), p.gather(1, targets[:, None])[:, 0], rtol=1e-6, atol=1e-6)


@every_compiled_backend
@every_dtype
@pytest.mark.parametrize(("n", "d", "v"), [(1, 1, 1), (3, 5, 7), (2, 64, 1000), (19, 33, 300), (3, 100, 1025)])
def test_backend_agrees_with_reference(backend: str, dtype: torch.dtype, n: int, d: int, v: int) -> None:
    hidden, weight, targets = random_projection(n, d, v, dtype)
    bias, temperature = torch.randn(v).to(dtype), torch.rand(n) + 0.5
    options: dict[str, Any]
    for options in (
        {},
        {"bias": bias},
        {"bias": bias, "softcap": 6.0, "temperature": temperature, "logit_scale": 1.5},
    ):
        wanted: dict[str, Any] = {"outputs": OUTPUTS, "top_k": min(v, 4), **options}
        actual = linear_logprobs(hidden, weight, targets, backend=backend, **wanted)
        expected = linear_logprobs(hidden, weight, targets, backend="reference", **wanted)
        scores_close(floats_only(actual), floats_only(expected), LINEAR)


@every_backend
@every_dtype
def test_ids_and_ranks_are_exact_where_logits_are(backend: str, dtype: torch.dtype) -> None:
    # small integers: every product and sum is exact in every dtype, with many ties
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randint(-2, 3, (6, 40), generator=generator).to(dtype)
    weight = torch.randint(-2, 3, (700, 40), generator=generator).to(dtype)
    targets = torch.randint(0, 700, (6, 2), generator=generator)
    z = hidden.double() @ weight.double().T
    scores = linear_logprobs(hidden, weight, targets, outputs=OUTPUTS, top_k=9, backend=backend)
    assert torch.equal(scores.rank, (z[:, None, :] > z.gather(1, targets)[..., None]).sum(-1))
    assert torch.equal(scores.is_greedy, scores.rank == 0)
    assert torch.equal(scores.argmax, z.argmax(-1))
    assert torch.equal(scores.top_ids, z.argsort(dim=-1, descending=True, stable=True)[:, :9])


@every_backend
@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 20),
    d=st.integers(1, 70),
    v=st.integers(1, 500),
    dtype=st.integers(0, 2),
)
def test_batch_equals_singles_and_permutation_bit_for_bit(
    backend: str, seed: int, n: int, d: int, v: int, dtype: int
) -> None:
    hidden, weight, targets = random_projection(n, d, v, DTYPES[dtype], seed)
    options: dict[str, Any] = {"outputs": OUTPUTS, "top_k": min(v, 3), "backend": backend}
    batch = linear_logprobs(hidden, weight, targets, **options)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert_same_bits(linear_logprobs(hidden[order], weight, targets[order], **options), rows_of(batch, order))
    for row in range(0, n, 5):
        one = slice(row, row + 1)
        assert_same_bits(linear_logprobs(hidden[one], weight, targets[one], **options), rows_of(batch, one))


@every_compiled_backend
def test_a_duplicated_best_row_of_the_weight_shares_rank_zero(backend: str) -> None:
    hidden, weight, _ = random_projection(3, 48, 900, torch.float32)
    weight[[10, 450, 899]] = hidden.mean(0) * 10 + 1.0
    hidden[:] = weight[10]
    scores = linear_logprobs(hidden, weight, torch.tensor([10, 450, 899]), outputs=OUTPUTS, top_k=3, backend=backend)
    assert scores.rank.tolist() == [0, 0, 0] and scores.is_greedy.all()
    assert scores.argmax.tolist() == [10, 10, 10] and scores.top_ids[0].tolist() == [10, 450, 899]


@every_compiled_backend
@every_dtype
def test_rows_with_nan_infinity_and_ignored_targets(backend: str, dtype: torch.dtype) -> None:
    hidden, weight, targets = random_projection(6, 32, 700, dtype)
    options: dict[str, Any] = {"outputs": OUTPUTS, "top_k": 2, "backend": backend}
    plain = linear_logprobs(hidden, weight, targets, **options)
    hidden[1, 3] = NAN
    hidden[4, 0] = INF
    targets[2] = -100
    scores = linear_logprobs(hidden, weight, targets, **options)
    keep = torch.tensor([0, 3, 5])
    assert_same_bits(rows_of(scores, keep), rows_of(plain, keep))
    for row in (1, 2, 4):
        assert scores.logprob[row].isnan() and scores.entropy[row].isnan()
        assert scores.argmax[row] == -1 and scores.rank[row] == -1


@every_compiled_backend
def test_bfloat16_logits_are_not_rounded(backend: str) -> None:
    hidden, weight, targets = random_projection(8, 64, 500, torch.bfloat16)
    exact = (hidden.double() @ weight.double().T).log_softmax(-1).gather(1, targets[:, None])[:, 0]
    ours = linear_logprobs(hidden, weight, targets, backend=backend).logprob.double()
    rounded = logprobs((hidden @ weight.T), targets, backend="reference").logprob.double()
    assert (ours - exact).abs().max() < 2e-5 < (rounded - exact).abs().max()


@every_compiled_backend
def test_float16_products_above_65504_do_not_overflow(backend: str) -> None:
    hidden = torch.full((2, 16), 300.0, dtype=torch.float16)
    weight = torch.full((5, 16), 20.0, dtype=torch.float16)  # logits of 96,000
    weight[3] = 0
    scores = linear_logprobs(hidden, weight, torch.tensor([0, 3]), outputs=("logprob", "logsumexp"), backend=backend)
    assert scores.logsumexp.isfinite().all()
    torch.testing.assert_close(scores.logprob, torch.tensor([-1.3862944, -96001.3862944]), rtol=1e-6, atol=1e-2)


@every_backend
def test_hidden_and_weight_of_any_strides_and_leading_dimensions(backend: str) -> None:
    hidden, weight, targets = random_projection(6, 20, 90, torch.float32)
    options: dict[str, Any] = {"outputs": OUTPUTS, "backend": backend}
    expected = linear_logprobs(hidden, weight, targets, **options)
    sliced = torch.zeros(90, 45)
    sliced[:, 3:43:2] = weight
    for view in (weight.t().contiguous().t(), sliced[:, 3:43:2]):
        assert_same_bits(linear_logprobs(hidden.t().contiguous().t(), view, targets, **options), expected)
    cube = linear_logprobs(hidden.reshape(2, 3, 20), weight, targets.reshape(2, 3), **options)
    assert cube.logprob.shape == (2, 3) and torch.equal(cube.logprob.flatten(), expected.logprob)
    assert torch.equal(cube.entropy.flatten(), expected.entropy)


@every_backend
def test_no_rows(backend: str) -> None:
    _, weight, _ = random_projection(1, 8, 30, torch.float32)
    scores = linear_logprobs(
        torch.empty(0, 8), weight, torch.empty(0, dtype=torch.int64), outputs=OUTPUTS, backend=backend
    )
    assert scores.logprob.shape == (0,) and scores.argmax.shape == (0,)
