"""Plans through a model that is being trained, on one rank of several or alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from pyscore.engine.sources.huggingface.forward import Forward, TokenResults
from pyscore.engine.sources.huggingface.head import NoHead
from pyscore.engine.sources.huggingface.inputs import plain_inputs
from pyscore.engine.sources.huggingface.meshes import is_dtensor
from pyscore.engine.sources.huggingface.plan import Limits, PackedRow
from pyscore.engine.sources.huggingface.undisturbed import no_gradients, undisturbed
from pyscore.engine.sources.huggingface.wrapped import WrappedParts

__all__ = ["TrainingForward"]


class TrainingForward(Forward):
    """`Forward` of a model in training, between two steps.

    Everything happens within `evaluation`: the first one begins with `begin`, whose findings hold from then on, because
    training changes weights and not what a model is made of.

    Args:
        parts: how the model is run.
        limits, pad, backend: as in `Forward`.
        autocast: score under the autocast of training.
        alone: whether no other rank runs the model, so that a batch that doesn't fit into memory may become two calls.

    Attributes:
        meshes: the device meshes that weights are cut over while the model runs, known after `begin`.
    """

    parts: WrappedParts

    def __init__(
        self, parts: WrappedParts, limits: Limits, *, pad: int, backend: str, autocast: bool, alone: bool
    ) -> None:
        super().__init__(parts.model, limits, pad=pad, backend=backend)
        self.parts, self.autocast, self.halves = parts, autocast, alone
        self._keeps_logits = parts.takes("logits_to_keep")
        self.meshes: set[Any] = set()

    @property
    def device(self) -> torch.device:
        embedding = self.model.get_input_embeddings() if hasattr(self.model, "get_input_embeddings") else None
        # A wrapper may keep weights as its own, so that the embedding has none.
        weight: Any = next(chain((embedding or self.model).parameters(), self.parts.module.parameters()))
        if is_dtensor(weight) and weight.device_mesh.device_type != "cpu":
            # FSDP may keep its share of the weights on the host, and runs them on the mesh's devices.
            return torch.device(weight.device_mesh.device_type, torch.accelerator.current_device_index())
        device: torch.device = weight.device
        return device

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        with no_gradients(autocast=self.autocast):
            yield

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Between two steps of training: nothing is kept from one evaluation to the next, and nothing is disturbed."""
        with undisturbed(self.parts.module, self.device, autocast=self.autocast):
            self.parts.forget()
            try:
                yield
            finally:
                self.release()
                self.parts.forget()
                if self.separation.head is not None:
                    nothing = replace(
                        self.separation.head, weight=torch.empty(0, dtype=torch.float32, device="cpu"), bias=None
                    )
                    self.separation = self.separation._replace(head=nothing)

    def begin(self, tokens: Sequence[int]) -> None:
        # Before the model's logits are read, which may be those of this rank's share: the head tells.
        with self.parts.noting_meshes(self.meshes):
            try:
                self.pad_call()
            except torch.OutOfMemoryError:
                raise
            except Exception as error:
                self.parts.objection = f"the model fails without its output embedding ({type(error).__name__}: {error})"
        super().begin(tokens)

    def pad_call(self) -> None:
        """Call the model on one token whose results nobody reads, because other ranks call it."""
        inputs = plain_inputs([PackedRow([self.pad])], 0, self.pad, self.device) | {"use_cache": False}
        with self.arithmetic():
            try:
                run = self.parts.body()
            except NoHead:
                run = self.parts.whole
            with suppress(NoHead):  # the model was called all the same
                run(**inputs)

    def _score(self, states: Tensor, targets: Tensor, offsets: Tensor) -> TokenResults:
        if self.separation.head is not None:
            self.separation = self.separation._replace(head=self.parts.current(self.separation.head))
        return super()._score(states, targets, offsets)
