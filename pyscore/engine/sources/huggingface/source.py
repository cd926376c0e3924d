"""A causal language model of Hugging Face transformers, in this process, as a source of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pyscore.engine.sources.huggingface.adapters import adapted_name, check_adapter, with_adapter
from pyscore.engine.sources.huggingface.budget import check_batch_tokens, fastest_batch_tokens, limits_for
from pyscore.engine.sources.huggingface.conditions import Conditions
from pyscore.engine.sources.huggingface.forward import Forward, token_scores
from pyscore.engine.sources.huggingface.load import load_model
from pyscore.engine.sources.huggingface.model import context_length, evaluation_mode, vocabulary_of
from pyscore.engine.sources.huggingface.plan import Limits, Plan
from pyscore.engine.sources.huggingface.sharing import Sharing, damaged
from pyscore.engine.sources.source import (
    ScoreRequest,
    Session,
    Source,
    SourceFacts,
    TokenCounts,
    Tokenizer,
    TokenScore,
)
from pyscore.engine.turns import turn
from pyscore.ops.dispatch import check_backend_name, select

__all__ = ["HuggingFaceSource", "check_tokens"]

_CHECK_TEXT = "Question: Is 12 + 7 less than 20, or is it more? Answer: It is 19, which is less."


class HuggingFaceSource(Source):
    """A loaded model and its tokenizer.

    Args:
        model: a causal LM, already on its device. Sessions run it in evaluation mode and leave it in the mode that it
            was in.
        tokenizer: its tokenizer.
        batch_tokens, backend, name, revision: as for `pyscore.Scorer`.
        adapter: what rows say of the adapter over the model.

    Attributes:
        limits: of the plans of a new session.

    Raises:
        TypeError: the model isn't a loaded module.
        ValueError: a bad argument.
        RuntimeError: no backend, or not the one asked for, serves this model's device and dtype.
    """

    tokenizer: Any = None

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        batch_tokens: int | str = "auto",
        backend: str = "auto",
        name: str | None = None,
        revision: str | None = None,
        adapter: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(model, nn.Module):
            kind = type(model).__name__
            raise TypeError(f"model must be a loaded torch module, got {kind}: use Scorer.from_pretrained")
        self.model, self.tokenizer = model, tokenizer
        self._name = name or getattr(getattr(model, "config", None), "_name_or_path", "") or type(model).__name__
        self._revision = revision
        self._adapter = dict(adapter or {})
        self._lent = False  # whether another source has put an adapter into the model
        # A padding token that was added to the tokenizer alone would index past the model's embedding.
        pad = vocabulary_of(model).first_known(tokenizer.pad_token_id, tokenizer.eos_token_id)
        self.forward = Forward(model, Limits(1, 1, 1), pad=pad, backend=backend)
        self._asked_batch_tokens = batch_tokens if batch_tokens == "auto" else check_batch_tokens(batch_tokens)
        self.limits = self.forward.limits = limits_for(self.forward.device, check_batch_tokens(batch_tokens))
        if batch_tokens == "auto" and self.forward.device.type == "cuda":
            with turn(self), evaluation_mode(model):
                fastest = fastest_batch_tokens(self.forward.run_blank)
            self.limits = self.forward.limits = limits_for(self.forward.device, fastest)
        self.sharing = Sharing(self.forward)
        self._conditions = Conditions(model)
        self._backend = select(backend, self.forward.device, getattr(model, "dtype", torch.float32)).name

    @classmethod
    def load(
        cls, model: str | Path, *, batch_tokens: int | str = "auto", backend: str = "auto", **options: Any
    ) -> HuggingFaceSource:
        """Load a model; ``options`` are those of `load_model`."""
        # Checked before the long load, not after it.
        check_batch_tokens(batch_tokens)
        check_backend_name(backend)
        loaded = load_model(model, **options)
        said: dict[str, Any] = {"name": loaded.name, "revision": options.get("revision"), "adapter": loaded.adapter}
        return cls(loaded.model, loaded.tokenizer, batch_tokens=batch_tokens, backend=backend, **said)

    @contextmanager
    def adapted(self, adapter: str | Path) -> Iterator[HuggingFaceSource]:
        """A source of the same model with a PEFT adapter over it, which is taken off again at the end.

        Meanwhile this source can't be used.

        Args:
            adapter: a folder or a name on the model hub.

        Raises:
            FileNotFoundError, ImportError, ValueError: it can't be loaded over this model.
            RuntimeError: another one is over the model.
        """
        self._check_whole()
        check_adapter(adapter)
        wrapped = with_adapter(self.model, adapter)
        self._lent = True
        source = HuggingFaceSource(
            wrapped,
            self.tokenizer,
            batch_tokens=self._asked_batch_tokens,
            backend=self.forward.backend,
            name=adapted_name(self._name, adapter),
            revision=self._revision,
            adapter={"adapter": str(adapter), "adapter_merged": "false"},
        )
        try:
            yield source
        finally:
            source._lent = True  # its adapter is gone
            wrapped.unload()
            self._lent = False

    def _check_whole(self) -> None:
        if self._lent:
            raise RuntimeError(
                f"{self._name} can't be used now: another adapter is over its model, or its own was taken off"
            )

    @property
    def facts(self) -> SourceFacts:
        commit = getattr(getattr(self.model, "config", None), "_commit_hash", None)
        metadata = {
            "backend": self._backend,
            "torch_version": torch.__version__,
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
        }
        return SourceFacts(
            self._name,
            self._revision,
            dtype=str(getattr(self.model, "dtype", "unknown")).removeprefix("torch."),
            device=str(self.forward.device),
            fingerprint=self._conditions.fingerprint,
            context_length=context_length(self.model),
            vocabulary=vocabulary_of(self.model),
            settings={"backend": self._backend, "batch_tokens": self._asked_batch_tokens},
            metadata=metadata | self._adapter | ({"commit": commit} if commit else {}),
        )

    @property
    def batch_tokens(self) -> int:
        """How many tokens a forward pass may have, padding counted: fewer than was asked for after memory ran out."""
        return self.forward.limits.batch_tokens

    @property
    def exclusive(self) -> Any:
        """The model, for two sources would put it into each other's mode; a PEFT wrapper shares its modules."""
        model: Any = self.model
        return model.get_base_model() if hasattr(model, "get_base_model") else model

    @contextmanager
    def session(self, state: Mapping[str, Any] | None) -> Iterator[Session]:
        """Put the model into evaluation mode, and keep nothing from before: it may have been trained since.

        Only what self-checks found out stays, where the model's fingerprint was read just before and says that it is
        the same. Of a fallback to less sharing, only a session without a state knows from earlier sessions.
        """
        self._check_whole()
        is_known = self._conditions.begin()
        if not is_known:
            self.sharing.forget()
        limits = self._restored(state)
        with evaluation_mode(self.model):
            self.forward.limits = limits
            if not is_known:
                self.forward.begin(check_tokens(self.forward, self.tokenizer))
            self._conditions.passed()
            try:
                yield _Session(self.forward, self.sharing, limits.batch_tokens)
            finally:
                self.forward.release()

    def _restored(self, state: Mapping[str, Any] | None) -> Limits:
        """The limits of a session, whose ``sharing`` goes on from this state."""
        if state is None:
            self.sharing.begin()
            return self.limits
        found = dict(state)
        batch_tokens = found.pop("batch_tokens", None)
        self.sharing.restore(found)
        if batch_tokens is None:
            return self.limits
        if type(batch_tokens) is not int or batch_tokens < 1:
            raise damaged("batch_tokens", batch_tokens)
        return limits_for(self.forward.device, batch_tokens)

    def count(self, chunks: Iterable[Sequence[ScoreRequest]]) -> TokenCounts:
        counts, last = TokenCounts(), None
        for requests in chunks:
            plan = self.sharing.plan(requests)
            counts += plan.counts_after(last)
            last = plan
        return counts


