"""A stand-in for the package vLLM, which isn't installed where the tests run.

It takes the arguments of vLLM 0.33 (`RELIED_ON` lists the names that pyscore relies on) and answers with the numbers of
a tiny model of transformers, in the way in which vLLM does: the token generated is among the tokens that were asked
for, and ranks are places in their list.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch

from tests.engine.sources.next_tokens import next_logprobs
from tests.engine.tiny import tiny_tokenizer

__all__ = ["LLM", "RELIED_ON", "install"]

RELIED_ON = {
    "LLM": {"model", "revision", "dtype", "trust_remote_code"},
    "LLM.generate": {"prompts", "sampling_params", "use_tqdm"},
    "SamplingParams": {"temperature", "max_tokens", "detokenize", "logprob_token_ids"},
    "TokensPrompt": {"prompt_token_ids"},
    "RequestOutput": {"outputs"},
    "CompletionOutput": {"token_ids", "logprobs"},
    "Logprob": {"logprob"},
    "LLM.llm_engine.model_config": {"model", "dtype", "head_dtype", "hf_config", "max_model_len", "quantization"},
}
"""Names in the sources of vLLM 0.33."""
MAX_LOGPROB_TOKEN_IDS = 128


@dataclass
class SamplingParams:
    """The fields that vLLM 0.33 has and pyscore sets, and some that it must leave alone."""

    temperature: float = 1.0
    max_tokens: int | None = 16
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    detokenize: bool = True
    logprob_token_ids: list[int] | None = None

    def __post_init__(self) -> None:
        assert self.logprob_token_ids is not None
        assert 0 < len(self.logprob_token_ids) <= MAX_LOGPROB_TOKEN_IDS
        assert self.logprobs is self.prompt_logprobs is None
        assert (self.temperature, self.max_tokens) == (0.0, 1)


class LLM:
    made: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, model: str, **options: Any) -> None:
        if options.get("tensor_parallel_size", 1) > 8:
            raise RuntimeError("Engine core initialization failed.\nSee root cause above.")
        self.made.append(options)
        self.calls: list[int] = []
        config = SimpleNamespace(
            model=model,
            dtype=torch.bfloat16,
            head_dtype=torch.float32,
            hf_config=SimpleNamespace(_commit_hash=None),
            max_model_len=257,
            quantization=None,
            get_vocab_size=lambda: len(tiny_tokenizer()),
        )
        self.llm_engine = SimpleNamespace(model_config=config)

    def get_tokenizer(self) -> Any:
        return tiny_tokenizer()

    def generate(self, prompts: Any, sampling_params: Any = None, *, use_tqdm: bool = True) -> list[Any]:
        assert not use_tqdm
        self.calls.append(len(prompts))
        return [
            _output(prompt["prompt_token_ids"], params) for prompt, params in zip(prompts, sampling_params, strict=True)
        ]


def _output(prompt: list[int], params: SamplingParams) -> Any:
    assert len(prompt) <= 256
    values = next_logprobs(prompt)
    greedy = values.index(max(values))
    ids = [greedy, *params.logprob_token_ids]  # the token generated comes first, and stays where it is asked for too
    found = {token: SimpleNamespace(logprob=values[token], rank=i) for i, token in enumerate(ids)}
    return SimpleNamespace(outputs=[SimpleNamespace(token_ids=[greedy], logprobs=[found])])


def install(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put it in the place of the package, for one test."""
    module = ModuleType("vllm")
    LLM.made = []
    vars(module).update(LLM=LLM, SamplingParams=SamplingParams, TokensPrompt=dict, __version__="0.33.0")
    monkeypatch.setitem(sys.modules, "vllm", module)
    return module
