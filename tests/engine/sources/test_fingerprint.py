"""A fingerprint tells apart what gives other values, and nothing else."""

from __future__ import annotations

import copy
import os
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import accelerate
import pytest
import torch
from torch import nn
from transformers.utils import chat_template_utils

from pyscore import Scorer
from pyscore.engine.fingerprint import model_digest
from pyscore.engine.sources.huggingface.fingerprint import model_fingerprint
from pyscore.store import metadata_of
from pyscore.tasks import ChatTemplate
from tests.engine.runs import run, values
from tests.engine.tiny import save_tiny, some_questions, tiny_configs, tiny_model, tiny_tokenizer

DATED = "{{ strftime_now('%d %b %Y') }}: {{ messages[0]['content'] }}\n"


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_model(tiny_configs()["llama"])


def differing(a: nn.Module, b: nn.Module) -> set[str]:
    first, second = model_fingerprint(a), model_fingerprint(b)
    assert (model_digest(first) == model_digest(second)) == (first == second)
    return {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}


def digest(model: nn.Module) -> str:
    return model_digest(model_fingerprint(model))


class Tensors(nn.Module):
    def __init__(self, *tensors: torch.Tensor) -> None:
        super().__init__()
        self.tensors = nn.ParameterList(nn.Parameter(t, requires_grad=False) for t in tensors)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.float64])
