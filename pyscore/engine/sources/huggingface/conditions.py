"""Whether a model is what it was when it passed its self-checks, so that the next session needs none of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as every_module

from pyscore.engine.sources.huggingface.fingerprint import model_fingerprint

__all__ = ["Conditions"]


class Conditions:
    """What the outcome of a model's self-checks depends on: its fingerprint, and how it is run.

    A fingerprint that was read serves one session, and only if no parameter was written to in between. A model with
    hooks, or with something in place of a module's ``forward``, is never known: what those do may change at any time.

    Args:
        model: whose.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._read: tuple[Any, ...] | None = None
        self._passed: tuple[Any, ...] | None = None
        self._now: tuple[Any, ...] | None = None

    def fingerprint(self) -> dict[str, str]:
        """The model's fingerprint, by which the next `begin` goes."""
        writes = self._writes()  # counted before the weights are read, so that no write meanwhile goes unseen
        found = model_fingerprint(self._model)
        self._read = (found, writes)
        return found

    def begin(self) -> bool:
        """Begin a session: whether the model passed its checks as it is now, as far as `passed` was told."""
        read, self._read = self._read, None
        self._now = None
        if read is not None and read[1] == self._writes() and not self._is_hooked():
            self._now = (read[0], *self._how_it_runs())
        known = self._now is not None and self._now == self._passed
        self._passed = None
        return known

    def passed(self) -> None:
        """The model of the session that was begun last has passed its checks."""
        self._passed = self._now

    def _writes(self) -> list[tuple[int, int]]:
        """Which tensors the parameters are, and how often each was written to in place."""
        return [(id(p), 0 if p.is_inference() else p._version) for p in self._model.parameters()]

    def _how_it_runs(self) -> tuple[Any, ...]:
        modules = list(self._model.modules())
        return (
            [(id(p), p.device) for p in self._model.parameters()],
            [(id(m), type(m), type(m).forward) for m in modules],
            torch.get_float32_matmul_precision(),
        )

    def _is_hooked(self) -> bool:
        if every_module._global_forward_hooks or every_module._global_forward_pre_hooks:
            return True
        return any(m._forward_hooks or m._forward_pre_hooks or "forward" in vars(m) for m in self._model.modules())
