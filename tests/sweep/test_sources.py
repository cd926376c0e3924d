"""Studies of models that other sources than Hugging Face's load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pyscore import Scorer
from pyscore.engine.sources import OWN
from pyscore.sweep import Model
from pyscore.sweep.models import Loader, loader_of
from pyscore.sweep.sweeps import FailedUnits, run
from tests.engine.sources.openai.server import Server, scorer
from tests.engine.tiny import tiny_tokenizer
from tests.sweep.fake_models import small_study, stored_values


def test_every_source_has_a_loader_and_others_are_named() -> None:
    assert all(isinstance(loader_of(name), Loader) for name in OWN)
    with pytest.raises(ValueError, match=r"none of 'huggingface', 'vllm', .*'llama-cpp', nor 'package.module:name'"):
        loader_of("vlm")


def test_options_of_every_source_and_its_own_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(Scorer, "from_pretrained", lambda model, **options: calls.append((model, options)))
    options = {"dtype": "float32", "add_bos_token": True, "n_ctx": 512}
    loader_of("llama-cpp").load(Model("m", "/models/m.gguf", options=options))
    every = {"revision": None, "dtype": "float32", "add_bos_token": True}
    assert calls == [("llama-cpp:/models/m.gguf", {**every, "source_options": {"n_ctx": 512}})]


def test_a_file_is_told_to_be_the_same_and_a_server_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF")
    model, loader = Model("m", str(file)), loader_of("llama-cpp")
    before = loader.stamp(model)
    assert before is not None and loader.stamp(model) == before
    file.write_bytes(b"GGUF more")
    assert loader.stamp(model) != before
    assert loader_of("openai").stamp(model) is None


def test_a_study_of_a_server_scores_each_cell_once(tmp_path: Path) -> None:
    tiny_tokenizer().save_pretrained(tmp_path / "tokenizer")
    with Server() as server:
        options = {"base_url": server.base_url, "tokenizer": str(tmp_path / "tokenizer"), "quiet": True}
        options |= {"journal": str(tmp_path / "journal"), "backoff": 0.001}
        model = Model("served", "tiny", source="openai", options=options)
        study = replace(small_study(tmp_path / "study"), models=(model,))
        run(study)
        first = stored_values(study)
        assert len(first) == 2 * (7 + 5) * 2
        assert server.n == len(server.asked) == 2 * 7 * 2  # the data sets share five questions, which are asked once
        run(study)  # nothing is known of whether the model changed, so that it is loaded, and found to be the same
        assert server.n == len(server.asked)
        expected = scorer(server).score(study.datasets[0].questions, progress=False).to_pylist()
    plain = {key[3:]: value for key, value in first.items() if key[1:3] == ("plain", "d0")}
    assert plain == {(row["question_id"], row["answer"]): row["logprob"] for row in expected}


def test_a_bad_option_fails_the_checkpoint_with_its_reason(tmp_path: Path) -> None:
    model = Model("served", "tiny", source="openai", options={"base_url": "localhost"})
    with pytest.raises(FailedUnits, match="base_url must be an address"):
        run(replace(small_study(tmp_path), models=(model,)))
