"""A scorer and its runs need of a source what the waist says, and nothing else."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from pyscore import Scorer
from pyscore.engine import forward_kl, score_documents, score_to
from pyscore.engine.sources.source import TokenScore
from pyscore.engine.turns import turn
from pyscore.store import metadata_of, read_run
from tests.engine.fake_source import FakeSource, fake_scorer, score_of
from tests.engine.tiny import question, some_questions


def test_rows_have_the_scores_of_the_source() -> None:
    scorer, asked = fake_scorer(), question("q", "Do you agree?", (" Yes", " No"))
    table = scorer.score([asked], token_logprobs=True, dataset="d", step=3)
    context = scorer.tokenizer.encode(asked.prompt)
    for row in table.to_pylist():
        expected = score_of(context, scorer.tokenizer.encode(row["answer"]))
        assert TokenScore(row["token_logprobs"], row["is_greedy"]) == expected
        assert (row["model"], row["dataset"], row["step"], row["prompt_tokens"]) == ("fake", "d", 3, len(context))


def test_metadata_says_what_the_source_says_and_nothing_of_a_model_in_this_process() -> None:
    metadata = metadata_of(fake_scorer().score([question()]))
    assert (metadata["dtype"], metadata["device"], metadata["how"]) == ("float64", "none", "by a hash")
    assert not {"head", "sharing", "batch_tokens", "backend", "torch_version"} & metadata.keys()


def test_a_name_of_a_finding_is_refused_before_anything_runs() -> None:
    scorer = fake_scorer(before_run=lambda _: pytest.fail("the source was run"))
    with pytest.raises(ValueError, match="metadata can't set 'how'"):
        scorer.score([question()], metadata={"how": "by hand"})


def test_a_run_hands_the_state_back_that_it_kept(tmp_path: Path) -> None:
    asked, states = some_questions(12), []

    class Noting(FakeSource):
        def session(self, state: Any) -> Any:
            states.append(state)
            return super().session(state)

    scorer = Scorer.from_source(Noting())
    score_to(scorer, tmp_path / "run", asked[:5], progress=False)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    score_to(scorer, tmp_path / "run", asked, resume=True, progress=False)
    scorer.score(asked[:1])
    assert states == [{}, manifest["state"], None]
    assert manifest["state"] == {"n_scored": sum(len(q.answers) for q in asked[:5])}
    assert read_run(tmp_path / "run").num_rows == sum(len(q.answers) for q in asked)


def test_tokens_documents_and_divergences_come_from_any_source() -> None:
    scorer = fake_scorer()
    assert scorer.score_tokens([([5, 6], [7]), ([5], [6, 7])]) == [score_of([5, 6], [7]), score_of([5], [6, 7])]
    assert score_documents(scorer, ["some text"])["n_tokens"].to_pylist() == [9]
    assert forward_kl(scorer, fake_scorer("other"), ["some text", "more"])["per_token"].value == 0.0


def test_what_only_some_sources_can_tell_is_one_clear_error() -> None:
    with pytest.raises(ValueError, match="fake: a FakeSource can't tell how many tokens a run takes"):
        fake_scorer().explain([question()])


def test_scorers_of_one_source_take_turns() -> None:
    source = FakeSource()
    first, second = Scorer.from_source(source), Scorer.from_source(source)
    done = threading.Event()
    with turn(first.source):
        thread = threading.Thread(target=lambda: (second.score([question()]), done.set()))
        thread.start()
        assert not done.wait(0.1)
    thread.join(60)
    assert done.is_set()


def test_a_source_without_adapters_says_so() -> None:
    with pytest.raises(TypeError, match="FakeSource takes no adapters: they go over models of Hugging Face's"):
        next(fake_scorer().with_adapters(["lora"]))
