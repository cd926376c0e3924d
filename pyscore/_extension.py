"""Loads pyscore._C, and says in one line what to do when it is missing or wasn't built from these sources."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pyscore._sources import source_hash
from pyscore._version import __version__

if TYPE_CHECKING:
    from pyscore import _C

__all__ = ["_C"]

_PACKAGE = Path(__file__).parent
_REBUILD = "rebuild it with `pip install -e .` in the checkout, or `pip install --force-reinstall pyscore-engine`"


def complaint(module: ModuleType, package: Path) -> str | None:
    """Why an extension doesn't belong to the Python sources in a package folder, or None if it does."""
    where = getattr(module, "__file__", None)
    if module.__version__ != __version__:
        return f"{where} is of version {module.__version__}, the package of {__version__}: {_REBUILD}"
    checkout = package.parent / "csrc"
    if checkout.is_dir() and module.source_hash != source_hash(checkout):
        return f"{where} was built from other sources than {checkout}: {_REBUILD}"
    return None


def load() -> ModuleType:
    """The compiled extension; ImportError, with what to do, when it is missing, broken or stale."""
    try:
        module = import_module("._C", __package__)
    except ModuleNotFoundError as error:
        raise ImportError(f"pyscore's compiled extension is missing: {_REBUILD}") from error
    except ImportError as error:
        raise ImportError(f"pyscore's compiled extension can't be loaded ({error}): {_REBUILD}") from error
    stale = complaint(module, _PACKAGE)
    if stale is not None:
        raise ImportError(f"pyscore's compiled extension is stale: {stale}")
    return module


if not TYPE_CHECKING:
    _C = load()
