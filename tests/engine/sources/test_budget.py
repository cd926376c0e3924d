"""The batch size is doubled while that makes a token cheaper, and fits into memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pyscore import Scorer
from pyscore.engine.sources.huggingface.budget import fastest_batch_tokens
from tests.engine.tiny import tiny_configs, tiny_model, tiny_tokenizer


class Device:
    """A device on which a pass takes ``overhead`` seconds and one second for 1,000 tokens, up to ``memory`` tokens."""

    def __init__(self, overhead: float, memory: int = 10**9) -> None:
        self.now, self.overhead, self.memory = 0.0, overhead, memory
        self.sizes: list[int] = []

    def run(self, n_tokens: int) -> None:
        if n_tokens > self.memory:
            raise torch.OutOfMemoryError("out of memory")
        self.sizes.append(n_tokens)
        self.now += self.overhead + n_tokens / 1000

    def best(self) -> int:
        return fastest_batch_tokens(self.run, lambda: self.now)


@pytest.mark.parametrize(("overhead", "tokens"), [(0.0, 2048), (1.0, 16384), (4.0, 65536), (1000.0, 131072)])
def test_it_grows_until_a_pass_costs_little_beside_its_tokens(overhead: float, tokens: int) -> None:
    assert Device(overhead).best() == tokens


@pytest.mark.parametrize(("memory", "tokens"), [(100, 2048), (5000, 4096), (20_000, 16384)])
def test_it_stays_within_memory(memory: int, tokens: int) -> None:
    assert Device(1000.0, memory).best() == tokens


def test_a_size_is_run_once_before_it_is_timed() -> None:
    device = Device(1.0)
    device.best()
    assert device.sizes == [size for n in (2048, 4096, 8192, 16384, 32768) for size in (n, n)]


def test_blank_tokens_run_in_rows_of_the_usual_length(monkeypatch: pytest.MonkeyPatch) -> None:
    model, shapes = tiny_model(tiny_configs()["llama"]), []
    scorer: Any = Scorer(model, tiny_tokenizer(), batch_tokens=100)
    forward = scorer.source.forward
    monkeypatch.setattr(forward.parts, "whole", lambda input_ids, **_: shapes.append(tuple(input_ids.shape)))
    monkeypatch.setattr(type(forward), "device", torch.device("cpu"))
    forward.run_blank(1000)
    assert shapes == [(10, 100)]
