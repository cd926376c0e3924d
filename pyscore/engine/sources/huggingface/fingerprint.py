"""What a model's values depend on: its class, weights, configuration and adapter."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pyscore._digest import json_digest

__all__ = ["model_fingerprint"]

_BLOCK = 1024  # words of 64 bits in a block, whose rows and columns are summed
# Entries that are left out: names and versions, which change no value, and the dtype, which is a setting of a run.
_NOT_CONFIGURATION = (
    *("_name_or_path", "_model_name_or_path", "gguf_file", "_commit_hash", "transformers_version"),
    *("dtype", "torch_dtype", "use_cache"),
)
_NOT_ADAPTER = ("base_model_name_or_path", "revision", "inference_mode", "peft_version")
_ADAPTER_STATE = ("scaling", "active_adapters", "merged_adapters", "disable_adapters")


def model_fingerprint(model: nn.Module) -> dict[str, str]:
    """What a model's values depend on, component by component, as it is now.

    Returns:
        "source" (where scores come from, and the model's class), and SHA-256 digests in hexadecimal: "weights",
        "configuration", and "adapter" where the model has one.
    """
    config = getattr(model, "config", None)
    found = {"source": _source(model), "weights": _weights(model), "configuration": _configuration(config)}
    adapters = getattr(model, "peft_config", None)
    return found | ({"adapter": _adapter(model, adapters)} if adapters else {})


def _source(model: nn.Module) -> str:
    """The model's class; where its code came with the checkpoint, with a digest of that code."""
    kind = type(model)
    name = f"transformers {kind.__qualname__}"
    if not kind.__module__.startswith("transformers_modules."):
        return name
    code = inspect.getsource(inspect.getmodule(kind) or kind)
    return f"{name} {hashlib.sha256(code.encode()).hexdigest()}"


def _configuration(config: Any) -> str:
    if not hasattr(config, "to_json_string"):
        return json_digest(None)
    # The attention implementation isn't in the JSON, but it decides in which order sums are added and so rounded.
    attention = getattr(config, "_attn_implementation", None)
    return json_digest([_without(json.loads(config.to_json_string(use_diff=False)), _NOT_CONFIGURATION), attention])


def _adapter(model: nn.Module, adapters: Mapping[str, Any]) -> str:
    """The adapters' configurations, and what is set in the layers besides weights: factors, and which ones are used."""
    configs = {name: _without(config.to_dict(), _NOT_ADAPTER) for name, config in adapters.items()}
    state = {
        f"{path}.{name}": getattr(module, name)
        for path, module in model.named_modules()
        for name in _ADAPTER_STATE
        if isinstance(getattr(module, "scaling", None), Mapping) and hasattr(module, name)
    }
    return json_digest([configs, state])


def _weights(model: nn.Module) -> str:
    """A digest of every parameter and saved buffer: its name, shape, dtype and all of its bits.

    Bytes are summed as integers in the tensor's place, along the rows and the columns of blocks of 8 KiB, and the sums
    are hashed: a read of the weights, which a forward pass needs as well, where hashing all bytes takes far longer.
    """
    digest, known = hashlib.sha256(), {}
    for name, tensor, stored in _named_tensors(model):
        if id(tensor) not in known:  # tied weights are read once
            known[id(tensor)] = b"".join(_sums(tensor if stored is None else stored))
        digest.update(json.dumps([name, list(tensor.shape), str(tensor.dtype)]).encode())
        digest.update(hashlib.sha256(known[id(tensor)]).digest())
    return digest.hexdigest()


def _named_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor, Tensor | None]]:
    """Parameters and saved buffers, each with the tensor that holds its values where they were moved off its module."""
    for path, module in model.named_modules():
        saved = {k: v for k, v in module._buffers.items() if k not in module._non_persistent_buffers_set}
        for name, tensor in {**module._parameters, **saved}.items():
            if tensor is not None:
                yield f"{path}.{name}", tensor, _offloaded(module, name) if tensor.is_meta else None


def _offloaded(module: nn.Module, name: str) -> Tensor | None:
    """What accelerate keeps on the CPU or on disk until the module runs."""
    hook = getattr(module, "_hf_hook", None)
    for one in getattr(hook, "hooks", [hook]):
        values = getattr(one, "weights_map", None)
        if values is not None:
            return torch.as_tensor(values[name], dtype=None, device="cpu")
    return None


def _sums(tensor: Tensor) -> Iterator[bytes]:
    tensor = tensor.detach()
    if hasattr(tensor, "to_local"):  # a distributed tensor: this process holds a shard of it
        tensor = tensor.to_local()
    if hasattr(tensor, "__tensor_flatten__"):  # a quantised weight wraps several tensors
        for name in tensor.__tensor_flatten__()[0]:
            yield from _sums(getattr(tensor, name))
        return
    if tensor.is_meta:
        return
    content = tensor.contiguous().reshape(-1).view(torch.uint8)
    whole = content.numel() // (8 * _BLOCK) * (8 * _BLOCK)
    if content.storage_offset() % 8:
        content = content.clone()
    blocks = content[:whole].view(torch.int64).view(-1, _BLOCK)
    # On the CPU NumPy sums, in one thread: torch takes longer in one thread, and several threads of it wait for each
    # other, for seconds where other programs run.
    words = blocks.numpy() if blocks.is_cpu else blocks
    for part in (words.sum(0), words.sum(1), content[whole:]):
        yield (part.cpu().numpy() if isinstance(part, Tensor) else part).tobytes()


def _without(entries: Any, left_out: tuple[str, ...]) -> Any:
    if isinstance(entries, Mapping):
        return {key: _without(value, left_out) for key, value in entries.items() if key not in left_out}
    return entries
