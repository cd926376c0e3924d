"""The fused head gives the model's own log-probabilities, or the model's logits are used and the table says why."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from pyscore import Scorer
from tests.engine.tiny import some_questions, tiny_configs, tiny_model, tiny_tokenizer, transformers


def plain_logprobs(model: Any, row: Any, prompt: str) -> list[float]:
    """Token log-probs of an answer, from the whole model's own logits, unbatched, in float64."""
    tokenizer = tiny_tokenizer()
    context = tokenizer.encode(prompt, add_special_tokens=False)
    whole = [*context, *tokenizer.encode(row["answer"], add_special_tokens=False)]
    with torch.inference_mode():
        table = model(torch.tensor([whole])).logits[0].double().log_softmax(-1)
    return [float(table[i - 1, whole[i]]) for i in range(len(context), len(whole))]


def assert_agrees(model: Any, table: Any) -> None:
    prompts = {q.id: q.prompt for q in some_questions()}
    for row in table.to_pylist():
        expected = plain_logprobs(model, row, prompts[row["question_id"]])
        assert row["token_logprobs"] == pytest.approx(expected, abs=1e-4)
        assert row["logprob"] == pytest.approx(sum(expected), abs=1e-4)


def head_of(table: Any) -> str:
    return table.schema.metadata[b"head"].decode()


@pytest.mark.parametrize("kind", sorted(tiny_configs()))
def test_fused_head_equals_the_models_own_logits(kind: Any) -> None:
    model = tiny_model(tiny_configs()[kind])
    table = Scorer(model, tiny_tokenizer(), batch_tokens=100).score(some_questions(), token_logprobs=True)
    assert head_of(table) == "fused"
    assert_agrees(model, table)


class Squared(transformers.LlamaForCausalLM):
    """A model that does to its logits what no configuration tells."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        out = super().forward(*args, **kwargs)
        out.logits = out.logits * out.logits.abs()
        return out


class Mixer(nn.Module):
    """A head that isn't a linear layer."""

    def __init__(self, linear: Any) -> None:
        super().__init__()
        self.linear = linear
        self.weight = linear.weight
        self.bias = None

    def forward(self, hidden: Any) -> Any:
        return self.linear(hidden).tanh() * 5


class Shifted(transformers.LlamaForCausalLM):
    """A model that masks a part of its vocabulary after the head."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        out = super().forward(*args, **kwargs)
        out.logits = out.logits.clone()
        out.logits[..., -1] = -torch.inf
        return out


class Multiplied(transformers.LlamaForCausalLM):
    """A model that multiplies its logits by what Granite divides by."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        out = super().forward(*args, **kwargs)
        out.logits = out.logits * self.config.logits_scaling
        return out


def llama(kind: Any = transformers.LlamaForCausalLM) -> Any:
    model = tiny_model(tiny_configs()["llama"])
    model.__class__ = kind
    return model


def with_mixer() -> Any:
    model = llama()
    model.set_output_embeddings(Mixer(model.get_output_embeddings()))
    return model


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: llama(Squared), "logits: the separated head is off by"),
        (lambda: llama(Shifted), "logits: the separated head is off by inf"),
        (with_mixer, "logits: the output embedding is Mixer, not a linear layer"),
    ],
)
def test_a_head_that_cannot_be_separated_falls_back_and_says_so(make: Any, reason: str) -> None:
    model = make()
    table = Scorer(model, tiny_tokenizer(), batch_tokens=100).score(some_questions(), token_logprobs=True)
    assert head_of(table).startswith(reason)
    assert_agrees(model, table)


def test_the_self_check_finds_out_whether_a_factor_multiplies_or_divides() -> None:
    model = llama(Multiplied)
    model.config.logits_scaling = 0.25
    table = Scorer(model, tiny_tokenizer(), batch_tokens=100).score(some_questions(), token_logprobs=True)
    assert head_of(table) == "fused"
    assert_agrees(model, table)


def test_low_precision_heads_pass_the_self_check() -> None:
    for dtype in (torch.bfloat16, torch.float16):
        model = tiny_model(tiny_configs()["gemma2"]).to(dtype)
        assert head_of(Scorer(model, tiny_tokenizer()).score(some_questions())) == "fused"


def test_a_wrong_logit_scale_fails_the_self_check_even_in_bfloat16() -> None:
    model = tiny_model(tiny_configs()["cohere"]).to(torch.bfloat16)
    model.config.logit_scale = 0.9  # the model read its own when it was made
    assert head_of(Scorer(model, tiny_tokenizer()).score(some_questions())).startswith("logits: ")


def test_a_model_that_sees_later_tokens_is_refused() -> None:
    config = transformers.BertConfig(
        vocab_size=320, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
    )
    with pytest.raises(ValueError, match="not a causal language model"):
        Scorer(tiny_model(config), tiny_tokenizer()).score(some_questions())


def test_nan_logits_are_an_error() -> None:
    model = tiny_model(tiny_configs()["llama"])
    with torch.no_grad():
        model.model.norm.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match="NaN"):
        Scorer(model, tiny_tokenizer()).score(some_questions())