@pytest.mark.parametrize("shape", [(), (3,), (5000,), (64, 1000)])
def test_the_last_bit_of_any_weight_counts_and_so_does_its_place(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    weight = torch.randn(shape, dtype=torch.float32).to(dtype)
    content, other = weight.reshape(-1).view(torch.uint8), set()
    for place in {0, len(content) // 2, len(content) - 1}:
        changed = content.clone()
        changed[place] ^= 1
        other.add(digest(Tensors(changed.view(dtype).reshape(shape))))
    if weight.numel() > 1:
        swapped = weight.reshape(-1).view(torch.uint8).view(-1, weight.itemsize).flip(0).reshape(-1)
        other.add(digest(Tensors(swapped.view(dtype).reshape(shape))))
    assert digest(Tensors(weight.clone())) not in other
    assert len(other) == len({0, len(content) // 2, len(content) - 1}) + (weight.numel() > 1)


def test_names_shapes_and_dtypes_count() -> None:
    x = torch.arange(6, dtype=torch.float32)
    seen = [Tensors(x), Tensors(x.view(2, 3)), Tensors(x.view(torch.int32)), Tensors(x[:3], x[3:]), Tensors()]
    assert len({digest(model) for model in seen}) == len(seen)


def test_how_weights_lie_in_memory_does_not_count() -> None:
    x = torch.randn(300, 200, dtype=torch.bfloat16)
    lying = [x, x.t().contiguous().t(), torch.cat([x.view(-1)[:1], x.view(-1)])[1:].view(300, 200)]
    assert len({digest(Tensors(one)) for one in lying}) == 1


def test_a_model_is_the_same_wherever_its_weights_are_kept(model: Any, tmp_path: Path) -> None:
    offloaded = accelerate.cpu_offload(copy.deepcopy(model), "cpu")
    on_disk = accelerate.disk_offload(copy.deepcopy(model), str(tmp_path), "cpu")
    assert next(offloaded.parameters()).is_meta and next(on_disk.parameters()).is_meta
    assert differing(model, offloaded) == differing(model, on_disk) == set()
    changed = copy.deepcopy(model)
    changed.lm_head.weight.data[-1, -1] += 1
    assert differing(model, accelerate.cpu_offload(changed, "cpu")) == {"weights"}


def test_running_and_the_mode_of_a_model_do_not_count(model: Any) -> None:
    other = copy.deepcopy(model).train()
    other.requires_grad_(False)
    Scorer(other, tiny_tokenizer()).score(some_questions(3), progress=False)
    assert differing(model, other) == set()


def test_the_configuration_and_the_class_count(model: Any) -> None:
    config = copy.deepcopy(model.config)
    config.rms_norm_eps *= 2
    other = tiny_model(config)
    other.load_state_dict(model.state_dict())
    assert differing(model, other) == {"configuration"}
    named = type("Other", (type(model),), {})
    renamed = copy.deepcopy(model)
    renamed.__class__ = named
    assert differing(model, renamed) == {"source"}


class AdapterConfig:
    def __init__(self, **entries: Any) -> None:
        self.entries = entries

    def to_dict(self) -> dict[str, Any]:
        return self.entries


def with_adapter(model: Any, scaling: float = 2.0, path: str = "a", **entries: Any) -> Any:
    other = copy.deepcopy(model)
    other.peft_config = {"default": AdapterConfig(base_model_name_or_path=path, target_modules={"q", "v"}, **entries)}
    other.model.layers[0].self_attn.q_proj.scaling = {"default": scaling}
    other.model.layers[0].self_attn.q_proj.active_adapters = ["default"]
    return other


def test_an_adapter_and_its_factor_count_and_not_where_it_was_loaded_from(model: Any) -> None:
    assert differing(model, with_adapter(model)) == {"adapter"}
    assert differing(with_adapter(model), with_adapter(model, scaling=1.0)) == {"adapter"}
    assert differing(with_adapter(model), with_adapter(model, use_rslora=True)) == {"adapter"}
    assert differing(with_adapter(model), with_adapter(model, path="b")) == set()


def with_chat_template(text: str) -> Any:
    tokenizer = copy.deepcopy(tiny_tokenizer())
    tokenizer.chat_template = text
    return tokenizer


def test_rows_under_two_chat_templates_say_so(model: Any) -> None:
    found = []
    for text in ("{{ messages[0]['content'] }}", "User: {{ messages[0]['content'] }}"):
        scorer = Scorer(model, with_chat_template(text), name="tiny")
        found.append([metadata_of(scorer.score(some_questions(2), template=t)) for t in ("chat", "plain")])
    (chat, plain), (other_chat, other_plain) = found
    assert {name for name in chat if chat[name] != other_chat[name]} == {"chat_template_hash", "template_hash"}
    assert plain == other_plain


def test_weights_that_were_overwritten_are_not_mixed_with_the_old_ones(tmp_path: Path) -> None:
    folder, questions = save_tiny(tmp_path / "model"), some_questions(16)
    for name in ("run", "rows.parquet"):
        before = run(Scorer.from_pretrained(folder), tmp_path / name, questions[:8])
        trained = tiny_model(tiny_configs()["llama"])
        trained.lm_head.weight.data.mul_(1.001)
        trained.save_pretrained(folder)
        with pytest.raises(ValueError, match=r"other settings: the weights of the model differ\. Resume with"):
            run(Scorer.from_pretrained(folder), tmp_path / name, questions, resume=True)
        save_tiny(folder)
        after = run(Scorer.from_pretrained(folder), tmp_path / name, questions[:8], resume=True)
        assert values(after).equals(values(before))


def test_a_model_that_is_trained_between_two_runs_of_its_scorer_is_another(model: Any, tmp_path: Path) -> None:
    scorer = Scorer(copy.deepcopy(model), tiny_tokenizer(), name="tiny")
    run(scorer, tmp_path / "run", some_questions(3))
    scorer.model.model.embed_tokens.weight.data[7] += 0.1
    with pytest.raises(ValueError, match="the weights of the model differ"):
        run(scorer, tmp_path / "run", some_questions(5), resume=True)


def test_one_folder_spelt_in_other_ways_is_one_model_under_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_tiny(tmp_path / "model")
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    for i, path in enumerate([str(folder), "model", "./model", f"{folder}{os.sep}", "link"]):
        table = run(Scorer.from_pretrained(path), tmp_path / "run", some_questions(i + 1), resume=True)
    assert set(table["model"].to_pylist()) == {str(folder)}
    assert len(set(table["question_id"].to_pylist())) == 5


def test_a_chat_template_that_prints_the_date_is_named_when_the_day_changes(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, day = Scorer(model, with_chat_template(DATED), name="tiny"), 29

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Clock:
            return cls(2026, 11, day)

    monkeypatch.setattr(chat_template_utils, "datetime", Clock)
    first = run(scorer, tmp_path / "run", some_questions(3), template="chat")
    day = 30
    with pytest.raises(ValueError, match="the prompts that the template renders differ") as refused:
        run(scorer, tmp_path / "run", some_questions(3), template="chat", resume=True)
    assert "--template-date 20" in str(refused.value) and "removed" not in str(refused.value)
    pinned = ChatTemplate(date="2026-11-29")
    table = run(scorer, tmp_path / "run", some_questions(5), template=pinned, resume=True)
    assert table.slice(0, first.num_rows).equals(first) and table.num_rows > first.num_rows
