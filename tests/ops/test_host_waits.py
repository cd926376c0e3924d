"""On a GPU the ops never wait for it. Tensors of the meta device stand for the GPU's: their values can't be read."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from pyscore import compare_answers, linear_logprobs, logprobs, score_answers
from pyscore.ops import library, value_checks
from pyscore.ops.compare import TIES
from pyscore.ops.types import TokenScores
from tests.ops.cases import LINEAR, OUTPUTS, assert_same_bits, random_projection, random_rows, scores_close
from tests.waits import HostWaits, NoHostWaits

META = torch.device("meta")
H, W, X = torch.zeros(3, 4, device=META), torch.zeros(7, 4, device=META), torch.zeros(3, 7, device=META)
T, OFFSETS = torch.tensor([0, 1, 2]), torch.tensor([0, 1, 1, 3])
LP, Q, M = torch.zeros(4, device=META), torch.tensor([0, 2, 4]), torch.tensor([True, False, True, False])
A = torch.arange(5)


def of_gpu(tensor: Tensor) -> Tensor:
    return tensor.to(META)


@pytest.fixture
def implementations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the public functions call the ops' implementations, where torch would call the fakes for meta tensors."""
    names = ("logprobs", "target_logits", "linear_logprobs", "score_answers")
    ops = SimpleNamespace(**{name: SimpleNamespace(default=getattr(library, f"_{name}")) for name in names})
    monkeypatch.setattr(torch.ops, "pyscore", ops, raising=False)
    monkeypatch.setenv("PYSCORE_BACKEND", "reference")


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treats the values of every tensor as those of a GPU."""
    for module in (value_checks, library):
        monkeypatch.setattr(module, "visible", lambda tensor, device: None)


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: float(x[0]),
        lambda x: bool(x.any()),
        lambda x: x[x > 0],
        lambda x: (x > 0).nonzero(),
        lambda x: torch.repeat_interleave(x.long()),
        lambda x: torch.equal(x, x),
        lambda x: x.to(META),
        lambda x: torch.as_tensor(1.0),
        lambda x: torch.empty(3, device=META).copy_(x),
    ],
)
def test_the_guard_sees_what_waits(wait: Callable[[Tensor], Any]) -> None:
    x = torch.ones(3)
    with pytest.raises(HostWaits), NoHostWaits():
        wait(x)


LINEAR_CALLS: dict[str, dict[str, Any]] = {
    "one": {"targets": T},
    "candidates": {"targets": torch.stack([T, T], 1)},
    "ragged": {"targets": T, "target_offsets": OFFSETS},
    "temperature": {"targets": T, "temperature": torch.ones(3)},
    "shard": {"targets": T, "target_offsets": OFFSETS, "vocab_start": 5, "outputs": ("is_greedy",)},
    "everything": {"targets": T, "outputs": OUTPUTS, "top_k": 2, "softcap": 3.0, "temperature": 0.5},
}


@pytest.mark.usefixtures("implementations")
@pytest.mark.parametrize("options", LINEAR_CALLS.values(), ids=LINEAR_CALLS)
def test_scoring_reads_nothing_that_is_on_the_gpu(options: dict[str, Any]) -> None:
    moved: dict[str, Any] = {
        name: of_gpu(value) if isinstance(value, Tensor) else value for name, value in options.items()
    }
    strided = torch.zeros(3, 2, 7, device=META)[:, :1]  # rows that no single view covers
    with NoHostWaits():
        for scores in (linear_logprobs(H, W, **moved), logprobs(X, **moved), logprobs(strided[:, 0], **moved)):
            found = [value for value in vars(scores).values() if isinstance(value, Tensor)]
            assert found and all(value.device == META for value in found)


@pytest.mark.usefixtures("implementations")
@pytest.mark.parametrize("ragged", [False, True])
def test_rows_that_no_view_covers_are_cut_without_a_read(ragged: bool) -> None:
    logits = torch.zeros(2, 4, 7, device=META)[:, 1:]
    targets, offsets = torch.zeros(6, dtype=torch.int64, device=META), torch.arange(7, device=META)
    with NoHostWaits():
        scores = logprobs(logits, targets, target_offsets=offsets) if ragged else logprobs(logits, targets.view(2, 3))
    assert scores.logprob.device == META


@pytest.mark.usefixtures("implementations")
@pytest.mark.parametrize("sets", ["max", "sum"])
@pytest.mark.parametrize("normalize", ["sum", "token", "char", "byte", "pmi"])
def test_comparing_reads_nothing_that_is_on_the_gpu(normalize: str, sets: str) -> None:
    counts = torch.ones(4, dtype=torch.int64, device=META)
    offsets, questions, matching = of_gpu(A), of_gpu(Q), of_gpu(M)
    with NoHostWaits():
        for ties in TIES:
            how: dict[str, Any] = {"sets": sets, "ties": ties}
            units: dict[str, Any] = {"n_chars": counts, "n_bytes": counts, "unconditional": LP}
            scored = score_answers(LP, offsets, questions, matching, normalize=normalize, **units, **how)
            assert scored.tie.device == META
            compared = compare_answers(LP, questions, matching, **how)
            assert compared.predicted.device == META and compared.chance.device == META


HOST_CALLS: list[tuple[str, Callable[[], Any]]] = [
    ("targets holds 7 in row 1", lambda: linear_logprobs(H, W, [0, 7, 2])),
    ("targets holds 7 in row 1", lambda: logprobs(X, torch.tensor([[0, 1], [2, 7], [0, 0]]))),
    ("targets holds 9 in row 2", lambda: logprobs(X, [0, 1, 9], target_offsets=[0, 1, 1, 3])),
    ("target_offsets must not fall", lambda: logprobs(X, of_gpu(T), target_offsets=[0, 2, 1, 3])),
    ("target_offsets must end at 3", lambda: linear_logprobs(H, W, of_gpu(T), target_offsets=[0, 1, 2, 2])),
    ("temperature .* row 1 has -1.0", lambda: linear_logprobs(H, W, of_gpu(T), temperature=torch.tensor([1.0, -1, 1]))),
    ("temperature .* row 0 has 0.0", lambda: logprobs(X, of_gpu(T), temperature=0)),
    ("answer_offsets gives answer 1 nothing", lambda: score_answers(LP, [0, 2, 2, 3, 4], of_gpu(Q), of_gpu(M))),
    ("question_offsets must end at 4", lambda: compare_answers(LP, [0, 2], of_gpu(M))),
    ("question 1 no matching answer", lambda: compare_answers(LP, Q, [True, False, False, False])),
    (
        "must be positive; row 1 is 0",
        lambda: score_answers(LP, of_gpu(A), of_gpu(Q), of_gpu(M), normalize="char", n_chars=[1, 0, 1, 1]),
    ),
]


@pytest.mark.usefixtures("implementations")
@pytest.mark.parametrize(("message", "call"), HOST_CALLS)
def test_values_on_the_host_are_checked_before_they_go_to_the_gpu(message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.usefixtures("implementations")
def test_values_on_the_host_are_moved() -> None:
    assert linear_logprobs(H, W, [0, 1, 2], target_offsets=[0, 1, 1, 3], temperature=torch.ones(3)).logprob.is_meta
    assert score_answers(LP, [0, 1, 2, 3, 4], [0, 2, 4], [True, False, True, False]).prefers.is_meta


@pytest.mark.usefixtures("implementations")
@pytest.mark.parametrize(
    "call",
    [
        lambda: logprobs(X, of_gpu(T)),
        lambda: linear_logprobs(H, W, of_gpu(T)),
        lambda: linear_logprobs(H, W, T, target_offsets=of_gpu(OFFSETS)),
        lambda: linear_logprobs(H, W, T, temperature=torch.ones(3, device=META)),
        lambda: compare_answers(LP, Q, M),
        lambda: score_answers(LP, A, Q, M),
    ],
)
def test_the_environment_makes_every_call_read(call: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    call()
    monkeypatch.setenv("PYSCORE_CHECK_VALUES", "1")
    with pytest.raises(NotImplementedError, match="meta tensor"):
        call()


def test_a_captured_graph_refuses_arrays_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_checks, "capturing", lambda device: True)
    with pytest.raises(ValueError, match="targets is on the host, which a CUDA graph can't capture: move it to cuda:0"):
        value_checks.to_device(T, "targets", torch.device("cuda:0"))


@pytest.mark.usefixtures("unseen", "implementations")  # a mode sees no op inside of an op
@pytest.mark.parametrize("backend", ["reference", "triton"])
def test_launching_reads_nothing(backend: str) -> None:
    hidden, weight, targets = random_projection(5, 16, 50, torch.float32)
    offsets, matching = torch.tensor([0, 2, 5]), torch.tensor([True, False, False, True, False])

    def score() -> tuple[TokenScores, TokenScores, Any]:
        scores = linear_logprobs(hidden, weight, targets, outputs=OUTPUTS, top_k=3, softcap=9.0, backend=backend)
        ready = logprobs(hidden @ weight.T, targets, temperature=0.5, top_k=40, backend=backend)
        return scores, ready, score_answers(scores.logprob, torch.arange(6), offsets, matching, backend=backend)

    expected = score()
    with NoHostWaits():
        found = score()
    assert_same_bits(found[0], expected[0])
    assert_same_bits(found[1], expected[1])
    assert torch.equal(found[2].probability, expected[2].probability)


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize("backend", ["reference", "triton"])
def test_what_no_vocabulary_holds_scores_nan_where_nobody_looks(backend: str) -> None:
    hidden, weight, targets = random_projection(4, 16, 50, torch.float32)
    broken = torch.tensor([int(targets[0]), 50, -1, -100])
    known = linear_logprobs(hidden, weight, targets, outputs=OUTPUTS, backend=backend)
    for scores in (
        linear_logprobs(hidden, weight, broken, outputs=OUTPUTS, backend=backend),
        logprobs(hidden @ weight.T, broken, outputs=OUTPUTS, backend=backend),
    ):
        assert scores.logprob.isnan().tolist() == [False, True, True, True]
        assert scores.rank.tolist() == [int(known.rank[0]), -1, -1, -1]
        assert not scores.is_greedy[1:].any()
        torch.testing.assert_close(scores.logsumexp[:3], known.logsumexp[:3])


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize("backend", ["reference", "triton"])
def test_a_temperature_of_nothing_gives_nan_where_nobody_looks(backend: str) -> None:
    hidden, weight, targets = random_projection(4, 16, 50, torch.float32)
    temperature = torch.tensor([1.0, 0.0, float("nan"), 2.0])
    scores = linear_logprobs(hidden, weight, targets, outputs=OUTPUTS, temperature=temperature, backend=backend)
    ready = logprobs(hidden @ weight.T, targets, outputs=OUTPUTS, temperature=temperature, backend=backend)
    scores_close(scores, ready, LINEAR)
    assert scores.logprob.isnan().tolist() == [False, True, True, False]
    assert scores.rank[1:3].tolist() == [-1, -1]


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("ragged", [True, False])
def test_rows_that_no_view_covers_score_as_a_copy(ragged: bool, seen: bool, request: pytest.FixtureRequest) -> None:
    if not seen:
        request.getfixturevalue("unseen")
    logits = random_rows(12, 20, torch.float32)[0].view(3, 4, 20)[:, 1:]
    how: dict[str, Any] = {"outputs": OUTPUTS, "top_k": 2, "temperature": torch.rand(3, 3) + 0.5}
    targets = torch.arange(18).view(3, 3, 2)
    if ragged:
        targets, how["target_offsets"] = torch.arange(9), torch.tensor([0, 2, 2, 3, 4, 4, 7, 7, 9, 9])
    assert_same_bits(logprobs(logits, targets, **how), logprobs(logits.contiguous(), targets, **how))
