"""Values are those of the model in its own dtype, whatever the caller has switched on for its own arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from pyscore import Scorer
from pyscore.engine.rows import RunInfo
from pyscore.engine.settings import ScoreSettings
from pyscore.engine.sources.huggingface.load import default_dtype
from tests.engine.tiny import save_tiny, save_tiny_gguf, some_questions, tiny_configs, tiny_model, tiny_tokenizer

INFO = RunInfo("r", "m", None)


@contextmanager
def switched(switch: Callable[[Any], None], on: Any, off: Any) -> Iterator[None]:
    switch(on)
    try:
        yield
    finally:
        switch(off)


SETTINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "float16 autocast": lambda: torch.autocast("cpu", torch.float16),
    "default dtype": lambda: default_dtype(torch.bfloat16),
    "default device": lambda: switched(torch.set_default_device, "meta", None),
    "deterministic algorithms": lambda: switched(torch.use_deterministic_algorithms, True, False),
    "gradients": torch.enable_grad,
    "inference mode": torch.inference_mode,
}


def logprobs(table: Any) -> list[float]:
    return table["logprob"].to_pylist()


@pytest.mark.parametrize(
    ("name", "kind"), [*((name, "llama") for name in SETTINGS), ("autocast", "gemma2"), ("autocast", "gptj")]
)
def test_settings_of_the_callers_own_arithmetic_change_no_value(name: str, kind: str) -> None:
    model = tiny_model(tiny_configs()[kind])
    scorer = Scorer(model, tiny_tokenizer(), batch_tokens=128)
    expected = scorer.score(some_questions())
    with SETTINGS[name]():
        found = scorer.score(some_questions())
        from_the_start = Scorer(model, tiny_tokenizer(), batch_tokens=128).score(some_questions())
    assert logprobs(found) == logprobs(from_the_start) == logprobs(expected)
    assert found.schema.metadata == expected.schema.metadata


def test_autocast_is_still_on_where_a_stream_is_read_and_off_where_it_runs() -> None:
    model = tiny_model(tiny_configs()["llama"])
    scorer = Scorer(model, tiny_tokenizer())
    seen = []
    handle = model.model.register_forward_pre_hook(lambda *_: seen.append(torch.is_autocast_enabled("cpu")))
    try:
        with torch.autocast("cpu", torch.bfloat16):
            for _ in scorer.stream(some_questions(), ScoreSettings(), INFO, chunk_questions=4):
                assert torch.is_autocast_enabled("cpu")
    finally:
        handle.remove()
    assert seen and not any(seen)


@pytest.mark.parametrize("kind", ["gptj", "gguf"])
def test_a_model_is_loaded_the_same_whatever_the_default_dtype(kind: str, tmp_path: Path) -> None:
    path = save_tiny_gguf(tmp_path / "tiny.gguf") if kind == "gguf" else save_tiny(tmp_path, kind)
    expected = Scorer.from_pretrained(path, device="cpu").score(some_questions())
    with default_dtype(torch.bfloat16):
        found = Scorer.from_pretrained(path, device="cpu").score(some_questions())
        assert torch.get_default_dtype() == torch.bfloat16
    assert logprobs(found) == logprobs(expected)
    assert found.schema.metadata[b"dtype"] == expected.schema.metadata[b"dtype"] == b"float32"


def test_rows_say_how_precisely_matrices_are_multiplied() -> None:
    scorer = Scorer(tiny_model(tiny_configs()["llama"]), tiny_tokenizer())
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        table = scorer.score(some_questions())
    finally:
        torch.set_float32_matmul_precision(before)
    assert table.schema.metadata[b"float32_matmul_precision"] == b"high"
