"""SourceLM: a model of lm-evaluation-harness whose log-likelihoods come from any of pyscore's sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyscore.engine import Scorer
from pyscore.engine.sources import OWN
from pyscore.integrations.lm_eval_scoring import ScoredLM

__all__ = ["SourceLM"]

_WORK_AT_ONCE = 1 << 17  # tokens: as many as 128 batches of transformers' on a CPU
_OF_SCORER = ("revision", "dtype", "trust_remote_code", "add_bos_token", "device", "batch_tokens", "backend", "adapter")


class SourceLM(ScoredLM):
    """What ``--model pyscore --model_args engine=NAME,pretrained=MODEL`` makes: log-likelihoods, and no generation.

    Tokens and truncation are those of the harness's model "hf", by the tokenizer of the source.

    Args:
        engine: "vllm", "sglang", "openai", "llama-cpp", or the name that an installed distribution registers.
        pretrained: the model, as it stands behind the colon in `pyscore.Scorer.from_pretrained`.
        max_length: how many tokens a sequence may have, its last one not counted; by default what the source says.
        batch_size, max_batch_size: of the harness; sources have batches of their own.
        options: those of `pyscore.Scorer.from_pretrained`, and those of the source, such as base_url.

    Raises:
        ValueError, ImportError, FileNotFoundError: the model can't be loaded; one line says why.
    """

    def __init__(
        self,
        engine: str,
        pretrained: str = "",
        *,
        max_length: int | None = None,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if not isinstance(engine, str) or not engine or ":" in engine:
            raise ValueError(f"engine={engine!r} names no source: give one of {', '.join(OWN)}")
        if max_length is not None and (type(max_length) is not int or max_length < 1):
            raise ValueError(f"max_length={max_length!r} is not a positive integer")
        own = {name: options.pop(name) for name in _OF_SCORER if name in options}
        self.scorer = Scorer.from_pretrained(f"{engine}:{pretrained}", source_options=options, **own)
        self.engine, self.tokenizer, self._max_length = engine, self.scorer.tokenizer, max_length

    @property
    def work_at_once(self) -> int:
        return _WORK_AT_ONCE

    @property
    def max_length(self) -> int:
        """How many tokens a sequence may have, its last one not counted."""
        found = self._max_length or self.scorer.source.facts.context_length
        if found is None:
            raise ValueError(f"{self.scorer.name} doesn't say how long a text it takes: give max_length=")
        return found

    @property
    def eot_token_id(self) -> int:
        """EOS."""
        found = self.scorer.tokenizer.eos_token_id
        return self.prefix_token_id if found is None else int(found)

    @property
    def prefix_token_id(self) -> int:
        """What an empty context becomes: BOS, or EOS where there is none."""
        return self.scorer.tokens.first

    @property
    def tokenizer_name(self) -> str:
        """What the harness's cache calls the tokenizer."""
        return str(getattr(self.tokenizer, "name_or_path", "") or self.scorer.name).replace("/", "__")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """The token ids of a text, after what every text begins with unless ``add_special_tokens`` is False."""
        ids = list(self.tokenizer(string, add_special_tokens=False)["input_ids"])
        return ids if add_special_tokens is False else self.scorer.tokens.with_prefix(ids)

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """A conversation as the tokenizer's chat template writes it."""
        text = self.tokenizer.apply_chat_template(
            chat_history,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
        )
        return str(text)

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Sources score, and generate nothing: raises ValueError."""
        raise ValueError(
            f"engine={self.engine!r} scores answers and generates none: leave out tasks that generate, or run them "
            "with a model of the harness itself, such as vllm, sglang, local-completions or hf"
        )
