"""What a report draws, as charts of Vega-Altair: one file a kind, each with a `build`. No statistics of its own."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["KINDS", "build", "page_specs"]

KINDS = ("two_numbers", "behaviour", "forest", "reliability", "log_odds")
"""What can be drawn, each the name of a module of this package."""


def build(kind: str, rows: Any = None, **options: Any) -> Any:
    """The chart of one kind.

    Args:
        kind: one of `KINDS`.
        rows: what is drawn, a mapping or a line of an Arrow table a mark; None for the data set named "rows", which a
            page gives the chart later.
        options: those of the kind's own `build`.

    Raises:
        ValueError: no such kind; a column that is missing.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}")
    return import_module(f"{__name__}.{kind}").build(rows, **options)


def page_specs() -> dict[str, dict[str, Any]]:
    """The Vega-Lite specifications that a page draws with, by kind; their data is named "rows"."""
    return {kind: build(kind).to_dict() for kind in KINDS}
