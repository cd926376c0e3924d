"""Whether a model is all that its checkpoint holds: nothing made up, nothing left out that would change its values."""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from pyscore.engine.sources.huggingface.head import text_config
from pyscore.engine.texts import and_more, listed

__all__ = ["CheckpointError", "GgufTensors", "check_checkpoint", "gguf_read_once", "recorded_gguf_tensors"]

# Weights that transformers reports as unused, and that log-probabilities of text don't depend on.
_BUFFERS = re.compile(  # saved by older versions of models: computed from the configuration, not trained
    r"(^|\.)(inv_freq|original_inv_freq|position_ids|masked_bias|causal_mask|cos_cached|sin_cached)$"
    r"|\.(attn|attention)\.bias$"
)
_OTHER_PARTS = re.compile(  # heads for other outputs, and towers for other inputs
    r"(^|\.)(mtp\w*|v_head|visual|vision_tower|vision_model|multi_modal_projector|mm_projector|audio_tower"
    r"|embed_vision|embed_audio|talker|token2wav|code2wav)\."
)
# Quantised checkpoints hold scales of activations and of caches beside the weights.
_SCALES = re.compile(r"\.([kvq]|kv|input|output)_scale$|\.g_idx$")
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|blk)\.(\d+)\.")


class CheckpointError(ValueError):
    """A model that isn't what its checkpoint holds."""


class GgufTensors:
    """What a GGUF file holds, and which of it has a place in the model; transformers skips the rest silently."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.placed: Collection[str] = ()

    def read(self, tensors: Iterable[Any], *_: Any, **__: Any) -> Iterator[Any]:
        for tensor in tensors:
            # Rotary frequencies are multiplied by these factors; where all are 1, a model needs no place for them.
            if not (tensor.name.startswith("rope_") and (tensor.data == 1).all()):
                self.names.append(tensor.name)
            yield tensor

    def unused(self, model_type: str) -> list[str]:
        """Those without a place. Experts lie in one tensor there and in many here, and GPT-2 ties its output."""
        placed = {*self.placed, *(["output.weight"] if model_type == "gpt2" else [])}
        return [name for name in self.names if name not in placed and "_exps." not in name]


@contextmanager
def recorded_gguf_tensors() -> Iterator[GgufTensors]:
    """Record what transformers reads of a GGUF file, instead of showing a progress bar that no setting turns off."""
    reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
    bar, find_places = reader.tqdm, reader.get_gguf_hf_weights_map
    found = GgufTensors()

    def recorded(*args: Any, **kwargs: Any) -> Mapping[str, str]:
        # transformers' function calls itself: the outermost call returns last, and has the names of all modules.
        found.placed = places = find_places(*args, **kwargs)
        return places  # type: ignore[no-any-return]

    reader.tqdm, reader.get_gguf_hf_weights_map = found.read, recorded
    try:
        yield found
    finally:
        reader.tqdm, reader.get_gguf_hf_weights_map = bar, find_places


@contextmanager
def gguf_read_once() -> Iterator[None]:
    """Let transformers read a GGUF file once, not for each thing that it wants, and name tensors once, not by module.

    Half of the time that the bundled model takes to load.
    """
    try:
        gguf: Any = importlib.import_module("gguf")
    except ImportError:  # transformers raises its own error, which names the package
        yield
        return
    reader, names = gguf.GGUFReader, gguf.get_tensor_name_map
    gguf.GGUFReader, gguf.get_tensor_name_map = cache(reader), cache(names)
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = reader, names


def check_checkpoint(model: Any, info: Mapping[str, Any], gguf: GgufTensors, *, allow_unused: bool) -> None:
    """Refuse a model that isn't what its checkpoint holds.

    transformers fills weights that are missing, or have another shape, with random numbers, leaves out what its
    configuration has no place for, and warns at most.

    Args:
        model: as it was loaded.
        info: ``output_loading_info`` of transformers.
        gguf: what a GGUF file held, where there was one.
        allow_unused: accept what is left out.

    Raises:
        CheckpointError: weights are missing, of another shape, or unused; or they are quantised in an unknown way.
    """
    kind, config = type(model).__name__, text_config(model)
    mismatched = sorted(info["mismatched_keys"])
    if mismatched:
        name, held, wanted = mismatched[0]
        raise CheckpointError(
            f"the checkpoint and its configuration disagree on shapes: {name} is {list(held)} in the checkpoint and "
            f"{list(wanted)} by the configuration{and_more(mismatched, 1)}"
        )
    missing = sorted(info["missing_keys"])
    if missing:
        raise CheckpointError(f"the checkpoint lacks weights that {kind} needs: {listed(missing)}")
    if allow_unused:
        return
    quantised = getattr(model, "hf_quantizer", None) is not None
    unused = [
        name
        for name in sorted(info["unexpected_keys"])
        if not _is_harmless(name, config) and not (quantised and _SCALES.search(name))
    ]
    unused += gguf.unused(str(getattr(config, "model_type", "")))
    insist = "allow_unused_weights=True (--allow-unused-weights) loads the model without"
    if unused:
        raise CheckpointError(
            f"the checkpoint holds weights that {kind} has no place for as it is configured{_depth(unused, config)}: "
            f"{listed(unused)}. Its values would not be those of the whole; {insist} them"
        )
    method = _unknown_quantization(model)
    if method is not None:
        raise CheckpointError(
            f"its weights are quantised by {method!r}, which transformers doesn't know; {insist} that"
        )


def _is_harmless(name: str, config: Any) -> bool:
    if _BUFFERS.search(name) or _OTHER_PARTS.search(name):
        return True
    # Layers after the model's last one predict tokens further ahead, which scoring has no use for.
    layer, layers = _LAYER.search(name), getattr(config, "num_hidden_layers", None)
    ahead = getattr(config, "num_nextn_predict_layers", None) or 0
    return layer is not None and isinstance(layers, int) and layers <= int(layer[1]) < layers + ahead


def _depth(unused: list[str], config: Any) -> str:
    """The commonest reason, where it is that one."""
    layers = getattr(config, "num_hidden_layers", None)
    beyond = [int(layer[1]) for name in unused if (layer := _LAYER.search(name)) is not None]
    if not isinstance(layers, int) or not beyond or max(beyond) < layers:
        return ""
    return f" (num_hidden_layers is {layers}, and the checkpoint has {max(beyond) + 1} layers)"


def _unknown_quantization(model: Any) -> str | None:
    """The method that a configuration names where the loaded model knows nothing of it."""
    stated = getattr(getattr(model, "config", None), "quantization_config", None)
    if stated is None or getattr(model, "hf_quantizer", None) is not None:
        return None
    found = stated.get("quant_method") if isinstance(stated, dict) else getattr(stated, "quant_method", None)
    return str(found)
