"""Loading a model and its tokenizer from a folder, a model hub or a GGUF file, with one clear line on what is wrong."""

from __future__ import annotations

import importlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch

from pyscore.engine.sources.huggingface.adapters import adapted_name, check_adapter, merged, with_adapter
from pyscore.engine.sources.huggingface.bundled import BUNDLED_MODEL, bundled_model_path
from pyscore.engine.sources.huggingface.checkpoint import check_checkpoint, gguf_read_once, recorded_gguf_tensors
from pyscore.engine.sources.huggingface.load_errors import check_folder, one_line_errors

__all__ = [
    "Loaded",
    "default_dtype",
    "load_model",
    "load_tokenizer",
    "load_weights",
    "parse_device",
    "parse_dtype",
    "require_transformers",
]

_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
_SHORT_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_loading = threading.RLock()
"""Held while a model is loaded: what keeps transformers quiet in that time are settings of the whole process."""


class Loaded(NamedTuple):
    """A model on its device, its tokenizer, the name that rows give it, and what they say of an adapter over it."""

    model: Any
    tokenizer: Any
    name: str
    adapter: dict[str, str]


class _Source(NamedTuple):
    name: str
    location: str  # a folder, or a repository of the model hub
    options: dict[str, Any]  # of from_pretrained


def require_transformers() -> Any:
    """The module transformers, or ImportError that says how to install it."""
    try:
        import transformers
    except ImportError:
        raise ImportError('scoring needs transformers and pyarrow: pip install "pyscore-engine[engine]"') from None
    return transformers


def parse_dtype(dtype: str | torch.dtype) -> str | torch.dtype:
    """ "auto", or one of the dtypes that models run in, as itself or by its name ("float32", "bf16" ...)."""
    if dtype == "auto":
        return "auto"
    found = dtype
    if isinstance(dtype, str):
        found = _SHORT_DTYPES.get(dtype, getattr(torch, dtype.removeprefix("torch."), dtype))
    if not isinstance(found, torch.dtype) or found not in _DTYPES:
        raise ValueError(f"dtype={dtype!r} is not 'auto', 'float32', 'bfloat16', 'float16' or 'float64'")
    return found


def parse_device(device: str | torch.device) -> torch.device:
    """The device named, "auto" being CUDA where there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f"device={device!r} is not 'auto' or a torch device such as 'cpu' or 'cuda:0'") from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={str(device)!r}, but torch {torch.__version__} sees no CUDA device here")
    if found.type == "meta":
        raise ValueError(f"device={str(device)!r} holds no values: give 'cpu' or 'cuda'")
    try:
        torch.empty(1, dtype=torch.uint8, device=found)
    except (RuntimeError, AssertionError, ImportError):  # each kind of device has an error of its own
        raise ValueError(f"device={str(device)!r}, but torch {torch.__version__} sees no such device here") from None
    return found


def load_model(
    model: str | Path,
    *,
    revision: str | None = None,
    dtype: str | torch.dtype = "auto",
    device: str | torch.device = "auto",
    adapter: str | Path | None = None,
    trust_remote_code: bool = False,
    allow_unused_weights: bool = False,
    merge_adapter: bool = False,
    device_map: Any = None,
    max_memory: Mapping[Any, Any] | None = None,
    tp_plan: Any = None,
) -> Loaded:
    """Load a causal LM and its tokenizer.

    Args:
        model, revision, dtype, device, adapter, trust_remote_code, allow_unused_weights: as for
            `Scorer.from_pretrained`; the others are among its ``source_options``.
        merge_adapter: add the adapter to the weights, as it is often served; that rounds it to their dtype.
        device_map, max_memory: how accelerate spreads the model over devices, as transformers takes them: "auto".
        tp_plan: how the ranks of `torch.distributed` share each layer, as transformers takes it: "auto". All of them
            must score the same questions.

    Raises:
        FileNotFoundError: there is no such folder or file, of the model or of the adapter.
        ImportError: transformers, peft for an adapter, or a package that this model's format needs, isn't installed.
        ValueError: not a causal LM, nothing to load, weights missing from the checkpoint or unused, code that isn't
            trusted.
    """
    dtype = parse_dtype(dtype)
    spread = _spread(device, device_map, max_memory, tp_plan)
    device = parse_device(device)
    if adapter is not None:
        check_adapter(adapter)
    elif merge_adapter:
        raise ValueError("merge_adapter=True, but there is no adapter: name it with adapter=")
    transformers = require_transformers()
    source = _resolve(model, revision=revision, trust_remote_code=trust_remote_code)

    def reading(part: str) -> AbstractContextManager[None]:
        return one_line_errors(source.name, part, own_code=trust_remote_code)

    once = gguf_read_once() if "gguf_file" in source.options else nullcontext()
    with _loading, _quiet(transformers), once:
        with reading("configuration"):
            config = transformers.AutoConfig.from_pretrained(source.location, **source.options)
        kind = _auto_class(transformers, config, source.name)
        with reading("tokenizer"):
            tokenizer = transformers.AutoTokenizer.from_pretrained(source.location, **source.options)
        with reading("weights"):
            made_of = {"config": config, "dtype": dtype, **source.options, **(spread or _placed(config, device))}
            whole = load_weights(source.location, kind, allow_unused=allow_unused_weights, **made_of)
        if "device_map" not in made_of and "distributed_config" not in made_of:
            whole = whole.to(device)
        if adapter is None:
            return Loaded(whole, tokenizer, source.name, {})
        whole = with_adapter(whole, adapter)
        if merge_adapter:
            whole = merged(whole, adapter)
        said = {"adapter": str(adapter), "adapter_merged": str(merge_adapter).lower()}
        return Loaded(whole, tokenizer, adapted_name(source.name, adapter), said)


def _spread(device: Any, device_map: Any, max_memory: Any, tp_plan: Any) -> dict[str, Any]:
    """The options of ``from_pretrained`` that put a model on several devices; empty where none is asked for."""
    asked = {"device_map": device_map, "tp_plan": tp_plan}
    given = [name for name, value in asked.items() if value is not None]
    if max_memory is not None and device_map is None:
        raise ValueError("max_memory is about device_map: give device_map='auto' with it")
    if len(given) > 1 or (given and device != "auto"):
        both = " and ".join([*given, *(["device"] if device != "auto" else [])])
        raise ValueError(f"{both} each say where the model is: give one of them")
    if tp_plan is not None:
        module: Any = importlib.import_module("transformers.distributed")
        return {"distributed_config": module.DistributedConfig(tp_plan=tp_plan)}
    return {} if device_map is None else {"device_map": device_map, "max_memory": max_memory}


def _placed(config: Any, device: torch.device) -> dict[str, Any]:
    """Quantised weights are put on their device while they are loaded: many kinds can't be moved afterwards."""
    quantised = getattr(config, "quantization_config", None) is not None
    return {"device_map": {"": str(device)}} if quantised and device.type != "cpu" else {}


