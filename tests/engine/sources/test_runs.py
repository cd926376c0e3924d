"""A run of a model that stops goes on in the same batches, and so to the same bits, and in the way that it scored."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from pyscore import Question, Scorer
from pyscore.store import RunStore, metadata_of
from tests.engine.runs import Stopped, run, stopping_after, values
from tests.engine.tiny import (
    SMALL,
    VOCAB,
    some_questions,
    tiny_configs,
    tiny_model,
    tiny_tokenizer,
    transformers,
)

BLOOM = transformers.BloomConfig(vocab_size=VOCAB, hidden_size=32, n_layer=2, n_head=4)  # takes no position_ids


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_model(tiny_configs()["llama"])


@pytest.fixture
def scorer(model: Any) -> Scorer:
    return Scorer(model, tiny_tokenizer(), name="tiny", batch_tokens=100)


def test_a_run_that_fails_leaves_the_model_in_the_mode_it_was_in(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer.model.train()
    monkeypatch.setattr(RunStore, "write", lambda *_: (_ for _ in ()).throw(OSError("the disk is full")))
    try:
        with pytest.raises(OSError, match="disk is full") as caught:
            run(scorer, tmp_path / "run", some_questions(17))
        assert caught.value is not None and scorer.model.training
    finally:
        scorer.model.eval()


def test_the_metadata_names_every_kind_of_sharing_that_a_run_used(tmp_path: Path) -> None:
    config = transformers.MistralConfig(**SMALL, sliding_window=40)
    scorer = Scorer(tiny_model(config), tiny_tokenizer(), name="tiny", batch_tokens=100)
    questions = sorted(some_questions(23), key=lambda q: len(q.prompt))
    questions = [Question(q.id, f"{i:02} {q.prompt}", q.answers, q.is_matching) for i, q in enumerate(questions)]
    found = metadata_of(run(scorer, tmp_path / "run", questions))["sharing"]
    assert found == "tree, cache: sequences are longer than the model's attention window of 40 tokens"


def test_a_run_goes_on_in_the_way_that_its_self_check_chose(tmp_path: Path) -> None:
    scorer = Scorer(tiny_model(BLOOM), tiny_tokenizer(), name="bloom", batch_tokens=100)
    questions = some_questions(23)
    with pytest.warns(UserWarning, match="goes on with cache sharing"), pytest.raises(Stopped):
        run(stopping_after(scorer, 2), tmp_path / "run", questions)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = run(scorer, tmp_path / "run", questions, resume=True)
    with pytest.warns(UserWarning):
        whole = run(scorer, tmp_path / "whole", questions)
    assert values(table).equals(values(whole))
    assert metadata_of(table)["sharing"].startswith("cache: tree sharing needs")


@pytest.mark.parametrize(
    "state",
    [
        {"reasons": None},
        {"reasons": [3]},
        {"used": 3},
        {"used": {"tree": 1}},
        {"checked": {"tree branches": None}},
        {"checked": None},
        {"sharing": "none"},
        {"batch_tokens": [1]},
    ],
    ids=str,
)
def test_an_edited_state_of_sharing_is_refused(scorer: Scorer, tmp_path: Path, state: dict[str, Any]) -> None:
    run(scorer, tmp_path / "run", some_questions(5))
    file = tmp_path / "run" / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["state"] |= state
    file.write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=f"state of the run is damaged: its entry {next(iter(state))} is"):
        run(scorer, tmp_path / "run", some_questions(10), resume=True)
