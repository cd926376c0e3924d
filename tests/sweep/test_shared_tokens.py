"""Checkpoints of one tokenizer share what was tokenised, and nothing of it shows in their rows."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from pyscore import Question, Scorer
from pyscore.sweep.shared_tokens import SharedTokens
from tests.engine.runs import values
from tests.engine.tiny import some_questions, tiny_configs, tiny_model, tiny_tokenizer, tokenizer_adding


def tiny_scorer(seed: int, tokenizer: Any = None) -> Scorer:
    torch.manual_seed(seed)
    return Scorer(tiny_model(tiny_configs()["llama"]), tokenizer or tiny_tokenizer(), name="tiny")


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Gets every text that a tokenizer encodes from here on."""
    found: list[str] = []
    kind = type(tiny_tokenizer())
    encode = kind.__call__

    def noting(self: Any, text: Any, *arguments: Any, **options: Any) -> Any:
        found.extend([text] if isinstance(text, str) else text)
        return encode(self, text, *arguments, **options)

    monkeypatch.setattr(kind, "__call__", noting)
    return found


def test_rows_are_those_of_a_scorer_alone_and_a_second_checkpoint_tokenises_no_question(texts: list[str]) -> None:
    shared, questions = SharedTokens(), some_questions(9)
    alone = [values(tiny_scorer(seed).score(questions, progress=False)) for seed in (1, 2)]
    for seed, expected in enumerate(alone, 1):
        scorer = tiny_scorer(seed)
        shared.adopt(scorer)
        texts.clear()
        assert values(scorer.score(questions, progress=False)).equals(expected)
        assert any(question.prompt.strip() in text for text in texts for question in questions) == (seed == 1)


def test_only_questions_that_are_new_are_tokenised(texts: list[str]) -> None:
    shared, scorer = SharedTokens(), tiny_scorer(1)
    shared.adopt(scorer)
    scorer.score(some_questions(5), progress=False)
    texts.clear()
    table = scorer.score(some_questions(9), progress=False)
    own = {question.prompt.rstrip() for question in some_questions(9)[:5]}
    assert not own & set(texts)
    assert values(table).equals(values(tiny_scorer(1).score(some_questions(9), progress=False)))


def test_another_tokenizer_or_prefix_shares_nothing(texts: list[str]) -> None:
    shared, questions = SharedTokens(), some_questions(4)
    for tokenizer in (tiny_tokenizer(), tokenizer_adding("<s> $A")):
        scorer = tiny_scorer(1, tokenizer)
        shared.adopt(scorer)
        texts.clear()
        found = values(scorer.score(questions, progress=False))
        assert any(questions[0].prompt.rstrip() in text for text in texts)
        assert found.equals(values(tiny_scorer(1, tokenizer).score(questions, progress=False)))


def test_a_bad_question_is_told_each_time_and_the_others_are_remembered() -> None:
    shared, scorer = SharedTokens(), tiny_scorer(1)
    shared.adopt(scorer)
    bad = Question("bad", "x" * 10_000, (" Yes", " No"), (True, False))
    for _ in range(2):
        with pytest.raises(ValueError, match="'bad'"):
            scorer.score([*some_questions(3), bad], progress=False)
    skipping = scorer.score([*some_questions(3), bad], on_error="skip", progress=False)
    assert values(skipping).equals(values(tiny_scorer(1).score(some_questions(3), progress=False)))


def test_cut_prompts_are_kept_apart_from_whole_ones() -> None:
    shared, scorer = SharedTokens(), tiny_scorer(1)
    shared.adopt(scorer)
    long = [Question("long", "word " * 2_000, (" Yes", " No"), (True, False))]
    cut = scorer.score(long, truncate=True, progress=False)
    assert cut["truncated"].to_pylist() == [True, True]
    with pytest.raises(ValueError, match="more than the model's context"):
        scorer.score(long, progress=False)


@pytest.mark.parametrize("other", ["A: {{ messages[-1].content }}", None])
def test_checkpoints_of_one_tokenizer_keep_their_own_chat_templates(other: str | None) -> None:
    shared, questions = SharedTokens(), some_questions(3)
    for template in ("Q: {{ messages[-1].content }}", other):
        tokenizer = copy.deepcopy(tiny_tokenizer())
        tokenizer.chat_template = template
        scorer = tiny_scorer(1, tokenizer)
        shared.adopt(scorer)
        if template is None:
            with pytest.raises(ValueError, match="has no chat template"):
                scorer.score(questions, template="chat", progress=False)
        else:
            found = values(scorer.score(questions, template="chat", progress=False))
            assert found.equals(values(tiny_scorer(1, tokenizer).score(questions, template="chat", progress=False)))
