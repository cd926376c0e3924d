"""Self-BLEU beside sacrebleu's loop over the texts, and of as many texts as a red team writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sacrebleu

from benchmarks.clock import side_by_side
from pyscore.metrics.diversity import sentence_self_bleu

WORDS = 50_000
WORDS_A_TEXT = 25


def _texts(seed: int, n: int) -> list[str]:
    """Texts of 15 to 35 words, whose frequencies follow Zipf's law as those of a language do."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, WORDS + 1)
    lengths = rng.integers(WORDS_A_TEXT - 10, WORDS_A_TEXT + 11, n)
    words = rng.choice(WORDS, lengths.sum(), p=frequency / frequency.sum())
    return [" ".join(f"word{w}" for w in text) + "?" for text in np.split(words, lengths.cumsum()[:-1])]


def _score(texts: list[str], i: int) -> float:
    return sacrebleu.sentence_bleu(texts[i], texts[:i] + texts[i + 1 :]).score


def _loop(texts: list[str]) -> list[float]:
    return [_score(texts, i) for i in range(len(texts))]


@pytest.mark.parametrize("n", [100, 200])
def test_self_bleu(benchmark: Any, n: int) -> None:
    inputs = [(_texts(seed, n),) for seed in range(3)]
    np.testing.assert_allclose(sentence_self_bleu(*inputs[0]), _loop(*inputs[0]), rtol=0, atol=1e-9)
    side_by_side(
        benchmark, sentence_self_bleu, {"sacrebleu": _loop}, {}, inputs,
        rounds=5, warm_up=False, kind="self-BLEU", n=n, dtype="text",
    )  # fmt: skip


def test_self_bleu_of_many_texts(benchmark: Any) -> None:
    n = 100_000
    texts = _texts(0, n)
    assert sentence_self_bleu(texts)[0] == pytest.approx(_score(texts, 0), abs=1e-9)
    side_by_side(benchmark, sentence_self_bleu, {}, {}, [(texts,)], rounds=5, kind="self-BLEU", n=n, dtype="text")
