"""forward_kl: two models on the same tokens, against plain forwards; what does not fit is refused."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from pyscore import Scorer
from pyscore.engine.divergence import forward_kl
from tests.engine.tiny import CORPUS, tiny_configs, tiny_model, tiny_tokenizer

TEXTS = ["Do you agree? Yes", "perhaps, certainly not", CORPUS[0]]
PROMPTS = ["Question: ", "Which of these? Answer:", "I value"]
CONTEXT = "Is the following statement something you would say? "
BOS = 0


@pytest.fixture(scope="module")
def models() -> list[Any]:
    return [tiny_model(tiny_configs()[kind]) for kind in ("llama", "granite")]


@pytest.fixture(scope="module")
def scorers(models: list[Any]) -> tuple[Scorer, Scorer]:
    first, second = (Scorer(model, tiny_tokenizer(), name=f"m{i}", batch_tokens=128) for i, model in enumerate(models))
    return first, second


def encode(text: str) -> list[int]:
    return tiny_tokenizer().encode(text, add_special_tokens=False)


@torch.no_grad()
def oracle(model: Any, context: list[int], targets: list[int]) -> float:
    """log p(targets | context), float64 log-softmax of the model's own logits, no batch."""
    logits = model(input_ids=torch.tensor([[*context, *targets]])).logits[0].double().log_softmax(-1)
    return sum(float(logits[len(context) - 1 + i, token]) for i, token in enumerate(targets))


def check(report: Any, models: list[Any], reference: list[Any], model: list[Any]) -> None:
    """Against the mean of the differences of (context, targets) under the two models."""
    gaps = [oracle(models[0], *r) - oracle(models[1], *m) for r, m in zip(reference, model, strict=True)]
    lengths = [len(targets) for _, targets in reference]
    assert report["per_sequence"].value == pytest.approx(np.mean(gaps), abs=1e-4)
    assert report["per_token"].value == pytest.approx(sum(gaps) / sum(lengths), abs=1e-4)
    assert report["per_sequence"].n == len(gaps)
    assert report.numbers["n_tokens"] == sum(lengths)


def after_prompts(prompts: list[str], texts: list[str]) -> list[tuple[list[int], list[int]]]:
    """Contexts and targets where a prompt's trailing space moves to the text."""
    contexts = [encode(prompt.rstrip()) for prompt in prompts]
    return [
        (context, encode(prompt + text)[len(context) :])
        for context, prompt, text in zip(contexts, prompts, texts, strict=True)
    ]


def test_a_model_does_not_differ_from_itself(scorers: tuple[Scorer, Scorer]) -> None:
    report = forward_kl(scorers[0], scorers[0], TEXTS)
    for name in ("per_token", "per_sequence"):
        assert report[name].value == 0 and "no spread" in report[name].reason


def test_two_models_on_texts_equal_plain_forwards(models: list[Any], scorers: tuple[Scorer, Scorer]) -> None:
    pairs = [([BOS], encode(text)) for text in TEXTS]
    check(forward_kl(*scorers, TEXTS), models, pairs, pairs)


def test_two_models_after_prompts_equal_plain_forwards(models: list[Any], scorers: tuple[Scorer, Scorer]) -> None:
    pairs = after_prompts(PROMPTS, TEXTS)
    check(forward_kl(*scorers, TEXTS, prompts=PROMPTS), models, pairs, pairs)


def test_the_model_may_read_another_prompt_as_in_context_distillation(
    models: list[Any], scorers: tuple[Scorer, Scorer]
) -> None:
    prompts = [CONTEXT + prompt for prompt in PROMPTS]
    report = forward_kl(*scorers, TEXTS, prompts=prompts, model_prompts=PROMPTS)
    check(report, models, after_prompts(prompts, TEXTS), after_prompts(PROMPTS, TEXTS))
    same = forward_kl(scorers[0], scorers[0], TEXTS, prompts=prompts, model_prompts=PROMPTS)
    assert same["per_token"].value != 0


