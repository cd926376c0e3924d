"""A model over several devices or ranks, one with quantised weights, and one that reads images score as one whole."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import start_processes

from pyscore import Question, Scorer
from pyscore.store import metadata_of
from tests.engine.tiny import save_tiny, tiny_tokenizer

transformers: Any = importlib.import_module("transformers")
QUESTIONS = [Question(f"q{i}", f"Is {i} odd?", (" Yes", " No", " Yes, it is"), (True, False, False)) for i in range(5)]
TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def scored(model: Any, **options: Any) -> tuple[list[float], dict[str, str]]:
    table = Scorer.from_pretrained(model, **options).score(QUESTIONS, progress=False)
    return table["logprob"].to_pylist(), metadata_of(table)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(save_tiny(tmp_path_factory.mktemp("base") / "model"))


def test_a_device_map_changes_no_value(base: Path) -> None:
    plain = scored(base)
    assert scored(base, source_options={"device_map": "auto", "max_memory": {"cpu": "1GiB"}}) == plain


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cpu", "source_options": {"device_map": "auto"}}, "device_map and device each say where"),
        ({"source_options": {"device_map": "auto", "tp_plan": "auto"}}, "device_map and tp_plan each say where"),
        ({"source_options": {"max_memory": {"cpu": "1GiB"}}}, "max_memory is about device_map"),
        ({"source_options": {"merge_adapter": True}}, "merge_adapter=True, but there is no adapter"),
        ({"source_options": {"dtype": "bfloat16"}}, "source_options can't set 'dtype': give dtype= itself"),
    ],
)
def test_options_that_say_two_things_are_refused(base: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scorer.from_pretrained(base, **options)


def score_on_a_rank(rank: int, world: int, folder: str, base: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)
    found = scored(base, source_options={"tp_plan": "auto"})
    Path(folder, f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def test_ranks_that_share_each_layer_score_as_one_with_the_head_in_shares(base: Path, tmp_path: Path) -> None:
    expected, _ = scored(base)
    start_processes(score_on_a_rank, args=(2, str(tmp_path), str(base)), nprocs=2, start_method="spawn")
    for rank in range(2):
        found, metadata = json.loads((tmp_path / f"{rank}.json").read_text())
        assert metadata["head"] == "fused"
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["qwen2_vl", "llava"])
def test_a_model_that_reads_images_scores_text_as_its_own_logits_say(kind: str, tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    text = {**TEXT, "vocab_size": len(tokenizer), "num_key_value_heads": 2}
    torch.manual_seed(0)
    if kind == "qwen2_vl":
        rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
        vision = {"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2}
        config: Any = transformers.Qwen2VLConfig(text_config={**text, "rope_parameters": rope}, vision_config=vision)
        model = transformers.Qwen2VLForConditionalGeneration(config)
    else:
        vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        clip = transformers.CLIPVisionConfig(**vision, image_size=28, patch_size=14)
        config = transformers.LlavaConfig(text_config=transformers.LlamaConfig(**text), vision_config=clip)
        model = transformers.LlavaForConditionalGeneration(config)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    found, metadata = scored(tmp_path)
    assert (metadata["head"], metadata["sharing"]) == ("fused", "tree")
    expected = [own_logprob(model.eval(), tokenizer, q.prompt, answer) for q in QUESTIONS for answer in q.answers]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def own_logprob(model: Any, tokenizer: Any, prompt: str, answer: str) -> float:
    context, whole = (tokenizer(text)["input_ids"] for text in (prompt, prompt + answer))
    with torch.no_grad():
        logprobs = model(torch.tensor([whole])).logits[0].double().log_softmax(-1)
    return sum(float(logprobs[i - 1, whole[i]]) for i in range(len(context), len(whole)))


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    # The 8-bit layers of bitsandbytes round what they read as well, by a rule that looks at the whole batch.
    [("bitsandbytes 8 bit", 0.1), ("bitsandbytes 4 bit", 2e-3), ("torchao", 2e-3)],
)
def test_quantised_weights_score_as_the_models_own_logits_say(kind: str, tolerance: float, tmp_path: Path) -> None:
    package = kind.split()[0]
    pytest.importorskip(package, reason=f"{package} isn't installed")
    base, tokenizer = tmp_path / "base", tiny_tokenizer()
    wide = transformers.LlamaConfig(**{**TEXT, "hidden_size": 64, "vocab_size": len(tokenizer)})  # 64 share a scale
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(wide).save_pretrained(base)
    tokenizer.save_pretrained(base)
    made = transformers.AutoModelForCausalLM.from_pretrained(base, quantization_config=quantization(kind))
    made.save_pretrained(tmp_path / "quantised", safe_serialization=package != "torchao")
    scorer = Scorer.from_pretrained(base)
    tokenizer.save_pretrained(tmp_path / "quantised")
    quantised = Scorer.from_pretrained(tmp_path / "quantised")
    found = quantised.score(QUESTIONS, progress=False)["logprob"].to_pylist()
    expected = [own_logprob(quantised.model, tokenizer, q.prompt, a) for q in QUESTIONS for a in q.answers]
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
    assert quantised.source.facts.fingerprint()["weights"] != scorer.source.facts.fingerprint()["weights"]
    plain = scorer.score(QUESTIONS, progress=False)["logprob"].to_pylist()
    assert found != pytest.approx(plain, abs=1e-7)  # the weights are run as they are, not as they were


def quantization(kind: str) -> Any:
    if kind == "torchao":
        return transformers.TorchAoConfig(importlib.import_module("torchao.quantization").Int8WeightOnlyConfig())
    return transformers.BitsAndBytesConfig(load_in_8bit="8" in kind, load_in_4bit="4" in kind)
