"""A model in training is scored as if it had not been: modes, random states and what wrappers hold are put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from pyscore.engine.sources.huggingface.forward import AUTOCAST, no_autocast
from pyscore.engine.sources.huggingface.meshes import fsdp_modules
from pyscore.engine.sources.huggingface.model import evaluation_mode

__all__ = ["no_gradients", "undisturbed"]


@contextmanager
def undisturbed(module: nn.Module, device: torch.device, *, autocast: bool = False) -> Iterator[None]:
    """Run a module in evaluation mode, and leave everything about it as it was.

    Put back are: each module's mode, gradient checkpointing, the forward methods in which accelerate turns autocast on,
    the random states of Python, NumPy and torch, and FSDP's sharded weights. Code that is compiled runs eagerly, since
    shapes of scoring would take the place of those of training in the compiler's cache.

    Args:
        module: what training calls.
        device: where it runs.
        autocast: leave autocast of the model's own as it is.
    """
    with ExitStack() as kept:
        kept.enter_context(_random_states(device))
        kept.enter_context(_sharded(module))
        kept.enter_context(evaluation_mode(module))
        kept.enter_context(_without_checkpointing(module))
        if not autocast:
            kept.enter_context(_without_accelerate(module))
        if any(hasattr(each, "_orig_mod") or each._compiled_call_impl is not None for each in module.modules()):
            kept.enter_context(torch.compiler.set_stance("force_eager"))
        yield


@contextmanager
def no_gradients(*, autocast: bool = False) -> Iterator[None]:
    """Without gradients, and without autocast unless it is to be kept.

    It is no inference mode: FSDP keeps weights that it gathered for the next pass, which may be one of training, and a
    weight made in inference mode can't be trained. Nor does autocast keep what it casts here, for that has no gradient.
    """
    with ExitStack() as settings:
        if not autocast:
            settings.enter_context(no_autocast())
        for kind in AUTOCAST if autocast else ():
            if torch.is_autocast_enabled(kind):
                settings.enter_context(torch.autocast(kind, torch.get_autocast_dtype(kind), cache_enabled=False))
        settings.enter_context(torch.no_grad())
        yield


@contextmanager
def _random_states(device: torch.device) -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    own = [] if device.type == "cpu" else [device]
    try:
        with torch.random.fork_rng(own, device_type=device.type if own else "cuda"):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def _sharded(module: nn.Module) -> Iterator[None]:
    """Leave weights to FSDP as it keeps them between steps: its root stays gathered after a pass without backward.

    A checkpoint would be saved, or weights loaded, around such a copy.
    """
    modules = fsdp_modules(module)
    for each in modules:
        each.reshard()
    try:
        yield
    finally:
        for each in modules:
            each.reshard()


@contextmanager
def _without_checkpointing(module: nn.Module) -> Iterator[None]:
    found: list[Any] = [each for each in module.modules() if vars(each).get("gradient_checkpointing") is True]
    for each in found:
        each.gradient_checkpointing = False
    try:
        yield
    finally:
        for each in found:
            each.gradient_checkpointing = True


@contextmanager
def _without_accelerate(module: nn.Module) -> Iterator[None]:
    """Call forward methods as they were before accelerate put autocast around them, which no setting turns off."""
    found: list[Any] = [each for each in module.modules() if {"_original_forward", "forward"} <= vars(each).keys()]
    wrapped = [each.forward for each in found]
    for each in found:
        each.forward = each._original_forward
    try:
        yield
    finally:
        for each, forward in zip(found, wrapped, strict=True):
            each.forward = forward
