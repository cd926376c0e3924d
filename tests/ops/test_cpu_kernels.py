"""The compiled kernels for ready logits, on every instruction set that this machine has."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyscore._extension import _C
from pyscore.ops.cpu import CPU, vector
from pyscore.ops.reference import REFERENCE
from pyscore.ops.request import TokenTensors, Wanted
from tests.ops import requests
from tests.ops.cpu_cases import (
    ALL,
    DTYPES,
    INF,
    ISAS,
    NAN,
    assert_close,
    assert_same_bits,
    draw,
    draw_ids,
    every_dtype,
    every_isa,
    linear,
    linear_case,
    offsets,
    one_each,
    ready,
    ready_case,
    rows,
)
from tests.ops.requests import ask

pytestmark = pytest.mark.usefixtures("two_threads")


@every_isa
@every_dtype
@pytest.mark.parametrize("v", [1, 7, 2048, 5001])
def test_ready_logits_agree_with_the_definition(isa: str, dtype: torch.dtype, v: int) -> None:
    logits = (draw(4, v) * 12).clamp(-30, 30).to(dtype)
    request = ask(draw_ids(6, v), offsets([3, 0, 1, 2]), wanted=ALL._replace(top_k=min(v, 5)))
    expected = requests.ready(REFERENCE, logits.double(), request)
    assert_close(requests.ready(CPU, logits, request), expected, atol=2e-6)


@every_isa
@every_dtype
def test_softcap_and_temperature_agree_with_the_definition(isa: str, dtype: torch.dtype) -> None:
    logits, temperature = (draw(4, 3000) * 20).to(dtype), torch.tensor([0.5, 1, 1.7, 9])
    request = ask(draw_ids(4, 3000), one_each(4), temperature, softcap=15.0, wanted=ALL)
    expected = requests.ready(REFERENCE, logits.double(), request)
    # float32 ties logits that float64 tells apart where tanh saturates: no ids
    assert_close(requests.ready(CPU, logits, request), expected, atol=8e-6, ids=False)


@every_isa
def test_softcap_is_tanh_to_float32_precision(isa: str) -> None:
    # the logsumexp of a vocabulary of one is its final logit
    s = torch.cat(
        [torch.linspace(-12, 12, 4801), torch.tensor([1e-30, -1e-7, 0.0, -0.0, 0.625, 88.0, -1e30, INF, -INF])]
    )
    empty = torch.zeros(s.numel() + 1, dtype=torch.int64)
    z = requests.ready(CPU, s[:, None], ask(empty[:0], empty, softcap=1.0)).logsumexp
    torch.testing.assert_close(z.double(), s.double().tanh(), rtol=3e-7, atol=0)


@every_isa
def test_logsumexp_of_a_large_vocabulary_is_exact_to_two_parts_in_a_million(isa: str) -> None:
    v = 262_144
    spread = torch.rand(v, generator=torch.Generator().manual_seed(0)) * 60 - 30
    plateau = torch.full((v,), -1.0).index_fill(0, torch.tensor([v // 2]), 0.0)  # equal addends round to one side
    logits = torch.stack([spread, plateau, spread / 30])
    none = torch.zeros(4, dtype=torch.int64)
    lse = ready(logits, none[:0], none, Wanted()).logsumexp
    torch.testing.assert_close(lse.double(), logits.double().logsumexp(-1), rtol=2e-6, atol=0)


@every_dtype
@pytest.mark.parametrize("value", [65504.0, 6e-8, -6e-8, 5.9604645e-08, 0.0, 1.5, -65504.0])
def test_sixteen_bit_floats_widen_exactly(dtype: torch.dtype, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.tensor([[value]]).to(dtype)
    for name in ISAS:
        monkeypatch.setenv("PYSCORE_CPU_ISA", name)
        scores = ready(logits, torch.tensor([0]), one_each(1), Wanted())
        assert scores.max_logit.item() == logits.double().item(), name


@every_isa
@every_dtype
def test_any_strides_give_the_bits_of_a_contiguous_copy(isa: str, dtype: torch.dtype) -> None:
    base = draw(6, 4200).to(dtype)
    views = {
        "every second column": base[:, ::2],
        "transposed": base.T,
        "expanded rows": base[2:3].expand(5, -1),
        "expanded columns": base[:, 7:8].expand(-1, 33),
        "offset": base[1:, 13:],
    }
    for name, view in views.items():
        n, v = view.shape
        targets, copy = (draw_ids(n, v), one_each(n)), view.clone(memory_format=torch.contiguous_format)
        assert_same_bits(ready(view, *targets), ready(copy, *targets), name)


@every_isa
def test_negative_strides_read_backwards(isa: str) -> None:
    logits, wanted = draw(3, 2500), Wanted(entropy=True, rank=True, top_k=2)
    ids, ends = vector(torch.arange(3), torch.int64), vector(torch.arange(4), torch.int64)
    request = _C.TokenRequest(ids, ends, None, None, 1.0, -100, 0, wanted.top_k)

    def score(matrix: NDArray[np.float32]) -> TokenTensors:
        out = TokenTensors.empty(logits, 3, 3, wanted)
        _C.logprobs(matrix, "float32", request, [field.data_ptr() for field in out], 2)
        return out

    array = logits.numpy()
    for view in (array[::-1], array[:, ::-1], array[::-1, ::-2]):
        assert_same_bits(score(view), score(view.copy()))


def test_rows_that_lie_more_than_two_to_the_31_apart_are_found() -> None:
    v, stride = 100, 2**30
    storage = torch.empty(2 * stride + v, dtype=torch.bfloat16)  # virtual: only three rows are ever touched
    logits = storage.as_strided((3, v), (stride, 1))
    logits.copy_(draw(3, v))
    assert_same_bits(ready(logits, draw_ids(3, v), one_each(3)), ready(logits.clone(), draw_ids(3, v), one_each(3)))
    weight = storage.as_strided((3, v), (stride, 1))
    hidden, targets = draw(2, v).bfloat16(), torch.tensor([2, 0])
    assert_same_bits(linear(hidden, weight, targets), linear(hidden, weight.clone(), targets))


@every_isa
@every_dtype
def test_infinite_logits_have_the_limits_of_logsumexp(isa: str, dtype: torch.dtype) -> None:
    v = 5000  # three tiles
    logits = draw(6, v).to(dtype)
    logits[0] = -INF
    logits[1, 4000] = INF
    logits[2, 10:] = -INF  # whole tiles of -inf
    logits[3, 1] = INF
    logits[3, 4999] = NAN
    logits[4, :4990] = -INF
    logits[5, :] = -INF
    logits[5, 4321] = 2.0
    targets = torch.tensor([0, 4000, 11, 1, 4999, 4321])
    request = ask(targets, one_each(6), wanted=ALL._replace(top_k=20))
    scores = requests.ready(CPU, logits, request)
    assert_close(scores, requests.ready(REFERENCE, logits.double(), request), atol=2e-6)
    assert scores.logsumexp[:2].tolist() == [-INF, INF]
    assert scores.logprob[2].item() == -INF
    assert scores.logprob[5].item() == 0.0
    assert scores.entropy[5].item() == 0.0


@every_isa
def test_one_entry_has_all_the_probability_and_no_entropy(isa: str) -> None:
    scores = ready(draw(9, 1) * 1000, torch.zeros(9, dtype=torch.int64), one_each(9))
    assert scores.logprob.eq(0).all()
    assert scores.entropy.eq(0).all()
    assert scores.rank.eq(0).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_no_rows_give_empty_results(dtype: torch.dtype) -> None:
    none, ends = torch.zeros(0, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)
    for scores in (
        ready(torch.empty(0, 50, dtype=dtype), none, ends),
        linear(torch.empty(0, 8, dtype=dtype), torch.ones(50, 8, dtype=dtype), none),
    ):
        assert [field.numel() for field in scores] == [0] * 8
        assert scores.top_ids.shape == (0, 1)


def beyond_the_end(matrix: Tensor, extra: int) -> Tensor:
    """The matrix with rows added that lie outside of its memory: the sanitizer stops whoever reads them."""
    array = matrix.contiguous().numpy()
    shape = (array.shape[0] + extra, array.shape[1])
    return torch.from_numpy(np.lib.stride_tricks.as_strided(array, shape, array.strides))


@every_isa
def test_ignored_rows_are_not_read_and_yield_nan(isa: str) -> None:
    for case, v in ((ready_case, 3000), (linear_case, 5000)):
        op, matrix, targets = case(torch.float32, 5, v)
        expected = op(matrix, targets)
        scores = op(beyond_the_end(matrix, 3), torch.cat([targets, torch.full((3,), -100)]))
        assert_same_bits(rows(scores, torch.arange(5)), expected)
        for name, value in zip(scores._fields, scores, strict=True):
            assert value[5:].isnan().all() if value.is_floating_point() else value[5:].eq(-1).all(), name


def test_an_ignored_candidate_leaves_its_rows_other_candidates() -> None:
    logits, counts = draw(2, 40), [3, 2]
    targets = torch.tensor([5, -1, 7, -1, -1])
    scores = requests.ready(CPU, logits, ask(targets, offsets(counts), ignore_index=-1, wanted=ALL))
    expected = logits[0].double().log_softmax(-1)[[5, 7]].float()
    torch.testing.assert_close(scores.logprob[[0, 2]], expected, rtol=2e-6, atol=1e-6)
    assert scores.logprob[[1, 3, 4]].isnan().all()
    assert scores.rank[[1, 3, 4]].eq(-1).all()
    assert scores.logsumexp.isnan().tolist() == [False, True]


@every_isa
@pytest.mark.parametrize("k", [1, 3, 40, 4500, 5000])
def test_top_k_orders_ties_by_id(isa: str, k: int) -> None:
    logits = (draw(3, 5000) * 2).round()  # some ten distinct values
    logits[1, ::2] = -INF
    targets, wanted = torch.tensor([0, 1, 2]), ALL._replace(top_k=k)
    scores = ready(logits, targets, one_each(3), wanted)
    assert torch.equal(scores.top_ids, logits.argsort(dim=-1, descending=True, stable=True)[:, :k])
    # a projection by the identity has the same logits, and cuts the vocabulary in pieces
    both = linear(torch.eye(3), logits.where(logits.isfinite(), -99.0).T.contiguous(), targets, wanted)
    finite = scores.top_logprobs.isfinite()
    assert torch.equal(both.top_ids[finite], scores.top_ids[finite])


@every_isa
@every_dtype
def test_ranks_count_strictly_greater_logits_among_duplicated_rows(isa: str, dtype: torch.dtype) -> None:
    weight = draw(10, 45, seed=2).to(dtype).repeat(600, 1)  # each logit 600 times, all over the vocabulary
    hidden, targets = draw(4, 45).to(dtype), torch.tensor([0, 11, 5999, 3003])
    scores = linear(hidden, weight, targets)
    order = linear(hidden, weight[:10], targets % 10)
    assert torch.equal(scores.rank, 600 * order.rank)
    assert torch.equal(scores.argmax, order.argmax)


def test_the_best_instruction_set_is_chosen_unless_one_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYSCORE_CPU_ISA", raising=False)
    assert _C.cpu_isa() == ISAS[0]
    monkeypatch.setenv("PYSCORE_CPU_ISA", ISAS[-1])
    assert _C.cpu_isa() == ISAS[-1] == "portable"


def test_an_unknown_instruction_set_is_refused_with_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSCORE_CPU_ISA", "avx9")
    with pytest.raises(ValueError, match=rf"PYSCORE_CPU_ISA=avx9 .*choose one of {', '.join(ISAS)}"):
        ready(torch.zeros(1, 2), torch.tensor([0]), one_each(1))


def test_the_backend_says_what_it_can_not_serve() -> None:
    cpu = torch.device("cpu")
    assert [CPU.objection(cpu, dtype) for dtype in DTYPES] == [None, None, None]
    assert "cuda" in (CPU.objection(torch.device("cuda"), torch.float32) or "")
    assert "reference" in (CPU.objection(cpu, torch.float64) or "")
    assert "int8" in (CPU.objection(cpu, torch.int8) or "")
