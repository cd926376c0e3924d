"""PEFT adapters over a model: loaded beside its weights, and merged into them where that is asked for."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from pyscore.engine.sources.huggingface.load_errors import one_line_errors

__all__ = ["adapted_name", "check_adapter", "merged", "with_adapter"]

_CONFIG = "adapter_config.json"
_PROBLEMS = ("missing adapter keys", "unexpected adapter keys", "unexpected keys")


def adapted_name(name: str, adapter: str | Path) -> str:
    """What rows call a model with an adapter: both names, for models with other adapters would be called the same."""
    return f"{name}+{str(adapter).rstrip(os.sep)}"


def check_adapter(adapter: str | Path) -> None:
    """Refuse, before the model is loaded, an adapter that can't be one.

    Raises:
        FileNotFoundError: there is no such folder.
        ImportError: peft isn't installed.
        ValueError: the folder holds no adapter.
    """
    try:
        import peft  # type: ignore[import-not-found,unused-ignore]  # noqa: F401
    except ImportError:
        raise ImportError("adapter= needs peft: pip install peft") from None
    name, path = str(adapter), Path(adapter).expanduser()
    if path.is_dir():
        if not (path / _CONFIG).is_file():
            raise ValueError(f"adapter {name!r} has no {_CONFIG}: give the folder that peft's save_pretrained wrote")
    elif path.exists():
        raise ValueError(f"adapter {name!r} is a file: give the folder that it lies in")
    elif isinstance(adapter, Path) or name.startswith((".", "~", os.sep)) or name.count("/") > 1:
        raise FileNotFoundError(f"no such adapter folder: {name}")


def with_adapter(model: Any, adapter: str | Path) -> Any:
    """The model with an adapter over it, which is not to be trained.

    Raises:
        ValueError: it is of another model, lacks weights, or adds virtual tokens: these stand before the text in the
            wrapper, and what scores reads the model inside of it.
    """
    import peft

    path = Path(adapter).expanduser()
    place = str(path) if path.is_dir() else str(adapter)
    with one_line_errors(str(adapter), "adapter"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        config = peft.PeftConfig.from_pretrained(place)
        if config.is_prompt_learning:
            raise ValueError(f"{config.peft_type} adds virtual tokens, which can't be scored: use another adapter")
        found = peft.PeftModel.from_pretrained(model, place, is_trainable=False)
        for each in caught:
            if any(problem in str(each.message) for problem in _PROBLEMS):
                raise ValueError(f"it is not of this model: {each.message}")
    return found


def merged(model: Any, adapter: str | Path) -> Any:
    """The model inside of a wrapper, with the adapter added to its weights.

    Raises:
        ValueError: weights that can't be added to, or of which the sum is no number.
    """
    with one_line_errors(str(adapter), "adapter"):
        return model.merge_and_unload(safe_merge=True)