def test_sampled_token_ids_are_scored_as_they_are(models: list[Any], scorers: tuple[Scorer, Scorer]) -> None:
    ids = [[40, 41, 300], [7, 7]]  # not what the tokenizer would make of their text
    arrays: list[Any] = [torch.tensor(ids[0]), np.array(ids[1])]
    report = forward_kl(*scorers, arrays)
    check(report, models, [([BOS], each) for each in ids], [([BOS], each) for each in ids])
    report = forward_kl(*scorers, ids, prompts=PROMPTS[:2])
    pairs = [(encode(prompt), each) for prompt, each in zip(PROMPTS[:2], ids, strict=True)]
    check(report, models, pairs, pairs)
    again = forward_kl(*scorers, [[BOS, *each] for each in ids])
    assert again["per_token"].value == forward_kl(*scorers, ids)["per_token"].value  # BOS is read, not scored


def test_long_texts_are_scored_in_windows_of_both(models: list[Any], scorers: tuple[Scorer, Scorer]) -> None:
    tokens = encode(CORPUS[0])
    report = forward_kl(*scorers, [tokens], max_length=8)
    windows = [([BOS], tokens[:8])]
    for start in range(8, len(tokens) - len(tokens) % 8, 8):
        windows.append(([tokens[start - 1]], tokens[start : start + 8]))
    rest = len(tokens) % 8
    windows += [(tokens[-9:-rest], tokens[-rest:])] if rest else []
    gap = sum(oracle(models[0], *window) - oracle(models[1], *window) for window in windows)
    assert report["per_sequence"].value == pytest.approx(gap, abs=1e-4)
    assert report.numbers["n_tokens"] == len(tokens)


def test_clusters_widen_the_intervals_of_repeated_texts(scorers: tuple[Scorer, Scorer]) -> None:
    once, thrice = forward_kl(*scorers, TEXTS), forward_kl(*scorers, TEXTS * 3, clusters=[*range(3)] * 3)
    assert thrice["per_sequence"].value == pytest.approx(once["per_sequence"].value)
    assert thrice["per_sequence"].stderr == pytest.approx(once["per_sequence"].stderr, rel=1e-5)


def test_models_with_different_tokenizers_are_refused(models: list[Any], scorers: tuple[Scorer, Scorer]) -> None:
    other = copy.deepcopy(tiny_tokenizer())
    other.add_tokens(["agree"])
    with pytest.raises(ValueError, match="m0 and other have different tokenizers"):
        forward_kl(scorers[0], Scorer(models[1], other, name="other"), TEXTS)


@pytest.mark.parametrize(
    ("texts", "options", "error", "message"),
    [
        ("text", {}, TypeError, "texts must be a sequence of strings, got one string"),
        ([], {}, ValueError, "texts is empty"),
        ([3.5], {}, TypeError, r"texts\[0\] must be a string or a list of token ids, got 3.5"),
        (["a", [0.5]], {}, TypeError, r"texts\[1\] must be a string or a list of token ids"),
        ([[5], [-1]], {}, ValueError, r"texts\[1\] has the token id -1, but the tokenizer has 320"),
        ([[320]], {}, ValueError, r"texts\[0\] has the token id 320"),
        (["a", ""], {}, ValueError, r"texts\[1\] has no tokens"),
        (["a", []], {}, ValueError, r"texts\[1\] has no tokens"),
        (["a"], {"prompts": "p"}, TypeError, "prompts must be a sequence of strings"),
        (["a"], {"prompts": [3]}, TypeError, r"prompts\[0\] must be a string, got int"),
        (["a", "b"], {"prompts": ["p"]}, ValueError, "prompts must have one entry a text, 2, got 1"),
        (
            ["a"],
            {"prompts": ["p"], "model_prompts": ["p", "p"]},
            ValueError,
            "model_prompts must have one entry a text",
        ),
        (["a"], {"model_prompts": ["p"]}, ValueError, "give prompts= as well"),
        (
            ["a"],
            {"prompts": ["p"], "model_prompts": ["p "]},
            ValueError,
            r"texts\[0\] has other tokens after the model",
        ),
        (
            [[5] * 8],
            {"prompts": ["pp"], "max_length": 8},
            ValueError,
            r"texts\[0\] and its prompt have 10 tokens, more than 9",
        ),
        (["a " * 300], {"prompts": ["p"]}, ValueError, r"texts\[0\] and its prompt have \d+ tokens, more than 257"),
        ([[5], []], {"prompts": ["p", "p"]}, ValueError, r"texts\[1\] has no tokens"),
    ],
)
def test_what_does_not_fit_is_named(
    scorers: tuple[Scorer, Scorer], texts: Any, options: dict[str, Any], error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        forward_kl(*scorers, texts, **options)
