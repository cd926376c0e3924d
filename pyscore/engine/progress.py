"""A progress bar on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

__all__ = ["track"]

Item = TypeVar("Item")


def track(items: Sequence[Item], description: str, enabled: bool, size: Callable[[Item], int]) -> Iterable[Item]:
    """The items one by one, with a bar that advances by ``size(item)``; no bar unless standard error is a terminal."""
    return _with_bar(items, description, size) if enabled and sys.stderr.isatty() else items


def _with_bar(items: Sequence[Item], description: str, size: Callable[[Item], int]) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("tokens"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=sum(map(size, items)))
        for item in items:
            yield item
            bar.advance(task, size(item))
