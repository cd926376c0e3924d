"""What an engine says of next tokens, worked out with a tiny model of transformers, each prompt by itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch

from pyscore import Scorer
from tests.engine.tiny import tiny_configs, tiny_model, tiny_tokenizer


@lru_cache
def model() -> Any:
    return tiny_model(tiny_configs()["llama"])


def exact_scorer() -> Scorer:
    """A scorer of the same model by pyscore's own engine."""
    return Scorer(model(), tiny_tokenizer(), name="tiny")


@torch.no_grad()
def next_logprobs(prompt: Sequence[int]) -> list[float]:
    """The log-probability of every token after a prompt."""
    logits = model()(torch.tensor([list(prompt)])).logits[0, -1]
    return torch.log_softmax(logits.double(), -1).tolist()
