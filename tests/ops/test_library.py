"""Registration with torch: fakes, torch.compile, and the choice of a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounter
from torch.utils._pytree import tree_leaves

from pyscore import Comparison, TokenScores, compare_answers, linear_logprobs, logprobs, score_answers
from pyscore.ops import library
from pyscore.ops.backend import Backend, registered
from pyscore.ops.dispatch import objections, select
from pyscore.ops.request import AnswerRequest, Projection, Targets, TokenRequest, Wanted
from tests.ops.cases import OUTPUTS, assert_same_bits, every_backend, random_projection, random_rows

_OPTIONS = (None, 1.0, -100, 0, False, True, True, 2)
_TARGETS = "Tensor targets, Tensor? target_offsets, Tensor? temperature"
_REST = (
    "str backend, float? softcap, float logit_scale, int ignore_index, int vocab_start, bool sharded, bool entropy, "
    "bool rank, int top_k"
)
_TOKENS = (
    "(Tensor logprob, Tensor logsumexp, Tensor max_logit, Tensor argmax, Tensor entropy, Tensor rank, "
    "Tensor top_ids, Tensor top_logprobs)"
)
_LINEAR = f"Tensor hidden, Tensor weight, Tensor? bias, {_TARGETS}"


def test_schemas_are_those_of_saved_programs() -> None:
    for schema in (
        f"logprobs(Tensor logits, {_TARGETS}, {_REST}) -> {_TOKENS}",
        f"target_logits({_LINEAR}, {_REST}) -> Tensor",
        f"linear_logprobs({_LINEAR}, Tensor? target_logit, {_REST}) -> {_TOKENS}",
        "score_answers(Tensor logprob, Tensor? answer_offsets, Tensor question_offsets, Tensor is_matching, "
        "Tensor? divisor, Tensor? unconditional, str backend, str sets, str ties) -> (Tensor probability, "
        "Tensor probability_raw, Tensor coverage, Tensor log_odds, Tensor margin, Tensor prefers, Tensor tie, "
        "Tensor predicted)",
    ):
        op = getattr(torch.ops.pyscore, schema.partition("(")[0])
        assert str(op.default._schema) == f"pyscore::{schema}"


def test_a_backend_gets_the_request_that_the_op_was_called_with(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []

    def record(*arguments: Any) -> Any:
        got.append(arguments)
        return torch.zeros(2)

    spy = Backend("spy", lambda device, dtype: None, record, record, record, record)
    monkeypatch.setitem(registered(), "spy", spy)
    x, ids, ends, temperature = torch.zeros(2, 9), torch.tensor([3, 4]), torch.tensor([0, 1, 2]), torch.ones(2)
    request = TokenRequest(Targets(ids, ends, temperature), 9.0, 0.5, -7, 2, True, Wanted(True, True, 3))
    projection, known = Projection(x, torch.zeros(9, 9), torch.ones(9)), torch.ones(2)
    answers = AnswerRequest(-known, ends, torch.tensor([0, 2]), ids == 3, known, -known, "sum", "first")
    library.logprobs(x, request, "spy")
    library.target_logits(projection, request, "spy")
    library.linear_logprobs(projection, request, known, "spy")
    library.score_answers(answers, "spy")
    expected = [(x, request), (projection, request), (projection, request, known), (answers,)]
    for arguments, wanted in zip(got, expected, strict=True):
        ours, theirs = (tree_leaves(part) for part in (arguments[: len(wanted)], wanted))
        for mine, given in zip(ours, theirs, strict=True):
            assert torch.equal(mine, given) if isinstance(given, Tensor) else mine == given


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
@pytest.mark.parametrize("top_k", [-3, 21])
def test_a_top_k_that_no_vocabulary_has_is_refused_before_results_are_made(backend: str, top_k: int) -> None:
    hidden, weight, targets = random_projection(3, 8, 20, torch.float32)
    options, op = (None, None, backend, *_OPTIONS[:-1], top_k), torch.ops.pyscore
    with pytest.raises(ValueError, match="top_k must be from 0 to the size of the vocabulary"):
        op.logprobs(hidden @ weight.T, targets, *options)
    with pytest.raises(ValueError, match="top_k must be from 0 to the size of the vocabulary"):
        op.linear_logprobs(hidden, weight, None, targets, None, None, None, *options[2:])


@every_backend
def test_compile_fullgraph_gives_the_eager_bits(backend: str) -> None:
    hidden, weight, targets = random_projection(4, 16, 50, torch.float32)
    flags, offsets = torch.tensor([True, False, False, True]), torch.tensor([0, 2, 4])

    def score(hidden: Tensor, weight: Tensor, targets: Tensor) -> tuple[TokenScores, TokenScores, Comparison]:
        scores = linear_logprobs(hidden, weight, targets, outputs=OUTPUTS, top_k=2, softcap=9.0, backend=backend)
        ready = logprobs(hidden @ weight.T, targets, temperature=0.5, backend=backend)
        return scores, ready, compare_answers(scores.logprob, offsets, flags, backend=backend)

    eager, graph = score(hidden, weight, targets), torch.compile(score, fullgraph=True)(hidden, weight, targets)
    assert_same_bits(graph[0], eager[0])
    torch.testing.assert_close(graph[1].logprob, eager[1].logprob)
    assert torch.equal(graph[2].probability, eager[2].probability)


def test_compile_with_dynamic_shapes() -> None:
    weight = torch.randn(50, 16)

    def score(hidden: Tensor, targets: Tensor) -> TokenScores:
        return linear_logprobs(hidden, weight, targets, outputs=("logprob", "entropy"), top_k=2, softcap=9.0)

    graph = torch.compile(score, fullgraph=True, dynamic=True, backend="aot_eager")
    for n in (3, 5, 8):
        hidden, targets = torch.randn(n, 16), torch.randint(0, 50, (n, 2))
        assert_same_bits(graph(hidden, targets), score(hidden, targets))


class _Module(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.forward = function


def _tensors(scores: TokenScores) -> tuple[Tensor, ...]:
    """All but the shard, as a graph returns tuples but no dataclass."""
    floats = (scores.logprob, scores.logsumexp, scores.entropy, scores.top_logprobs)
    return (*floats, scores.rank, scores.is_greedy, scores.argmax, scores.top_ids)


def _ready(logits: Tensor, targets: Tensor) -> Any:
    return _tensors(logprobs(logits, targets, temperature=0.5, outputs=OUTPUTS, top_k=2))


def _ragged(logits: Tensor, targets: Tensor, offsets: Tensor, temperature: Tensor) -> Any:
    return _tensors(
        logprobs(logits, targets, target_offsets=offsets, temperature=temperature, outputs=OUTPUTS, top_k=2)
    )


def _linear(hidden: Tensor, targets: Tensor) -> Any:
    weight = torch.linspace(-1, 1, 320).reshape(20, 16)
    return _tensors(linear_logprobs(hidden, weight, targets, outputs=OUTPUTS, top_k=2, softcap=9.0))


def _compare(logprob: Tensor, offsets: Tensor, is_matching: Tensor) -> Any:
    compared = compare_answers(logprob, offsets, is_matching)
    return compared.probability, compared.log_odds, compared.tie, compared.predicted


def _score(logprob: Tensor, answers: Tensor, questions: Tensor, is_matching: Tensor) -> Any:
    compared = score_answers(logprob, answers, questions, is_matching, normalize="token")
    return compared.probability, compared.log_odds, compared.tie, compared.predicted


def _inputs(function: Callable[..., Any], n: int) -> tuple[Tensor, ...]:
    """Arguments of which every first dimension follows from n."""
    flags = torch.arange(2 * n) % 2 == 0
    return {
        _ready: (torch.randn(n, 20), torch.randint(0, 20, (n, 3))),
        _ragged: (torch.randn(n, 20), torch.randint(0, 20, (2 * n,)), torch.arange(n + 1) * 2, torch.rand(n) + 0.5),
        _linear: (torch.randn(n, 16), torch.randint(0, 20, (n,))),
        _compare: (-torch.rand(2 * n), torch.arange(n + 1) * 2, flags),
        _score: (-torch.rand(6 * n), torch.arange(2 * n + 1) * 3, torch.arange(n + 1) * 2, flags),
    }[function]


_every_function = pytest.mark.parametrize("function", (_ready, _ragged, _linear, _compare, _score))


@_every_function
def test_export_keeps_the_number_of_rows_open(function: Callable[..., Any]) -> None:
    inputs = _inputs(function, 5)
    open_rows = tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs)
    program = torch.export.export(_Module(function), inputs, dynamic_shapes=open_rows)
    for n in (3, 8):
        again = _inputs(function, n)
        for exported, eager in zip(program.module()(*again), function(*again), strict=True):
            torch.testing.assert_close(exported, eager, rtol=0, atol=0, equal_nan=True)


@_every_function
def test_compiled_once_for_every_number_of_rows(function: Callable[..., Any]) -> None:
    compiled = torch.compile(function, fullgraph=True, dynamic=True, backend=(counter := CompileCounter()))
    for n in (5, 3, 8):
        again = _inputs(function, n)
        for graph, eager in zip(compiled(*again), function(*again), strict=True):
            torch.testing.assert_close(graph, eager, rtol=0, atol=0, equal_nan=True)
    assert counter.frame_count == 1


def test_an_exported_program_still_checks_values() -> None:
    inputs, row = _inputs(_linear, 5), {0: torch.export.Dim("n")}
    program = torch.export.export(_Module(_linear), inputs, dynamic_shapes=(row, row))
    with pytest.raises(ValueError, match="targets holds 20 in row 2"):
        program.module()(torch.randn(3, 16), torch.tensor([0, 1, 20]))


@every_backend
def test_rows_without_offsets_have_as_many_targets_each(backend: str) -> None:
    hidden, weight, _ = random_projection(3, 8, 20, torch.float32)
    targets, even = torch.randint(0, 20, (6,)), torch.tensor([0, 2, 4, 6])
    for op, inputs, rest in (
        (torch.ops.pyscore.logprobs, (hidden @ weight.T,), ()),
        (torch.ops.pyscore.linear_logprobs, (hidden, weight, None), (None,)),
    ):
        given, without = (op(*inputs, targets, ends, None, *rest, backend, *_OPTIONS) for ends in (even, None))
        assert all(torch.equal(a, b) for a, b in zip(given, without, strict=True))


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
