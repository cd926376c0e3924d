"""The bare forward pass that scoring is compared with does what its module says: no less, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from benchmarks.bare_forward import BARE, OURS, Load, bare_forward, fastest_length, load_of, score_beside
from pyscore import Scorer
from tests.engine.tiny import some_questions, tiny_configs, tiny_model, tiny_tokenizer


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(tiny_model(tiny_configs()["llama"]), tiny_tokenizer(), name="tiny")


def test_the_load_is_every_distinct_prefix_that_is_run_and_every_one_after_which_a_token_is_scored(
    scorer: Scorer,
) -> None:
    questions = some_questions(6)
    run, scored, lengths = set(), set(), []
    for question in questions:
        pairs = [(question.prompt, answer) for answer in question.answers]
        for tokens in scorer.tokens.encode(pairs, [question.id] * len(pairs), sizes=[len(pairs)]):
            whole = (*tokens.context, *tokens.answer)
            run |= {whole[:n] for n in range(1, len(whole))}
            scored |= {whole[:n] for n in range(len(tokens.context), len(whole))}
            lengths.append(len(whole) - 1)
    assert load_of(scorer, questions) == Load(len(run), len(scored), sum(lengths) / len(lengths))


@contextmanager
def bodies_inputs(scorer: Scorer) -> Iterator[list[torch.Tensor]]:
    """The token ids of every forward pass of the model's body."""
    given: list[torch.Tensor] = []
    hook = scorer.model.base_model.register_forward_pre_hook(
        lambda module, args, own: given.append(own["input_ids"]), with_kwargs=True
    )
    try:
        yield given
    finally:
        hook.remove()


@pytest.mark.parametrize("load", [Load(100, 7, 5.0), Load(64, 64, 5.0), Load(5, 0, 5.0)])
def test_exactly_the_load_is_run_in_full_rows(scorer: Scorer, load: Load) -> None:
    with bodies_inputs(scorer) as given:
        bare_forward(scorer.model, load, batch_tokens=32, length=8)()
    shapes = [ids.shape for ids in given]
    assert sum(shape.numel() for shape in shapes) == load.tokens
    assert all(shape == (4, 8) for shape in shapes[: load.tokens // 32])


def test_what_is_scored_is_log_probabilities_of_the_model(scorer: Scorer) -> None:
    with bodies_inputs(scorer) as given:
        total = bare_forward(scorer.model, Load(32, 32, 5.0), batch_tokens=32, length=8)()
    with torch.inference_mode():
        every = scorer.model(input_ids=given[0]).logits.double().log_softmax(-1)
    assert total == pytest.approx(float(every.gather(-1, given[0][..., None]).sum()), abs=1e-3)


def test_rows_are_no_shorter_than_the_sequences_unless_all_are() -> None:
    seconds = {64: 1.0, 128: 3.0, 256: 2.0}
    found = [fastest_length(seconds, Load(1, 1, length)) for length in (10.0, 64.5, 300.0)]
    assert found == [64, 256, 256]


def test_both_take_turns_and_the_bare_forward_pass_comes_first() -> None:
    class Fixture:
        extra_info: dict[str, Any] = {}  # noqa: RUF012

        def pedantic(self, target: Any, setup: Any, rounds: int) -> None:
            for _ in range(rounds):
                setup()
                target()

    called: list[str] = []
    fixture = Fixture()
    score_beside(fixture, lambda: called.append(BARE), lambda: called.append(OURS), rounds=2, case="c")
    assert called == [BARE, OURS] * 2
    assert fixture.extra_info["case"] == "c" and len(fixture.extra_info["every_round"][OURS]) == 2
