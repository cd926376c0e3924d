"""Registration with torch: fakes, torch.compile, and the choice of a backend."""

from __future__ import annotations

import pytest
import torch

from pyscore import compare_answers, linear_logprobs, logprobs
from pyscore.ops.dispatch import objections, select

from .cases import OUTPUTS, assert_same_bits, every_backend, random_projection, random_rows

_OPTIONS = (None, 1.0, -100, 0, False, True, True, 2)


@every_backend
def test_fakes_match_the_real_ops(backend: str) -> None:
    checks = ("test_schema", "test_faketensor")
    logits, targets = random_rows(3, 20, torch.float32)
    offsets = torch.arange(4)
    op = torch.ops.pyscore
    torch.library.opcheck(op.logprobs.default, (logits, targets, offsets, None, backend, *_OPTIONS), test_utils=checks)
    hidden, weight, targets = random_projection(3, 8, 20, torch.float32)
    inputs = (hidden, weight, torch.randn(20), targets, offsets, torch.ones(3))
    torch.library.opcheck(op.target_logits.default, (*inputs, backend, *_OPTIONS), test_utils=checks)
    torch.library.opcheck(op.linear_logprobs.default, (*inputs, None, backend, *_OPTIONS), test_utils=checks)
    answers = (torch.tensor([-1.0, -2.0]), None, torch.tensor([0, 2]), torch.tensor([True, False]), None, None)
    torch.library.opcheck(op.score_answers.default, (*answers, backend, "max", "half"), test_utils=checks)


@every_backend
def test_compile_fullgraph_gives_the_eager_bits(backend: str) -> None:
    hidden, weight, targets = random_projection(4, 16, 50, torch.float32)
    flags, offsets = torch.tensor([True, False, False, True]), torch.tensor([0, 2, 4])

    def score(hidden, weight, targets):  # type: ignore[no-untyped-def]
        scores = linear_logprobs(hidden, weight, targets, outputs=OUTPUTS, top_k=2, softcap=9.0, backend=backend)
        ready = logprobs(hidden @ weight.T, targets, temperature=0.5, backend=backend)
        return scores, ready, compare_answers(scores.logprob, offsets, flags, backend=backend)

    eager, graph = score(hidden, weight, targets), torch.compile(score, fullgraph=True)(hidden, weight, targets)
    assert_same_bits(graph[0], eager[0])
    torch.testing.assert_close(graph[1].logprob, eager[1].logprob)
    assert torch.equal(graph[2].probability, eager[2].probability)


def test_compile_with_dynamic_shapes() -> None:
    weight = torch.randn(50, 16)

    def score(hidden, targets):  # type: ignore[no-untyped-def]
        return linear_logprobs(hidden, weight, targets, outputs=("logprob", "entropy"), top_k=2, softcap=9.0)

    graph = torch.compile(score, fullgraph=True, dynamic=True, backend="aot_eager")
    for n in (3, 5, 8):
        hidden, targets = torch.randn(n, 16), torch.randint(0, 50, (n, 2))
        assert_same_bits(graph(hidden, targets), score(hidden, targets))


def test_auto_takes_the_first_backend_that_can_serve() -> None:
    assert select("auto", torch.device("cpu"), torch.float32).name == "cpu"
    assert select("auto", torch.device("cpu"), torch.float64).name == "reference"


def test_environment_forces_a_backend_and_an_argument_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSCORE_BACKEND", "reference")
    assert select("auto", torch.device("cpu"), torch.float32).name == "reference"
    assert select("cpu", torch.device("cpu"), torch.float32).name == "cpu"
    monkeypatch.setenv("PYSCORE_BACKEND", "gpu")
    with pytest.raises(ValueError, match="PYSCORE_BACKEND='gpu' is not a backend: choose one of 'auto', 'cpu'"):
        select("auto", torch.device("cpu"), torch.float32)


def test_a_backend_that_cannot_serve_says_why() -> None:
    for backend in ("cpu", "triton"):
        with pytest.raises(RuntimeError, match=f"backend='{backend}' can't serve torch.float64 on cpu: .*float64"):
            logprobs(torch.zeros(1, 3, dtype=torch.float64), torch.tensor([0]), backend=backend)
    meta = torch.device("meta")
    with pytest.raises(
        RuntimeError, match=r"no backend serves torch.float32 on meta \(cpu: .*; triton: .*; reference: "
    ):
        select("auto", meta, torch.float32)
    assert objections(meta, torch.float32)["cpu"]
