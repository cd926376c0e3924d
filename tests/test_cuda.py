"""The whole score path on a GPU, from hidden states to a summary: without a wait, and as one CUDA graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor

from pyscore import Comparison, SummaryState, TokenScores, linear_logprobs, logprobs, score_answers

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

N_TOKENS, N_WIDE, N_VOCAB = 24, 64, 1000
OUTPUTS = ("logprob", "logsumexp", "entropy", "rank", "is_greedy", "argmax")


def batch(seed: int) -> tuple[Tensor, Tensor]:
    """Hidden states and targets of eight answers of three tokens each."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(N_TOKENS, N_WIDE, generator=generator)
    return hidden.bfloat16().cuda(), torch.randint(0, N_VOCAB, (N_TOKENS,), generator=generator).cuda()


class Path:
    """hidden -> linear_logprobs -> score_answers -> SummaryState.update, on arrays that are all on the GPU."""

    def __init__(self) -> None:
        self.weight = (torch.randn(N_VOCAB, N_WIDE, generator=torch.Generator().manual_seed(0)) / 8).bfloat16().cuda()
        self.answers = torch.arange(0, N_TOKENS + 1, 3, device="cuda")
        self.questions = torch.tensor([0, 2, 5, 8], device="cuda")
        self.matching = torch.tensor([True, False, False, True, False, False, False, True], device="cuda")
        self.temperature = torch.full((N_TOKENS,), 0.7, device="cuda")

    def __call__(self, hidden: Tensor, targets: Tensor, state: SummaryState) -> tuple[TokenScores, Comparison]:
        scores = linear_logprobs(
            hidden, self.weight, targets, outputs=OUTPUTS, top_k=3, temperature=self.temperature, backend="triton"
        )
        compared = score_answers(
            scores.logprob, self.answers, self.questions, self.matching, normalize="token", backend="triton"
        )
        state.update(compared)
        return scores, compared


def assert_same_bits(found: Any, expected: Any) -> None:
    for field in fields(expected):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(theirs, Tensor):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True, msg=f"{field.name}: {{}}".format)


@contextmanager
def no_waits() -> Iterator[None]:
    """torch raises where its own ops wait for the device."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_captured_path_gives_the_eager_bits_on_new_inputs() -> None:
    score, hidden, targets = Path(), *batch(0)
    scratch, state, expected = SummaryState(), SummaryState(device="cuda"), SummaryState()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        score(hidden, targets, scratch)  # compiles
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = score(hidden, targets, state)
    for seed in (1, 2, 3):
        new_hidden, new_targets = batch(seed)
        hidden.copy_(new_hidden)
        targets.copy_(new_targets)
        graph.replay()
        eager = score(new_hidden, new_targets, expected)
        for ours, theirs in zip(captured, eager, strict=True):
            assert_same_bits(ours, theirs)
    found = state.summarize()
    assert found == expected.summarize()  # the same sums, to the last bit
    assert found.n_questions == 9


def test_the_path_never_waits() -> None:
    score, (hidden, targets) = Path(), batch(0)
    score(hidden, targets, SummaryState())  # compiles
    offsets = list(range(N_TOKENS + 1))
    with no_waits():
        score(hidden, targets, SummaryState())
        linear_logprobs(hidden, score.weight, [1] * N_TOKENS, target_offsets=offsets, backend="triton")
        linear_logprobs(hidden.double(), score.weight.double(), targets, outputs=OUTPUTS, temperature=0.5)


@pytest.mark.parametrize("ragged", [False, True])
def test_rows_that_no_view_covers_are_scored_without_a_wait(ragged: bool) -> None:
    logits = torch.randn(2, 4, N_VOCAB, device="cuda")[:, 1:]
    flat, offsets = torch.arange(6, device="cuda"), torch.arange(7, device="cuda")
    targets = flat if ragged else flat.view(2, 3)
    how: dict[str, Any] = {"target_offsets": offsets} if ragged else {}
    expected = logprobs(logits.contiguous(), targets, outputs=OUTPUTS, top_k=2, **how)
    with no_waits():
        found = logprobs(logits, targets, outputs=OUTPUTS, top_k=2, **how)
    assert_same_bits(found, expected)


def test_what_no_vocabulary_holds_scores_nan() -> None:
    score, (hidden, targets) = Path(), batch(0)
    broken = targets.clone()
    broken[2], broken[5] = N_VOCAB, -1
    whole = linear_logprobs(hidden, score.weight, targets, outputs=OUTPUTS)
    scores = linear_logprobs(hidden, score.weight, broken, outputs=OUTPUTS)
    assert scores.logprob.isnan().nonzero().flatten().tolist() == [2, 5]
    assert scores.rank[[2, 5]].tolist() == [-1, -1] and not scores.is_greedy[[2, 5]].any()
    assert torch.equal(scores.logsumexp, whole.logsumexp)


def test_the_environment_makes_a_call_read_values(monkeypatch: pytest.MonkeyPatch) -> None:
    score, (hidden, targets) = Path(), batch(0)
    targets[4] = N_VOCAB
    monkeypatch.setenv("PYSCORE_CHECK_VALUES", "1")
    with pytest.raises(ValueError, match=f"targets holds {N_VOCAB} in row 4"):
        linear_logprobs(hidden, score.weight, targets)


def test_an_array_on_the_host_is_refused_in_a_capture() -> None:
    score, (hidden, targets) = Path(), batch(0)
    score(hidden, targets, SummaryState())  # compiles
    with pytest.raises(ValueError, match="targets is on the host"), torch.cuda.graph(torch.cuda.CUDAGraph()):
        linear_logprobs(hidden, score.weight, [1] * N_TOKENS)
