"""What never changes a bit of the compiled kernels' results: batch, order, threads, outputs, environment."""

from __future__ import annotations

import pytest
import torch

from pyscore.ops.backend import ScoreOptions, TokenTensors

from .cpu_cases import NAN, Case, assert_same_bits, every_case, every_dtype, every_isa, linear_case, ready_case, rows

pytestmark = pytest.mark.usefixtures("two_threads")


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
    bare = op(matrix, targets, ScoreOptions())
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
    if not torch.set_flush_denormal(True):
        pytest.skip("this machine can't flush denormals")
    try:
        scores = op(tiny, targets)
    finally:
        torch.set_flush_denormal(False)
    assert_same_bits(scores, expected)
