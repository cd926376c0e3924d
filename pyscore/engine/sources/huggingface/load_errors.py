"""What goes wrong while a model is loaded, as one line that names the model, the part of it, and what to do."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from pyscore.engine.sources.huggingface.checkpoint import CheckpointError

__all__ = ["check_folder", "one_line_errors"]

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "*.safetensors.index.json")
_LONGEST = 400  # characters; transformers lists all of its models in one message
_ADAPTER = "adapter_config.json"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def check_folder(path: Path) -> None:
    """Refuse a folder that isn't a model's.

    Raises:
        ImportError: it holds an adapter too, which transformers leaves out where peft isn't installed.
        ValueError: it has no configuration, or none that is JSON and names a model, or no weights.
    """
    config = path / "config.json"
    if not config.is_file():
        if (path / _ADAPTER).is_file():
            raise ValueError(
                f"model folder {path} holds only an adapter{_base_of(path)}: merge it into its model with peft "
                "(merge_and_unload, save_pretrained), or load both with peft and give them to Scorer(model, tokenizer)"
            )
        raise ValueError(f"model folder {path} has no config.json: give a Hugging Face model's folder or a .gguf file")
    try:
        found = json.loads(config.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"model folder {path}: config.json is not JSON ({_text(error)})") from None
    if not isinstance(found, dict) or not (found.get("model_type") or found.get("auto_map")):
        raise ValueError(f"model folder {path}: config.json has no model_type, which says what kind of model it is")
    if not any(file for pattern in _WEIGHTS for file in path.glob(pattern)):
        raise ValueError(f"model folder {path} has no weights: no *.safetensors or pytorch_model*.bin")
    if (path / _ADAPTER).is_file():
        try:
            import peft  # type: ignore[import-not-found,unused-ignore]  # noqa: F401
        except ImportError:
            raise ImportError(
                f"model folder {path} holds an adapter too, which would be left out: pip install peft, or remove "
                f"{_ADAPTER} to score the model without it"
            ) from None


def _base_of(path: Path) -> str:
    try:
        base = json.loads((path / _ADAPTER).read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f" of {str(base)!r}"


@contextmanager
def one_line_errors(name: str, part: str, *, own_code: bool = False) -> Iterator[None]:
    """Turn what transformers and its readers raise into one line.

    Whatever is raised here comes from what the user named: the model's files, or code that came with them.

    Args:
        name: of the model.
        part: of the model: "configuration", "tokenizer" or "weights".
        own_code: code that came with the model runs, which may raise anything.

    Raises:
        ImportError: a package is missing.
        MemoryError: the model doesn't fit into memory.
        ValueError: all else.
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise MemoryError(f"model {name!r} doesn't fit into memory: try a smaller dtype ({_text(error)})") from error
    except ImportError as error:
        hint = ': pip install "pyscore-engine[engine,gguf]"' if "gguf" in str(error).lower() else ""
        raise ImportError(f"model {name!r} needs a package that is not installed{hint} ({_text(error)})") from error
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and not own_code:
            raise
        raise ValueError(f"model {name!r}: {_explained(error, part, own_code)}") from error


def _explained(error: BaseException, part: str, own_code: bool) -> str:
    text = str(error)
    if isinstance(error, CheckpointError):
        return text
    if "trust_remote_code" in text:
        return "it runs code of its own; trust_remote_code=True (--trust-remote-code) allows that, if you trust it"
    if "connect to" in text or "offline" in text.lower():
        return "it is no local folder, and the model hub can't be reached"
    if isinstance(error, (pickle.UnpicklingError, EOFError)):
        return (
            "its weights are a pickle that is damaged or would run code, and is not read: "
            "convert them to safetensors where you trust them"
        )
    if "does not recognize this architecture" in text:
        return f"{text.partition('.')[0]}: correct model_type in config.json, or update transformers"
    if "CONVERSION" in text:
        return "its weights can't be put together: some are missing, or of other shapes than config.json says"
    if part == "tokenizer" and "instantiate the backend tokenizer" in text:
        return "it has no tokenizer, or not all of its files: save the one it was trained with beside it"
    plain = isinstance(error, (ValueError, OSError, RuntimeError)) and not isinstance(error, json.JSONDecodeError)
    cause = _text(error) if plain else f"{type(error).__name__}: {_text(error)}"
    if isinstance(error, KeyError):
        cause += ", a name that is missing or that transformers doesn't know"
    by = ", or the code that came with it," if own_code else ""
    return f"its {part}{by} can't be used: {cause}"


def _text(error: BaseException) -> str:
    """A message as one line, whole, unless it is a list of everything there is."""
    text = " ".join(_COLOURS.sub("", str(error)).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else text[: text.rfind(" ", 0, _LONGEST)] + " ..."
