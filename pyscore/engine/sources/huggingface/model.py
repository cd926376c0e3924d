"""What a loaded model tells of itself: sizes, limits, and the mode that it is in."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyscore.engine.sources.huggingface.head import NoHead, find_body, text_config
from pyscore.engine.sources.source import Vocabulary

__all__ = ["attention_window", "context_length", "evaluation_mode", "rope_limit", "takes_positions", "vocabulary_of"]

_CONTEXT_LENGTHS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")
_ATTENTION_WINDOWS = ("sliding_window", "attention_chunk_size", "window_size")
_CHANGING_ROPE = ("longrope", "dynamic")


@contextmanager
def evaluation_mode(model: Any) -> Iterator[None]:
    """Without dropout; afterwards each module of the model is in the mode that it was in: part of it may be frozen."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        # Parents come first, because train() puts all that is in a module into its mode; modules that differ are put
        # right after it. It has to be train(), because some modules do more in it than to set a flag: they merge an
        # adapter into the weights.
        for module, mode in modes:
            if module.training != mode:
                module.train(mode)


def context_length(model: Any) -> int | None:
    """How many tokens a model can take, None where its configuration doesn't say."""
    config = text_config(model)
    found = (getattr(config, name, None) for name in _CONTEXT_LENGTHS)
    return next((value for value in found if isinstance(value, int) and value > 0), None)


def vocabulary_of(model: Any) -> Vocabulary:
    """Which tokens a model knows, by the sizes of its embeddings."""
    return Vocabulary(
        _size(model, "get_input_embeddings", "num_embeddings"), _size(model, "get_output_embeddings", "out_features")
    )


def _size(model: Any, getter: str, name: str) -> int | None:
    layer = getattr(model, getter)() if hasattr(model, getter) else None
    size = getattr(layer, name, None)
    return size if isinstance(size, int) and size > 0 else None


def takes_positions(model: Any) -> bool:
    """Whether a model lets its caller say where tokens stand."""
    try:
        body = find_body(model)
    except NoHead:
        body = model
    return "position_ids" in inspect.signature(body.forward).parameters


def attention_window(model: Any) -> int | None:
    """How many tokens back the narrowest attention of a model sees, None where all see everything."""
    config = text_config(model)
    if getattr(config, "use_sliding_window", True) is False:
        return None
    found = [getattr(config, name, None) for name in _ATTENTION_WINDOWS]
    return min((value for value in found if isinstance(value, int) and value > 0), default=None)


def rope_limit(model: Any) -> int | None:
    """The length beyond which rotary frequencies depend on the longest sequence of a batch, None for never."""
    config = text_config(model)
    found = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None)
    # Some models have one entry for each kind of layer.
    entries = (
        [found, *(value for value in found.values() if isinstance(value, dict))] if isinstance(found, dict) else []
    )
    for entry in entries:
        if entry.get("rope_type", entry.get("type")) in _CHANGING_ROPE:
            limit = entry.get("original_max_position_embeddings")
            limit = limit or getattr(config, "original_max_position_embeddings", None)
            return limit or getattr(config, "max_position_embeddings", None)
    return None