def load_weights(location: str, kind: Any = None, *, allow_unused: bool = False, **options: Any) -> Any:
    """``from_pretrained``, of a model that is what its checkpoint holds.

    Values don't depend on torch's default dtype. Weights from a GGUF file would have it, and so would what a model
    computes while it is made, such as GPT-J's table of sines.

    Args:
        location: a folder, or a repository of the model hub.
        kind: the class of transformers that loads it; by default AutoModelForCausalLM.
        allow_unused: accept weights that the model has no place for.
        options: of ``from_pretrained``.

    Raises:
        CheckpointError: weights are missing, of another shape, or unused.
    """
    transformers = require_transformers()
    is_gguf = options.get("gguf_file") is not None
    if is_gguf and options.get("quantization_config") is None and hasattr(transformers, "GgufConfig"):
        # Without this, transformers keeps the weights quantised where a package of kernels for them is installed.
        options["quantization_config"] = transformers.GgufConfig(dequantize=True)
    with _loading, default_dtype(torch.float32), recorded_gguf_tensors() as gguf:
        model, info = (kind or transformers.AutoModelForCausalLM).from_pretrained(
            location,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # check_checkpoint refuses them by name
            **options,
        )
    if is_gguf:
        _forget_quantization(model)
    check_checkpoint(model, info, gguf, allow_unused=allow_unused)
    return model


def _forget_quantization(model: Any) -> None:
    """Let a model be saved whose weights were dequantised: transformers takes it for a quantised one."""
    for name in ("hf_quantizer", "quantization_method", "is_quantized"):
        model.__dict__.pop(name, None)
    for name in ("quantization_config", "_is_quantized"):
        model.config.__dict__.pop(name, None)


def load_tokenizer(model: str | Path, *, revision: str | None = None, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a model without its weights; arguments and errors are those of `load_model`."""
    transformers = require_transformers()
    source = _resolve(model, revision=revision, trust_remote_code=trust_remote_code)
    with _loading, _quiet(transformers), one_line_errors(source.name, "tokenizer", own_code=trust_remote_code):
        return transformers.AutoTokenizer.from_pretrained(source.location, **source.options)


def _resolve(model: str | Path, **options: Any) -> _Source:
    name = str(model)
    if name == BUNDLED_MODEL:
        file = bundled_model_path()
        return _Source(name, str(file.parent), {**options, "gguf_file": file.name})
    path = Path(model).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return _Source(name, str(path.parent), {**options, "gguf_file": path.name})
    if path.is_dir():
        check_folder(path)
        return _Source(name, str(path), options)
    if path.is_file():
        raise ValueError(f"model {name!r} is a file but not a .gguf one: give the model's folder")
    if isinstance(model, Path) or path.suffix == ".gguf" or name.startswith((".", "~", os.sep)) or name.count("/") > 1:
        raise FileNotFoundError(f"no such model folder or file: {name}")
    return _Source(name, name, options)


def _auto_class(transformers: Any, config: Any, name: str) -> Any:
    """What loads the model: a causal one, or one that reads images too and goes on with text as a causal one."""
    causal, reads_images = transformers.AutoModelForCausalLM, transformers.AutoModelForImageTextToText
    own_code = getattr(config, "auto_map", None) or {}
    for kind in (causal, reads_images):
        if kind.__name__ in own_code:
            return kind
    # transformers offers the decoder of an encoder-decoder as a causal model too, but it was trained to read what the
    # encoder makes of a text.
    parts = (config, getattr(config, "text_config", None))
    if not any(getattr(part, "is_encoder_decoder", False) for part in parts):
        for kind in (causal, reads_images):
            if type(config) in kind._model_mapping:
                return kind
    raise ValueError(f"model {name!r} is of type {config.model_type!r}, which is not a causal language model")


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Set torch's default dtype for a while."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep warnings, retries and progress bars off the terminal while a model loads; what matters is raised."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    hub = logging.getLogger("huggingface_hub")
    hub_level = hub.level
    hub.setLevel(logging.ERROR)
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        hub.setLevel(hub_level)
        if bars:
            log.enable_progress_bar()
