"""A model that passed its self-checks isn't checked again by the next call, unless anything about it changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from pyscore import Scorer
from pyscore.engine import score_to
from pyscore.store.files import locate
from pyscore.store.manifest import read_manifest
from tests.engine.tiny import some_questions, tiny_configs, tiny_model, tiny_tokenizer

ASKED = some_questions(8)


def scorer_and_checks() -> tuple[Scorer, list[int]]:
    """A scorer, and a list that gets an entry whenever its model is checked at the beginning of a session."""
    scorer = Scorer(tiny_model(tiny_configs()["llama"]), tiny_tokenizer(), name="tiny")
    forward, checks = scorer.source.forward, []  # type: ignore[attr-defined]
    begin = forward.begin
    forward.begin = lambda tokens: (checks.append(len(tokens)), begin(tokens))
    return scorer, checks


def score(scorer: Scorer) -> pa.Table:
    return scorer.score(ASKED, run_id="r", progress=False, token_logprobs=True)


def checked_tokens(scorer: Scorer) -> int:
    return int(scorer.source.sharing.checked_tokens)  # type: ignore[attr-defined]


def test_a_model_that_stays_as_it_is_is_checked_once() -> None:
    scorer, checks = scorer_and_checks()
    first = score(scorer)
    tokens = checked_tokens(scorer)
    assert len(checks) == 1 and tokens > 0
    assert score(scorer).equals(first, check_metadata=True)
    assert len(checks) == 1 and checked_tokens(scorer) == tokens


@torch.no_grad()
def _in_place(scorer: Scorer) -> None:
    scorer.model.lm_head.weight.add_(0.01)


def _hook(scorer: Scorer) -> None:
    scorer.model.model.layers[0].register_forward_hook(lambda module, given, out: None)


def _forward_replaced(scorer: Scorer) -> None:
    layer = scorer.model.model.layers[0]
    layer.forward = layer.forward


CHANGES: dict[str, Callable[[Scorer], Any]] = {
    "weights in place": _in_place,
    "weights behind autograd's back": lambda scorer: scorer.model.lm_head.weight.data.add_(0.01),
    "an attention implementation": lambda scorer: scorer.model.set_attn_implementation("eager"),
    "a configuration": lambda scorer: setattr(scorer.model.config, "rms_norm_eps", 1e-3),
    "a hook": _hook,
    "a forward put in place of another": _forward_replaced,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_changed_is_checked_again(change: str) -> None:
    scorer, checks = scorer_and_checks()
    score(scorer)
    tokens = checked_tokens(scorer)
    CHANGES[change](scorer)
    score(scorer)
    assert len(checks) == 2 and checked_tokens(scorer) > tokens


def test_what_hooks_do_may_change_at_any_time_so_they_are_always_checked() -> None:
    scorer, checks = scorer_and_checks()
    _hook(scorer)
    for _ in range(3):
        score(scorer)
    assert len(checks) == 3


def test_a_session_before_which_no_fingerprint_was_read_checks_the_model() -> None:
    scorer, checks = scorer_and_checks()
    pairs = [([1, 2, 3], [4, 5])]
    score(scorer)
    scorer.score_tokens(pairs, progress=False)
    assert len(checks) == 2
    scorer.source.facts.fingerprint()
    _in_place(scorer)  # what was read is of the past
    scorer.score_tokens(pairs, progress=False)
    assert len(checks) == 3


def test_a_model_whose_checks_failed_is_checked_again() -> None:
    scorer, checks = scorer_and_checks()
    weight = scorer.model.lm_head.weight
    kept = weight.detach().clone()
    weight.data.fill_(float("nan"))
    for _ in range(2):
        with pytest.raises(ValueError, match="NaN"):
            score(scorer)
    assert len(checks) == 2
    weight.data.copy_(kept)
    score(scorer)
    assert len(checks) == 3


def test_the_state_of_a_run_does_not_tell_what_was_scored_before_it(tmp_path: Path) -> None:
    fresh, used = scorer_and_checks()[0], scorer_and_checks()[0]
    used.score(some_questions(20), progress=False)
    for scorer, name in ((fresh, "fresh"), (used, "used")):
        score_to(scorer, tmp_path / name, ASKED, run_id="r", progress=False)
    found = [read_manifest(locate(tmp_path / name)) for name in ("fresh", "used")]
    assert found[0] is not None and found[1] is not None
    assert found[0]["state"] == found[1]["state"] and found[0]["state"]["checked"]
