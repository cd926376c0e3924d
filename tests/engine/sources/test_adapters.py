"""An adapter is loaded over its model, and scores are those of the two merged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pyscore import Question, Scorer
from pyscore.store import metadata_of
from tests.engine.tiny import save_tiny

peft = pytest.importorskip("peft")
QUESTIONS = [Question(f"q{i}", f"Is {i} odd?", (" Yes", " No"), (True, False)) for i in range(3)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(save_tiny(tmp_path_factory.mktemp("base") / "model"))


def wrapped(base: Path, seed: int = 0, **options: Any) -> Any:
    torch.manual_seed(seed)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, **options)
    return peft.get_peft_model(Scorer.from_pretrained(base).model, config)


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter")
    wrapped(base).save_pretrained(folder)
    return folder


def scores(scorer: Scorer) -> torch.Tensor:
    return torch.tensor(scorer.score(QUESTIONS, progress=False)["logprob"].to_pylist(), dtype=torch.float64)


def test_scores_are_those_of_the_merged_model(base: Path, adapter: Path) -> None:
    scorer = Scorer.from_pretrained(base, adapter=adapter)
    merged = Scorer(wrapped(base).merge_and_unload(), scorer.tokenizer)
    torch.testing.assert_close(scores(scorer), scores(merged), rtol=0, atol=1e-4)
    assert (scores(scorer) - scores(Scorer.from_pretrained(base))).abs().max() > 1e-2


def test_rows_name_the_adapter_and_the_fingerprint_has_it(base: Path, adapter: Path) -> None:
    scorer, plain = Scorer.from_pretrained(base, adapter=str(adapter)), Scorer.from_pretrained(base)
    assert scorer.name == f"{plain.name}+{adapter}"
    metadata = metadata_of(scorer.score(QUESTIONS, progress=False))
    assert (metadata["adapter"], metadata["adapter_merged"]) == (str(adapter), "false")
    assert set(scorer.source.facts.fingerprint()) - set(plain.source.facts.fingerprint()) == {"adapter"}
    assert not any(parameter.requires_grad for name, parameter in scorer.model.named_parameters() if "lora" in name)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("./none", FileNotFoundError, r"no such adapter folder: \./none"),
        ("{base}", ValueError, "has no adapter_config.json: give the folder that peft's save_pretrained wrote"),
        ("{base}/config.json", ValueError, "is a file: give the folder"),
    ],
)
def test_what_is_no_adapter_is_told_before_the_model_is_loaded(
    base: Path, name: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Scorer.from_pretrained("no/such/model", adapter=name.replace("{base}", str(base)))


def test_an_adapter_of_another_model_or_without_its_weights_is_refused(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    for part in ("adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / part).write_bytes((adapter / part).read_bytes())
    weights = load_file(tmp_path / "adapter_model.safetensors")
    first = next(iter(weights))
    save_file({**weights, first: torch.zeros(3, 3)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(ValueError, match=r"its adapter can't be used: .*size mismatch"):
        Scorer.from_pretrained(base, adapter=tmp_path)
    save_file({name: value for name, value in weights.items() if name != first}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(ValueError, match=r"not of this model: .*missing adapter keys"):
        Scorer.from_pretrained(base, adapter=tmp_path)


def test_an_adapter_of_virtual_tokens_is_refused(base: Path, tmp_path: Path) -> None:
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    peft.get_peft_model(Scorer.from_pretrained(base).model, config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="virtual tokens"):
        Scorer.from_pretrained(base, adapter=tmp_path)


def test_a_merged_adapter_gives_the_merged_models_values_and_says_so(base: Path, adapter: Path) -> None:
    scorer = Scorer.from_pretrained(base, adapter=adapter, source_options={"merge_adapter": True})
    beside = Scorer.from_pretrained(base, adapter=adapter)
    assert not any("lora" in name for name, _ in scorer.model.named_parameters())
    torch.testing.assert_close(scores(scorer), scores(beside), rtol=0, atol=1e-4)
    assert scorer.source.facts.fingerprint() != beside.source.facts.fingerprint()
    assert metadata_of(scorer.score(QUESTIONS, progress=False))["adapter_merged"] == "true"


def test_several_adapters_over_one_model_score_as_each_loaded_alone(base: Path, adapter: Path, tmp_path: Path) -> None:
    wrapped(base, seed=1, use_dora=True).save_pretrained(tmp_path)
    names = [adapter, tmp_path, adapter]
    alone = [Scorer.from_pretrained(base, adapter=name) for name in names]
    scorer = Scorer.from_pretrained(base)
    before, marks = scores(scorer), scorer.source.facts.fingerprint()
    for each, own in zip(scorer.with_adapters(names), alone, strict=True):
        assert scores(each).tolist() == scores(own).tolist()
        assert (each.name, each.source.facts) == (own.name, dataclass_like(own.source.facts, each.source.facts))
        assert each.source.facts.fingerprint() == own.source.facts.fingerprint()
        with pytest.raises(RuntimeError, match="can't be used now: another adapter is over its model"):
            scores(scorer)
    assert scores(scorer).tolist() == before.tolist()
    assert scorer.source.facts.fingerprint() == marks
    with pytest.raises(RuntimeError, match=r"can't be used now: .* its own was taken off"):
        scores(each)


def dataclass_like(facts: Any, other: Any) -> Any:
    """The same facts with the other's functions, which are equal to themselves alone."""
    return replace(facts, fingerprint=other.fingerprint)


def test_one_name_in_place_of_several_is_refused(base: Path) -> None:
    with pytest.raises(TypeError, match=r"adapters must be several names, got one: pass \['a'\]"):
        next(Scorer.from_pretrained(base).with_adapters("a"))
