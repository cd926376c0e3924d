"""Data sets of the Hugging Face hub, streamed by the package datasets: ``hf:owner/name/config:split``."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from pyscore.tasks.reading.place import Place
from pyscore.tasks.reading.tables import TablePlace, table_place

__all__ = ["PREFIX", "hub_place"]

PREFIX = "hf:"


class _Address(NamedTuple):
    """Which data set: its name with its owner if it has one, the configuration and the split, where they are named."""

    name: str
    config: str | None
    split: str | None

    @property
    def stem(self) -> str:
        parts = (self.name.rstrip("/").rpartition("/")[2], self.config, self.split)
        return "-".join(part for part in parts if part)


def hub_place(source: str) -> Place:
    """The rows of a data set of the hub, ``hf:NAME``, ``hf:NAME:SPLIT``, ``hf:NAME/CONFIG:SPLIT``, streamed.

    NAME may have an owner. With two slashes the parts are owner, name and configuration. With one they are owner and
    name, and if the hub has no such data set name and configuration. A path that begins with / or . is a local folder.

    Raises:
        ImportError: the package datasets isn't installed.
        FileNotFoundError: there is no such data set.
        ValueError: no such configuration or split, or several and none is named.
    """
    try:
        datasets: Any = import_module("datasets")
    except ImportError:
        raise ImportError(f"{source} needs the package datasets: pip install 'pyscore-engine[datasets]'") from None
    missing = datasets.exceptions.DatasetNotFoundError
    readings = _readings(source)
    for address in readings:
        try:
            return _loaded(source, address, datasets)
        except (missing, FileNotFoundError) as error:
            reason = _first_line(error)
    tried = " or ".join(
        f"{each.name!r}{f' with the configuration {each.config!r}' if each.config else ''}" for each in readings
    )
    raise FileNotFoundError(f"{source}: no such data set, {tried} ({reason})")


def _loaded(source: str, address: _Address, datasets: Any) -> TablePlace:
    try:
        found = datasets.load_dataset(address.name, name=address.config, split=address.split, streaming=True)
    except (ValueError, RuntimeError) as error:
        if isinstance(error, datasets.exceptions.DatasetNotFoundError):
            raise
        raise ValueError(f"{source} can't be loaded: {_first_line(error)}") from error
    if isinstance(found, dict):
        if len(found) != 1:
            raise ValueError(f"{source}: choose a split, {source}:NAME; it has {', '.join(found)}")
        split, found = next(iter(found.items()))
        address = address._replace(split=str(split))
    return table_place(found, source, address.stem)


def _readings(source: str) -> list[_Address]:
    """What an address may mean, to be tried in turn."""
    rest = source.removeprefix(PREFIX)
    path, _, split = rest.partition(":")
    parts = path.split("/")
    if path.startswith((".", "/")):
        return [_Address(path, None, split or None)]
    if not all(parts) or len(parts) > 3:
        raise ValueError(f"{source}: write it as hf:owner/name, hf:owner/name:split or hf:owner/name/config:split")
    if len(parts) == 3:
        return [_Address("/".join(parts[:2]), parts[2], split or None)]
    whole = _Address(path, None, split or None)
    return [whole] if len(parts) == 1 else [whole, _Address(parts[0], parts[1], split or None)]


def _first_line(error: Exception) -> str:
    """What an error says, in one line: datasets lists configurations and splits over several."""
    return " ".join(str(error).split())[:500] or type(error).__name__
