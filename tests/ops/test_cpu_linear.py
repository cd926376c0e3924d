"""The compiled kernels for linear logits, on every instruction set that this machine has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from pyscore.ops.cpu import CPU
from pyscore.ops.reference import REFERENCE
from pyscore.ops.request import Projection
from tests.ops import requests
from tests.ops.cpu_cases import ALL, assert_close, assert_same_bits, draw, draw_ids, every_dtype, every_isa, linear
from tests.ops.requests import ask

pytestmark = pytest.mark.usefixtures("two_threads")


@every_isa
@every_dtype
@pytest.mark.parametrize(
    ("n", "d", "v"), [(1, 1, 1), (2, 3, 5), (7, 77, 300), (13, 64, 4500), (5, 1000, 130), (27, 40, 193)]
)
def test_linear_logits_agree_with_the_definition(isa: str, dtype: torch.dtype, n: int, d: int, v: int) -> None:
    hidden, weight, bias = draw(n, d).to(dtype), (draw(v, d, seed=2) * (3 / d**0.5)).to(dtype), draw(v, seed=4)
    request = ask(draw_ids(2 * n, v), temperature=torch.linspace(0.6, 2, n), wanted=ALL)
    ours, exact = Projection(hidden, weight, bias), Projection(hidden.double(), weight.double(), bias)
    for asked in (request, request._replace(logit_scale=0.7, softcap=5.0)):
        found, expected = CPU.target_logits(ours, asked), REFERENCE.target_logits(exact, asked)
        torch.testing.assert_close(found.double(), expected.double(), rtol=2e-6, atol=2e-5)
        scores = requests.linear(CPU, ours, asked, found)
        assert_close(scores, requests.linear(REFERENCE, exact, asked, expected), atol=4e-5, ids=False)


# a step of the depth is 4 elements or 8, sums start afresh every 64 steps
@every_isa
@every_dtype
@pytest.mark.parametrize("d", [2, 4, 5, 8, 9, 15, 255, 256, 257, 260, 511, 512, 513, 520, 1029])
def test_any_depth_agrees_with_the_definition(isa: str, dtype: torch.dtype, d: int) -> None:
    n, v = 6, 70
    hidden, weight = draw(n, d).to(dtype), (draw(v, d, seed=2) * (3 / d**0.5)).to(dtype)
    targets = draw_ids(n, v)
    request = ask(targets, wanted=ALL)
    expected = requests.linear(REFERENCE, Projection(hidden.double(), weight.double()), request)
    assert_close(linear(hidden, weight, targets), expected, atol=4e-5, ids=False)


@every_isa
@every_dtype
def test_rows_that_are_not_contiguous_give_the_same_bits(isa: str, dtype: torch.dtype) -> None:
    hidden, weight = draw(9, 140).to(dtype), draw(333, 140, seed=2).to(dtype)
    targets = draw_ids(9, 333)
    expected = linear(hidden[:, ::2].contiguous(), weight[:, ::2].contiguous(), targets)
    assert_same_bits(linear(hidden[:, ::2], weight[:, ::2], targets), expected)
    shared = linear(hidden[:1].expand(9, -1), weight, targets)
    assert_same_bits(shared, linear(hidden[:1].repeat(9, 1), weight, targets))


@every_isa
def test_a_vocabulary_shard_reports_ids_of_the_whole_and_leaves_other_targets_to_others(isa: str) -> None:
    hidden, weight, targets = draw(3, 20), draw(60, 20, seed=2), torch.tensor([5, 45, 59])
    request = ask(targets, wanted=ALL)
    shard, part = request._replace(vocab_start=40), Projection(hidden, weight[40:])
    whole, found = linear(hidden, weight, targets), CPU.target_logits(part, shard)
    assert found[0].item() == -float("inf")
    known = CPU.target_logits(Projection(hidden, weight), request)
    assert torch.equal(found[1:], known[1:])
    scores = requests.linear(CPU, part, shard, known)
    first = requests.linear(CPU, Projection(hidden, weight[:40]), request, known)
    assert torch.equal(scores.rank + first.rank, whole.rank)
    assert scores.argmax.ge(40).all()
    ready = requests.ready(CPU, hidden @ part.weight.T, shard)
    assert ready.logprob[0].item() == -float("inf")
    assert ready.rank[0].item() == -1


@every_isa
def test_float16_products_may_leave_the_range_of_float16(isa: str) -> None:
    hidden, weight = torch.full((2, 4), 200.0).half(), torch.full((3, 4), 200.0).half()
    weight[1:] = 100.0
    scores = linear(hidden, weight, torch.tensor([0, 1]))
    assert scores.max_logit.tolist() == [160_000.0, 160_000.0]
    assert scores.logprob[1].item() == -80_000.0


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux to measure the peak of memory")
@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer keeps what is freed")
def test_the_workspace_is_under_one_percent_of_the_logits() -> None:
    n, d, v = 1024, 576, 49_152
    hidden, weight, targets = draw(n, d), draw(v, d, seed=2), draw_ids(n, v)

    def memory(field: str) -> int:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(next(line for line in status.splitlines() if line.startswith(field)).split()[1])

    linear(hidden[:8], weight[:8], targets[:8] % 8)
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before = memory("VmRSS")
    linear(hidden, weight, targets)
    assert memory("VmHWM") - before < n * v * 4 // 100
