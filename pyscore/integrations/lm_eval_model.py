"""PyscoreLM: lm-evaluation-harness's Hugging Face model, with log-likelihoods by pyscore's engine."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import torch

from pyscore.engine import Scorer
from pyscore.engine.sources.huggingface.bundled import BUNDLED_MODEL, bundled_model_path
from pyscore.engine.sources.huggingface.load import load_weights, parse_device, require_transformers
from pyscore.integrations.lm_eval_scoring import BATCHES_AT_ONCE, ScoredLM
from pyscore.integrations.lm_eval_sources import SourceLM
from pyscore.ops.dispatch import AUTO, check_backend_name

require_transformers()  # before lm_eval imports it: from a checkout's root it would take ./kernels for a package

from lm_eval import utils  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402

__all__ = ["PyscoreLM"]

_HF_BACKENDS = ("default", "causal", "seq2seq")
_UNSERVED = {
    "tp_plan": "the output embedding must be whole",
    "mixed_precision_dtype": "a model runs in its own dtype: give dtype instead",
}


class PyscoreLM(ScoredLM, HFLM):  # type: ignore[misc]  # lm_eval has no types
    """The model "pyscore" of lm-evaluation-harness.

    Requests, tokens, truncation, cache and generation are those of its model "hf". Log-likelihoods, rolling ones as
    well, come from `pyscore.Scorer`: what prompts share is run once, and log-probabilities are float32 whatever the
    model's dtype.

    Args:
        pretrained: as for "hf", a folder, a name on the model hub or a loaded model; or "smollm2-135m-instruct", the
            model that the extra ``demo`` installs.
        backend: which backend of `pyscore.linear_logprobs` to use, "default" being "auto"; "causal" is accepted as by
            "hf".
        batch_tokens: as for `pyscore.Scorer`. ``batch_size`` is for generation alone.
        device: as for "hf", or "auto", the default, for CUDA where there is one.
        allow_unused_weights: as for `pyscore.Scorer.from_pretrained`.
        options: every other argument of "hf". With ``engine``, as "vllm", "sglang", "openai" or "llama-cpp", the
            harness makes a `SourceLM` instead.

    Raises:
        ValueError: an option or a kind of model that can't be served, a bad argument; one line says which.
        RuntimeError: no backend, or not the one asked for, serves this model's device and dtype.
    """

    def __init__(
        self,
        pretrained: Any,
        backend: str = "default",
        *,
        batch_tokens: int | str = "auto",
        device: str | None = "auto",
        allow_unused_weights: bool = False,
        **options: Any,
    ) -> None:
        scoring = AUTO if backend in _HF_BACKENDS else backend
        check_backend_name(scoring)
        _refuse(options)
        if pretrained == BUNDLED_MODEL and options.get("gguf_file") is None:
            file = bundled_model_path()
            pretrained, options["gguf_file"] = str(file.parent), file.name
        if device in (None, "auto"):
            device = str(parse_device("auto"))
        self._allow_unused_weights = allow_unused_weights
        super().__init__(pretrained, backend if backend in _HF_BACKENDS else "default", device=device, **options)
        _check_adapters(self.model)
        self.scorer = Scorer(self.model, self.tokenizer, batch_tokens=batch_tokens, backend=scoring)

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: dict[str, Any] | None = None) -> Any:
        """The model that ``--model_args`` asks for, a `SourceLM` where they name an engine."""
        return cls.create_from_arg_obj(utils.simple_parse_args_string(arg_string), additional_config)

    @classmethod
    def create_from_arg_obj(cls, arg_dict: dict[str, Any], additional_config: dict[str, Any] | None = None) -> Any:
        """The model that ``model_args`` ask for, a `SourceLM` where they name an engine."""
        given = {name: value for name, value in (additional_config or {}).items() if value is not None}
        if arg_dict.get("engine") == "huggingface":  # what studies call the source of this class
            return cls(**{name: value for name, value in arg_dict.items() if name != "engine"}, **given)
        return (SourceLM if "engine" in arg_dict else cls)(**arg_dict, **given)

    def _get_backend(self, *args: Any, **kwargs: Any) -> None:
        super()._get_backend(*args, **kwargs)
        if self.backend != "causal":
            raise ValueError(
                f"pyscore scores causal language models, and this one is {self.backend}: use the model 'hf'"
            )
        # All that the harness does with this class is to load a model by it.
        load = partial(load_weights, allow_unused=self._allow_unused_weights)
        self.AUTO_MODEL_CLASS = SimpleNamespace(from_pretrained=load)

    @property
    def work_at_once(self) -> int:
        return BATCHES_AT_ONCE * self.scorer.batch_tokens


def _refuse(options: dict[str, Any]) -> None:
    if "engine" in options:
        raise ValueError("engine= is an argument of SourceLM: make that, or give it to the harness as model_args")
    for name, reason in _UNSERVED.items():
        if options.get(name) is not None:
            raise ValueError(f"{name}={options[name]!r} is not served by pyscore ({reason}): or use the model 'hf'")
    softmax = options.get("softmax_dtype")
    if softmax not in (None, "float32", torch.float32):
        raise ValueError(f"softmax_dtype={softmax!r} is not served by pyscore: log-probabilities are always float32")


def _check_adapters(model: Any) -> None:
    """Refuse adapters that put vectors before the tokens: they act in the wrapper, and the body would run without."""
    configs = getattr(model, "peft_config", None) or {}
    for config in configs.values():
        if getattr(config, "is_prompt_learning", False):
            kind = type(config).__name__
            raise ValueError(f"the adapter {kind} adds virtual tokens, which pyscore can't serve: use the model 'hf'")
