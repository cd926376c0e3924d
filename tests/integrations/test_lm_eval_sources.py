"""Log-likelihoods for lm-evaluation-harness from sources other than transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval", reason="lm-evaluation-harness isn't installed: the extra lm-eval")

from lm_eval.models.huggingface import HFLM

from pyscore import Scorer
from pyscore.engine.sources.source import TokenScore
from pyscore.integrations.lm_eval import PyscoreLM, SourceLM
from tests.engine.sources import vllm_stand_in
from tests.engine.sources.next_tokens import model
from tests.engine.tiny import save_tiny, save_tiny_gguf, some_questions, tiny_tokenizer
from tests.integrations.harness import long_requests, request, run_task, some_requests, write_task


@pytest.fixture
def lm(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model with engine=vllm, made as the harness makes it."""
    vllm_stand_in.install(monkeypatch)
    return PyscoreLM.create_from_arg_string("engine=vllm,pretrained=tiny", {"batch_size": 1, "device": None})


@pytest.fixture(scope="module")
def hf() -> Any:
    return HFLM(pretrained=model(), tokenizer=tiny_tokenizer(), batch_size=4)


def test_log_likelihoods_are_those_of_the_harness(lm: Any, hf: Any) -> None:
    requests = [*some_requests(), *long_requests()[:3]]
    ours, theirs = (each.loglikelihood(requests, disable_tqdm=True) for each in (lm, hf))
    assert isinstance(lm, SourceLM)
    assert [value for value, _ in ours] == pytest.approx([value for value, _ in theirs], abs=1e-3)
    assert [greedy for _, greedy in ours] == [greedy for _, greedy in theirs]


def test_rolling_log_likelihoods_are_those_of_the_harness(lm: Any, hf: Any) -> None:
    requests = [request(text, kind="loglikelihood_rolling") for text in ("Do you agree?", "which of these " * 40)]
    ours, theirs = (each.loglikelihood_rolling(requests, disable_tqdm=True) for each in (lm, hf))
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_a_task_has_the_accuracies_of_the_harness(lm: Any, hf: Any, tmp_path: Path) -> None:
    found = []
    for name, each in (("ours", lm), ("theirs", hf)):
        (tmp_path / name).mkdir()
        write_task(tmp_path / name, name)
        results, _ = run_task(tmp_path / name, name, each)
        found.append({key: value for key, value in results.items() if key.startswith("acc")})
    assert found[0] == found[1]


def test_model_args_of_llama_cpp_give_what_its_scorer_gives(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python isn't installed: the extra llama-cpp")
    file = save_tiny_gguf(tmp_path / "tiny.gguf", pre="gpt-2")
    tiny_tokenizer().save_pretrained(tmp_path / "tokenizer")
    options = {"n_ctx": 256, "tokenizer": str(tmp_path / "tokenizer"), "n_threads": 1}
    arguments = ",".join(f"{name}={value}" for name, value in options.items())
    lm = PyscoreLM.create_from_arg_string(f"engine=llama-cpp,pretrained={file},{arguments}")
    asked = some_questions(6)
    rows = Scorer.from_pretrained(f"llama-cpp:{file}", source_options=options).score(asked, progress=False)
    found = lm.loglikelihood([request(q.prompt, answer) for q in asked for answer in q.answers], disable_tqdm=True)
    assert [value for value, _ in found] == pytest.approx(rows["logprob"].to_pylist(), abs=1e-9)
    assert [greedy for _, greedy in found] == rows["is_greedy"].to_pylist()


def test_the_harness_makes_it_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    vllm_stand_in.install(monkeypatch)
    write_task(tmp_path, "own")
    results, _ = run_task(tmp_path, "own", "pyscore", model_args={"engine": "vllm", "pretrained": "tiny"})
    assert 0 <= results["acc"] <= 1


def test_generation_is_refused(lm: Any) -> None:
    with pytest.raises(ValueError, match="engine='vllm' scores answers and generates none"):
        lm.generate_until([request("Hello", {"until": ["."]}, kind="generate_until")])


def test_bounds_are_refused(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded = TokenScore([-1.0], False, [-2.0])
    monkeypatch.setattr(lm.scorer, "score_tokens", lambda pairs, **_: [bounded] * len(pairs))
    with pytest.raises(
        ValueError,
        match="request 0, continuation ' Yes': the source gives only bounds of the log-probabilities of 1 of 1",
    ):
        lm.loglikelihood([request("Agree?", " Yes")], disable_tqdm=True)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"engine": "a:b"}, "engine='a:b' names no source: give one of vllm, sglang, openai, llama-cpp"),
        ({"engine": "vllm", "max_length": 0}, "max_length=0 is not a positive integer"),
        ({"engine": "vllm", "device": "cuda:0"}, "device='cuda:0' means nothing to vllm"),
    ],
)
def test_arguments_that_cant_be(arguments: dict[str, Any], match: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vllm_stand_in.install(monkeypatch)
    with pytest.raises(ValueError, match=match):
        PyscoreLM.create_from_arg_obj({"pretrained": "tiny", **arguments})


def test_an_engine_is_no_argument_of_the_model_of_transformers() -> None:
    with pytest.raises(ValueError, match="engine= is an argument of SourceLM"):
        PyscoreLM(pretrained=model(), tokenizer=tiny_tokenizer(), engine="vllm")


def test_the_engine_huggingface_is_the_class_itself(tmp_path: Path) -> None:
    lm = PyscoreLM.create_from_arg_string(f"engine=huggingface,pretrained={save_tiny(tmp_path / 'model')}")
    assert type(lm) is PyscoreLM
