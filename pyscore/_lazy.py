"""Names of a package that are imported when they are first used, so that importing the package costs little."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and the ``__dir__`` of a package.

    Args:
        package: its name.
        homes: the modules that define its names, each a submodule (".run"), which can then be had as a name itself, or
            a module elsewhere by its full name ("pyscore.results").
    """
    names = {name: home for home, own in homes.items() for name in own}
    submodules = {home[1:]: home for home in homes if home.startswith(".")}

    def get(name: str) -> Any:
        if name not in names and name not in submodules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(names.get(name) or submodules[name], package)
        value = getattr(module, name) if name in names else module
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names, *submodules})

    return get, listed
