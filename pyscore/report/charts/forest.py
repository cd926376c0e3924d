"""Differences with their intervals, one a line, in the order of their size."""

from __future__ import annotations

from typing import Any

from pyscore.report.charts.palette import BLUE, BROWN, GREY
from pyscore.report.charts.parts import RULE, chart_of, constants, read_rows, said

__all__ = ["COLUMNS", "build"]

COLUMNS = ("label", "difference", "low", "high", "adjusted_p", "verdict", "n")

_VERDICTS = {
    "higher": ("triangle-right", BROWN, True),
    "lower": ("triangle-left", BLUE, True),
    "not shown": ("circle", GREY, False),
    "no verdict": ("cross", GREY, False),
}
_EQUIVALENT = {
    "equivalent": ("square", GREY, True),
    "higher, equivalent": ("triangle-up", BROWN, True),
    "lower, equivalent": ("triangle-down", BLUE, True),
}
"""Each verdict's shape, colour, and whether it is filled; the second table only where a margin was given."""

_ROW_HEIGHT = 16  # pixels
_LEGEND: dict[str, Any] = {"orient": "top", "titleOrient": "left"}
"""It and the axis stand above the lines, of which there may be more than a window holds."""


def build(
    rows: Any = None,
    *,
    x_title: str = "difference (share)",
    width: int = 320,
    theme: str | None = None,
    title: str | None = None,
) -> Any:
    """The chart.

    Args:
        rows: mappings with `COLUMNS`, an Arrow table of them, or None for the data set named "rows". Each has a label
            of its own.
        x_title: what the difference is of, with its unit.
        width: in pixels; the height follows from the lines.
        theme: see `palette.config`; by default "page" without rows, else "both".
        title: above the chart.
    """
    import altair as alt

    found = read_rows(rows, COLUMNS, "forest")
    some = any(row["verdict"] in _EQUIVALENT for row in found or ())
    verdicts = _VERDICTS | (_EQUIVALENT if some else {})
    scale = alt.Scale(domain=list(verdicts), range=[color for _, color, _ in verdicts.values()])
    axis = alt.Axis(labelLimit=260, labelOverlap=False, ticks=False, domain=False, grid=False, labelPadding=6)
    encoding = [
        alt.X("difference:Q", title=x_title, axis=alt.Axis(tickCount=6, orient="top")),
        alt.Y("label:N", title=None, axis=axis, sort=alt.EncodingSortField("difference", op="min", order="descending")),
        alt.Color("verdict:N", title="verdict", scale=scale, legend=_LEGEND),
    ]
    zero = constants({"at": 0}).mark_rule(**{**RULE, "strokeDash": [1, 0]})
    layers = [
        zero.encode(x="at:Q", y=alt.value(0), y2=alt.value("height"), color=alt.value(RULE["color"])),
        alt.Chart()
        .transform_filter("isValid(datum.low) && isValid(datum.high)")
        .mark_rule(strokeWidth=1.5, aria=False)
        .encode(x="low:Q", x2="high"),
        _points(verdicts),
    ]
    return chart_of(
        layers,
        found,
        encoding,
        description=_description(found, x_title),
        theme=theme,
        title=title,
        transform={"difference_said": said("difference", "low", "high")},
        width=width,
        height=alt.Step(_ROW_HEIGHT),
    )


def _points(verdicts: dict[str, tuple[str, str, bool]]) -> Any:
    import altair as alt

    domain = list(verdicts)
    shapes = alt.Scale(domain=domain, range=[shape for shape, _, _ in verdicts.values()])
    fills = alt.Scale(domain=domain, range=[color if full else "transparent" for _, color, full in verdicts.values()])
    told = {
        "label:N": "difference of",
        "difference_said:N": "difference",
        "verdict:N": "verdict",
        "n:Q": "questions",
    }
    return (
        alt.Chart()
        .transform_calculate(spoken="datum.label + ': ' + datum.difference_said + ', ' + datum.verdict")
        .mark_point(size=55, strokeWidth=1.5, opacity=1)
        .encode(
            shape=alt.Shape("verdict:N", title="verdict", scale=shapes, legend=_LEGEND),
            fill=alt.Fill("verdict:N", title="verdict", scale=fills, legend=_LEGEND),
            description="spoken:N",
            tooltip=[
                *(alt.Tooltip(field, title=name) for field, name in told.items()),
                alt.Tooltip("adjusted_p:Q", title="p, corrected", format=".2~g"),
            ],
        )
    )


def _description(rows: list[dict[str, Any]] | None, x_title: str) -> str:
    text = f"{x_title[:1].upper()}{x_title[1:]}, one a line, with intervals and a line at 0, the largest first."
    if rows is None:
        return text
    counts = {name: sum(row["verdict"] == name for row in rows) for name in _VERDICTS | _EQUIVALENT}
    return f"{text} {len(rows)} lines: " + ", ".join(f"{n} {name}" for name, n in counts.items() if n) + "."