def check_tokens(forward: Forward, tokenizer: Tokenizer) -> list[int]:
    """Ordinary text for the self-check of a model, of tokens that it knows."""
    known = vocabulary_of(forward.model)
    tokens = tokenizer(_CHECK_TEXT, add_special_tokens=False)["input_ids"]
    return [token for token in tokens if known.first_known(token) == token] or [forward.pad]


class _Session(Session):
    """A source's model under one set of limits; what self-checks find out is kept in ``sharing``."""

    def __init__(self, forward: Forward, sharing: Sharing, batch_tokens: int) -> None:
        self._forward, self._sharing, self._batch_tokens = forward, sharing, batch_tokens

    @property
    def findings(self) -> dict[str, str]:
        return {
            "head": self._forward.separation.name,
            "sharing": str(self._sharing),
            "batch_tokens": str(self._forward.limits.batch_tokens),
        }

    @property
    def state(self) -> dict[str, Any]:
        """Batches are planned by the size that the run began with, which may be halved where memory runs out."""
        return {**self._sharing.state, "batch_tokens": self._batch_tokens}

    def prepare(self, requests: Sequence[ScoreRequest]) -> tuple[Plan, Sequence[ScoreRequest]]:
        return self._sharing.plan(requests), requests

    def run(self, work: tuple[Plan, Sequence[ScoreRequest]], advance: Callable[[float], None]) -> list[TokenScore]:
        plan = self._sharing.checked(*work)  # a self-check may choose another one
        total = max(1, sum(batch.n_tokens for batch in plan.batches))
        return token_scores(plan, self._forward(plan, lambda tokens: advance(tokens / total)))
