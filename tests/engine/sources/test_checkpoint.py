"""A model is what its checkpoint holds: nothing is made up, and nothing is left out without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pyscore import Scorer
from pyscore.engine.sources.huggingface.load import load_model
from tests.engine.tiny import SMALL, save_tiny, save_tiny_gguf, some_questions, tiny_tokenizer, transformers


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    return save_tiny(tmp_path / "model")


def configure(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def add_weights(folder: Path, *names: Any, value: Any = None) -> None:
    weights = load_file(folder / "model.safetensors")
    weights |= {name: torch.ones(32) if value is None else value for name in names}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def save_model(folder: Path, model: Any) -> Any:
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def test_a_configuration_with_fewer_layers_than_the_checkpoint_is_refused_unless_insisted_on(folder: Path) -> None:
    configure(folder, num_hidden_layers=1)
    with pytest.raises(
        ValueError, match=r"num_hidden_layers is 1, and the checkpoint has 2 layers\): model\.layers\.1"
    ):
        Scorer.from_pretrained(folder, device="cpu")
    scorer = Scorer.from_pretrained(folder, device="cpu", allow_unused_weights=True)
    assert len(scorer.model.model.layers) == 1


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.0.self_attn.q_proj.bias",
        "model.layers.0.self_attn.q_proj.weight_scale_inv",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        "score.weight",
    ],
)
def test_weights_without_a_place_are_refused_by_name(folder: Path, name: str) -> None:
    add_weights(folder, name)
    with pytest.raises(ValueError, match=f"no place for as it is configured: {name}.*--allow-unused-weights"):
        load_model(folder, device="cpu")
    load_model(folder, device="cpu", allow_unused_weights=True)


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "model.layers.0.self_attn.rotary_emb.cos_cached",
        "model.layers.1.attn.masked_bias",
        "model.layers.1.attention.bias",
        "mtp.layers.0.proj.weight",
        "model.mtp_layers.0.proj.weight",
        "v_head.summary.weight",
        "model.visual.blocks.0.weight",
        "vision_tower.layers.7.weight",
    ],
)
def test_what_log_probabilities_of_text_do_not_depend_on_may_stay_unused(folder: Path, name: str) -> None:
    add_weights(folder, name)
    load_model(folder, device="cpu")


def test_layers_that_predict_further_tokens_may_stay_unused_and_no_others(folder: Path) -> None:
    add_weights(folder, "model.layers.2.eh_proj.weight")
    configure(folder, num_nextn_predict_layers=1)
    load_model(folder, device="cpu")
    add_weights(folder, "model.layers.3.eh_proj.weight")
    with pytest.raises(ValueError, match=r"model\.layers\.3\.eh_proj\.weight"):
        load_model(folder, device="cpu")


def test_a_vocabulary_smaller_than_the_embedding_is_refused_with_both_shapes(folder: Path) -> None:
    configure(folder, vocab_size=300)
    with pytest.raises(ValueError, match=r"disagree on shapes: lm_head\.weight is \[320, 32\] .* and \[300, 32\] by"):
        load_model(folder, device="cpu", allow_unused_weights=True)


def test_experts_that_the_configuration_does_not_count_are_refused(tmp_path: Path) -> None:
    config = transformers.MixtralConfig(**SMALL, num_local_experts=4, num_experts_per_tok=1)
    folder = save_model(tmp_path, transformers.MixtralForCausalLM(config))
    configure(folder, num_local_experts=2)
    with pytest.raises(ValueError, match=r"disagree on shapes: model\.layers\.0\.mlp\.experts"):
        load_model(folder, device="cpu")


def test_a_head_of_its_own_is_used_where_the_configuration_says_that_it_is_tied(folder: Path) -> None:
    expected = Scorer.from_pretrained(folder, device="cpu").score(some_questions())["logprob"]
    configure(folder, tie_word_embeddings=True)
    assert Scorer.from_pretrained(folder, device="cpu").score(some_questions())["logprob"] == expected


def test_a_classifier_with_tied_embeddings_is_no_language_model(tmp_path: Path) -> None:
    config = transformers.LlamaConfig(**SMALL, tie_word_embeddings=True)
    folder = save_model(tmp_path, transformers.LlamaForSequenceClassification(config))
    with pytest.raises(ValueError, match=r"no place for as it is configured: score\.weight"):
        load_model(folder, device="cpu")


def test_a_quantisation_that_transformers_does_not_know_is_refused(folder: Path) -> None:
    configure(folder, quantization_config={"quant_method": "mine"})
    with pytest.raises(ValueError, match="quantised by 'mine', which transformers doesn't know"):
        load_model(folder, device="cpu")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rope_freqs.weight", np.full(4, 8.0, np.float32), r"rope_freqs\.weight"),
        ("blk.2.attn_q.weight", np.ones((32, 32), np.float32), r"checkpoint has 3 layers\): blk\.2\.attn_q\.weight"),
        ("blk.0.attn_q.bias", np.ones(32, np.float32), r"blk\.0\.attn_q\.bias"),
    ],
)
def test_tensors_of_a_gguf_file_without_a_place_are_refused_by_name(
    tmp_path: Path, name: str, value: Any, message: str
) -> None:
    file = save_tiny_gguf(tmp_path / "tiny.gguf", {name: value})
    with pytest.raises(ValueError, match=message):
        load_model(file, device="cpu")
    load_model(file, device="cpu", allow_unused_weights=True)


def test_rotary_factors_of_one_in_a_gguf_file_change_nothing(tmp_path: Path) -> None:
    load_model(save_tiny_gguf(tmp_path / "tiny.gguf", {"rope_freqs.weight": np.ones(4, np.float32)}), device="cpu")


def test_a_gguf_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, reader = [], gguf.GGUFReader
    monkeypatch.setattr(gguf, "GGUFReader", lambda *arguments: read.append(arguments) or reader(*arguments))
    load_model(save_tiny_gguf(tmp_path / "tiny.gguf"), device="cpu")
    assert len(read) == 1


def test_a_model_from_a_gguf_file_can_be_saved_and_loaded_again_with_equal_logits(tmp_path: Path) -> None:
    loaded = load_model(save_tiny_gguf(tmp_path / "tiny.gguf"), device="cpu")
    save_model(tmp_path / "saved", loaded.model)
    again = load_model(tmp_path / "saved", device="cpu")
    ids = torch.arange(3, 40)[None]
    with torch.no_grad():
        assert torch.equal(again.model(ids).logits, loaded.model(ids).logits)
    assert again.model.dtype == loaded.model.dtype
