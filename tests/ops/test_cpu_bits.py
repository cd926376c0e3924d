"""What never changes a bit of the compiled kernels' results: batch, order, threads, outputs, environment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from pyscore import logprobs, merge_vocab_shards
from pyscore._extension import _C
from pyscore.ops.request import TokenTensors, Wanted
from tests.ops.cpu_cases import (
    NAN,
    Case,
    assert_same_bits,
    every_case,
    every_dtype,
    every_isa,
    linear_case,
    ready_case,
    rows,
)

pytestmark = pytest.mark.usefixtures("two_threads")


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """As with torch.set_flush_denormal on the caller's thread, which has no effect on others."""
    if not torch.set_flush_denormal(True):
        pytest.skip("this machine can't flush denormals")
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@every_isa
@every_dtype
@every_case
def test_bits_do_not_depend_on_batch_order_threads_or_other_outputs(
    isa: str, dtype: torch.dtype, case: Case, n: int, v: int
) -> None:
    op, matrix, targets = case(dtype, n, v)
    whole = op(matrix, targets)
    for threads in (1, 3):
        torch.set_num_threads(threads)
        assert_same_bits(op(matrix, targets), whole)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(3))
    assert_same_bits(op(matrix[order], targets[order]), rows(whole, order))
    for row in range(0, n, 1 + n // 5):
        single = torch.tensor([row])
        assert_same_bits(op(matrix[single], targets[single]), rows(whole, single))
    bare = op(matrix, targets, Wanted())
    assert torch.equal(bare.logprob, whole.logprob)
    assert torch.equal(bare.logsumexp, whole.logsumexp)
    assert torch.equal(bare.argmax, whole.argmax)


@every_isa
@every_dtype
@pytest.mark.parametrize("case", [ready_case, linear_case])
def test_bits_do_not_depend_on_batch_sizes_up_to_four_thousand(isa: str, dtype: torch.dtype, case: Case) -> None:
    op, matrix, targets = case(dtype, 4096, 700)
    whole, start = op(matrix, targets), 0
    for size in (1, 2, 3, 4, 5, 7, 8, 16, 23, 24, 25, 64, 95, 96, 97, 250, 1000, 2376):
        part = slice(start, start + size)
        assert_same_bits(op(matrix[part], targets[part]), TokenTensors(*(field[part] for field in whole)))
        start += size
    assert start == 4096


@every_isa
@every_case
def test_the_best_target_has_rank_zero_and_the_bits_of_the_top_entry(isa: str, case: Case, n: int, v: int) -> None:
    op, matrix, targets = case(torch.bfloat16, n, v)
    best = op(matrix, targets).argmax
    scores = op(matrix, best)
    assert scores.rank.eq(0).all()
    assert torch.equal(scores.top_ids[:, 0], best)
    assert torch.equal(scores.top_logprobs[:, 0], scores.logprob)


@every_isa
@every_dtype
@every_case
def test_rows_without_a_distribution_are_nan_and_leave_the_others_alone(
    isa: str, dtype: torch.dtype, case: Case, n: int, v: int
) -> None:
    op, matrix, targets = case(dtype, n, v)
    clean = op(matrix, targets)
    matrix[1, matrix.shape[1] // 2] = NAN
    broken = op(matrix, targets)
    others = torch.tensor([row for row in range(n) if row != 1])
    assert_same_bits(rows(broken, others), rows(clean, others))
    for name, value in zip(broken._fields, broken, strict=True):
        assert value[1].isnan().all() if value.is_floating_point() else value[1].eq(-1).all(), name


@every_isa
def test_flushing_denormals_on_the_callers_thread_changes_no_bit(isa: str) -> None:
    op, matrix, targets = ready_case(torch.float16, 30, 5000)
    tiny = matrix * 1e-6  # subnormal halves
    expected = op(tiny, targets)
    with flushed_denormals():
        scores = op(tiny, targets)
    assert_same_bits(scores, expected)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_split_among_threads_is_gathered_as_it_is_read_where_denormals_are_flushed(
    backend: str, threads: int
) -> None:
    torch.set_num_threads(threads)
    logits = torch.zeros(1, 70_000)
    logits[0, 50_000] = 1e-39
    with flushed_denormals():
        scores = logprobs(logits, [50_000], temperature=2.0, outputs=("rank", "argmax"), backend=backend)
    assert scores.rank.item() == 0 and scores.argmax.item() == 50_000


def test_shards_are_merged_by_their_denormals() -> None:
    parts = [torch.zeros(1, 4), torch.tensor([[0.0, 1e-39]])]
    shards = [
        logprobs(part, [5], outputs=("argmax",), vocab_start=start) for part, start in zip(parts, (0, 4), strict=True)
    ]
    with flushed_denormals():
        assert merge_vocab_shards(shards).argmax.item() == 5


def test_moments_are_put_together_where_denormals_are_flushed() -> None:
    tiny, no_tie = np.full(100, 1e-310), np.zeros(100, np.bool_)
    with flushed_denormals():
        found = _C.summary_moments(tiny, tiny, tiny, tiny, tiny, no_tie, threads=1)
        means = _C.bootstrap_means(tiny[:, None], None, resamples=2, seed=0, threads=1)
    assert (found["mean"][:5] == 1e-310).all()
    np.testing.assert_allclose(means, 1e-310, rtol=1e-9)
