"""A metric over training steps or sizes: a line a series, with the band that holds for all its points at once."""

from __future__ import annotations

from typing import Any

from pyscore.ops.checks import check_choice
from pyscore.report.charts.palette import BLUE, ramp
from pyscore.report.charts.parts import RULE, chart_of, constants, read_rows, said, series_legend, title_of

__all__ = ["COLUMNS", "build"]

COLUMNS = ("panel", "series", "series_value", "x", "value", "low", "high", "n", "checkpoint")

_X_TITLES = {"step": "training step", "size": "size (parameters)"}
_SHORT = "replace(format(datum.value, '~s'), 'G', 'B')"  # 7000000000 as 7B, which is how sizes are called


def build(
    rows: Any = None,
    *,
    x: str = "step",
    log: bool | None = None,
    y_title: str = "share",
    share: bool = True,
    ordered: bool = True,
    guide: float | None = 0.5,
    columns: int | None = None,
    width: int = 220,
    height: int = 160,
    theme: str | None = None,
    title: str | None = None,
) -> Any:
    """The chart.

    Args:
        rows: mappings with `COLUMNS`, an Arrow table of them, or None for the data set named "rows". ``low`` and
            ``high`` are the band's.
        x: "step" or "size".
        log: a logarithmic axis, on which step 0 has a place; by default of sizes.
        y_title: what is drawn, with its unit.
        share: the axis has all of 0 to 1, so that charts can be compared; whatever lies beyond is drawn as well.
        ordered: series are steps or sizes, in the order of ``series_value``; else categories.
        guide: draw a line at this value; None for none.
        columns: draw a chart for each ``panel``, in so many columns; by default one chart of everything.
        width, height: of a chart, in pixels.
        theme: see `palette.config`; by default "page" without rows, else "both".
        title: above the chart.
    """
    check_choice(x, "x", tuple(_X_TITLES))
    found = read_rows(rows, COLUMNS, "behaviour")
    chart = chart_of(
        [*_guide(guide, share), *_layers(found, ordered, width * (columns or 1))],
        found,
        _encoding(x, (x == "size") if log is None else log, y_title),
        description=f"{y_title[:1].upper()}{y_title[1:]} by {_X_TITLES[x]}: a line a series, with its band.",
        theme=theme,
        title=None if columns else title,
        transform={
            "value_said": said("value", "low", "high"),
            "spoken": "datum.series + ' ' + datum.checkpoint + ': ' + datum.value_said",
        },
        width=width,
        height=height,
    )
    if found is not None and ordered:
        chart.config["range"] |= ramp(len({row["series"] for row in found}))
    return chart if columns is None else _small_multiples(chart, columns, title)


def _encoding(x: str, log: bool, y_title: str) -> list[Any]:
    import altair as alt

    kind: Any = {"size": "log", "step": "symlog"}[x] if log else "linear"
    ticks: dict[str, Any] = {"values": alt.ExprRef(_powers(kind))} if log else {"tickCount": 4}
    axis = alt.Axis(grid=False, labelExpr=_SHORT, labelOverlap="greedy", **ticks)
    scale = alt.Scale(zero=False, nice=False)
    return [
        alt.X("x:Q", title=_X_TITLES[x], scale=alt.Scale(type=kind, zero=False, nice=False), axis=axis),
        alt.Y("value:Q", title=y_title, scale=scale, axis=alt.Axis(tickCount=5)),
    ]


def _powers(kind: str) -> str:
    """A Vega expression: the powers of ten on the axis, with 0 on one that has it; its ends where these are too few."""
    powers = [f"1e{i}" for i in range(16)]
    first, last = "domain('x')[0]", "domain('x')[1]"
    start, end = f"max(0, ceil(log({first}) / LN10 - 1e-9))", f"floor(log({last}) / LN10 + 1e-9) + 1"
    if kind == "symlog":
        powers, start, end = ["0", *powers], f"({first} > 0 ? {start} + 1 : 0)", f"{end} + 1"
    inside = f"slice([{','.join(powers)}], {start}, {end})"
    return f"length({inside}) > 1 ? {inside} : domain('x')"


def _series(ordered: bool) -> dict[str, Any]:
    """How a channel takes its values from the series."""
    import altair as alt

    by_value = alt.EncodingSortField("series_value", op="min")
    return {"field": "series", "type": "nominal", "sort": by_value if ordered else None}


def _colors(ordered: bool) -> dict[str, Any]:
    return {
        **_series(ordered),
        # A series that has no name is alone, and no step among others.
        "condition": {"test": "datum.series === ''", "value": BLUE},
        "type": "ordinal" if ordered else "nominal",
    }


def _guide(at: float | None, share: bool) -> list[Any]:
    """The line that values are compared with, and what makes the axis reach from 0 to 1."""
    import altair as alt

    rows = [] if at is None else [{"at": at, "seen": 1}]
    rows += [{"at": end, "seen": 0} for end in (0, 1)] if share else []
    seen = alt.StrokeOpacity("seen:Q", scale=None)
    line = constants(*rows).mark_rule(**RULE)
    return [line.encode(x=alt.value(0), x2=alt.value("width"), y="at:Q", strokeOpacity=seen)] if rows else []


def _layers(found: Any, ordered: bool, width: float) -> list[Any]:
    import altair as alt

    told = {
        "series:N": "series",
        "checkpoint:N": "checkpoint",
        "value_said:N": "value",
        "n:Q": "questions",
    }
    legend, colors = series_legend(found, width), _colors(ordered)
    color = alt.Color(**colors, legend=None)
    return [
        alt.Chart().mark_area(opacity=0.18, aria=False).encode(y="low:Q", y2="high", color=color),
        alt.Chart().mark_line(strokeWidth=1.5, aria=False).encode(color=color),
        alt.Chart()
        .mark_point(filled=True, size=32, opacity=1)
        .encode(
            # Not "color": legends are one where they are of the same marks.
            fill=alt.Fill(**colors, legend=legend),
            shape=alt.Shape(**_series(ordered), legend=legend),
            description="spoken:N",
            tooltip=[alt.Tooltip(field, title=name) for field, name in told.items()],
        ),
    ]


def _small_multiples(chart: Any, columns: int, title: str | None) -> Any:
    import altair as alt

    header = alt.Header(labelLimit=chart.width, labelAnchor="start")
    facet = alt.Facet("panel:N", title=None, header=header, sort=None)
    inner = chart.copy(deep=True)
    optional = {"title": title_of(title, 800)} if title else {}
    around = {"data": chart.data, "config": chart.config, "description": chart.description}
    for name in around:
        inner[name] = alt.Undefined
    return alt.FacetChart(spec=inner, facet=facet, columns=columns, **around, **optional)
