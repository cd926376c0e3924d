"""What charts of every kind are made of: their rows, the frame that makes one of layers, and intervals as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from pyscore.report.charts.palette import config

__all__ = ["RULE", "chart_of", "constants", "data_of", "read_rows", "said", "said_number", "series_legend"]

RULE: dict[str, Any] = {"color": "#7a7a7a", "strokeDash": [4, 3], "aria": False}
"""Lines that something is compared with, such as 1/2 or 0; readers of the screen don't hear of them."""

_NARROWEST, _SYMBOL = 110, 24
"""Of a legend's column, and of its symbol with the room around it: pixels."""


def read_rows(rows: Any, columns: Sequence[str], kind: str) -> list[dict[str, Any]] | None:
    """The columns that a chart draws, as JSON can hold them: NaN and infinities become None.

    Args:
        rows: mappings, a table with ``to_pylist``, or None.
        columns: all that are needed.
        kind: of the chart, for messages.

    Raises:
        ValueError: a row without one of the columns.
    """
    if rows is None:
        return None
    listed = rows.to_pylist() if hasattr(rows, "to_pylist") else list(rows)
    for i, row in enumerate(listed):
        missing = [name for name in columns if name not in row]
        if missing:
            raise ValueError(f"rows: row {i} has no {missing[0]!r}; {kind} draws the columns {', '.join(columns)}")
    return [{name: _plain(row[name]) for name in columns} for row in listed]


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not isfinite(value) else value


def data_of(rows: list[dict[str, Any]] | None) -> Any:
    """The rows within the chart, or the data set that a page gives it."""
    import altair as alt

    return alt.NamedData(name="rows") if rows is None else alt.InlineData(values=rows)


def constants(*rows: Mapping[str, Any]) -> Any:
    """A chart of its own few rows, such as the ends of a diagonal."""
    import altair as alt

    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))


def chart_of(
    layers: Sequence[Any],
    rows: list[dict[str, Any]] | None,
    encoding: Sequence[Any],
    *,
    description: str,
    theme: str | None,
    title: str | None,
    note: str | None = None,
    transform: Mapping[str, str] | None = None,
    **size: Any,
) -> Any:
    """Layers as one chart.

    Args:
        layers: charts without data, which draw the rows, or with data of their own.
        rows: of the chart, None for the data set named "rows".
        encoding: the channels that layers share; a layer that names another field keeps their titles and scales.
        description: what a reader of the screen is told.
        theme: see `palette.config`; by default "page" without rows, else "both".
        title: above the chart.
        note: below the title.
        transform: columns that are computed, by name.
        size: width and height.
    """
    import altair as alt

    optional = {"title": title_of(title, size["width"], note)} if title or note else {}
    if transform:
        optional["transform"] = [
            alt.CalculateTransform(calculate=how, **{"as": name}) for name, how in transform.items()
        ]
    chart = alt.LayerChart(
        layer=list(layers),
        data=data_of(rows),
        description=description,
        config=config(theme or ("page" if rows is None else "both")),
        **optional,
        **size,
    )
    return chart.encode(*encoding)


def series_legend(rows: list[dict[str, Any]] | None, width: float, **options: Any) -> Any:
    """The legend of the channels "fill" and "shape" by series.

    Rows of one series have none; on a page, which gives the rows later, they have one that can't be seen. It is about
    as wide as the chart, ``width`` pixels, and what is too long is cut.
    """
    import altair as alt

    if rows is not None and len({row["series"] for row in rows}) < 2:
        return None
    columns = max(1, min(3, int(width // _NARROWEST)))
    # A legend without an entry has no size, and nothing with it can be laid out: it keeps one, which is transparent.
    domain = "domain('fill')"
    opacity = alt.ExprRef(f"length({domain}) > 1 ? 1 : 0")
    values = alt.ExprRef(f"length({domain}) ? {domain} : ['']")
    seen: dict[str, Any] = {"values": values, "symbolOpacity": opacity, "labelOpacity": opacity} if rows is None else {}
    return alt.Legend(title=None, columns=columns, labelLimit=width / columns - _SYMBOL, **seen, **options)


def title_of(title: str | None, width: Any, note: str | None = None) -> Any:
    """A title that is cut where the chart ends."""
    import altair as alt

    # Vega draws no subtitle without a title.
    subtitle = note if title and note else alt.Undefined
    return alt.TitleParams(title or note or "", limit=width, subtitle=subtitle)


def said_number(field: str, digits: int = 3) -> str:
    """A Vega expression: a column's number as text, or "none"."""
    return f"(isValid(datum.{field}) ? format(datum.{field}, '.{digits}f') : 'none')"


def said(field: str, low: str, high: str, digits: int = 3) -> str:
    """A Vega expression: a column's number and its interval as text."""
    ends = f"' [' + format(datum.{low}, '.{digits}f') + ', ' + format(datum.{high}, '.{digits}f') + ']'"
    return f"{said_number(field, digits)} + (isValid(datum.{low}) && isValid(datum.{high}) ? {ends} : '')"
