"""Registers torch.ops.pyscore as soon as torch is there, without importing torch.

A program that `torch.export` saved looks for its operators in torch.ops and nowhere else: `import pyscore` is all that
its user writes, before or after `import torch`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["register_with_torch"]


def register_with_torch() -> None:
    """Import `pyscore.ops` now if torch is imported already, else right after torch is."""
    if "torch" in sys.modules:
        import_module("pyscore.ops")
    else:
        sys.meta_path.insert(0, _TorchFinder())


class _TorchFinder:
    """Finds torch where the other finders do; whoever then loads it also loads `pyscore.ops`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "torch":
            return None
        finders: list[Any] = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in finders)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            self._watch(spec.loader)
        return spec

    def _watch(self, loader: Any) -> None:
        # Many only ask whether torch could be imported, so this finder stays until somebody loads what it found.
        execute = loader.exec_module

        def watched(module: ModuleType) -> None:
            execute(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            try:
                import_module("pyscore.ops")
            except ImportError as error:
                # Importing torch must not fail for this; whatever uses pyscore's ops raises it again.
                warnings.warn(f"torch.ops.pyscore is not registered: {error}", RuntimeWarning, stacklevel=2)

        loader.exec_module = watched
