"""How questions spread over the log odds of the matching answers."""

from __future__ import annotations

from typing import Any

from pyscore.report.charts.parts import RULE, chart_of, constants, read_rows, said_number, series_legend

__all__ = ["COLUMNS", "build"]

COLUMNS = ("low", "high", "count", "series")


def build(
    rows: Any = None,
    *,
    width: int = 280,
    height: int = 160,
    theme: str | None = None,
    title: str | None = None,
    note: str | None = None,
) -> Any:
    """The chart.

    Args:
        rows: mappings with `COLUMNS`, the edges of a bin and how many questions lie in it, an Arrow table of them, or
            None for the data set named "rows".
        width, height: in pixels.
        theme: see `palette.config`; by default "page" without rows, else "both".
        title: above the chart.
        note: below the title.
    """
    import altair as alt

    found = read_rows(rows, COLUMNS, "log_odds")
    encoding = [
        alt.X("low:Q", title="log odds of the matching answers (nats)", scale=alt.Scale(zero=False, nice=False)),
        alt.Y("count:Q", title="questions", axis=alt.Axis(tickCount=4, tickMinStep=1), stack=None),
    ]
    layers = [
        _bars(found, width),
        constants({"at": 0})
        .mark_rule(**{**RULE, "strokeWidth": 2})
        .encode(x="at:Q", y=alt.value(0), y2=alt.value("height")),
    ]
    between = f"{said_number('low', 2)} + ' to ' + {said_number('high', 2)}"
    return chart_of(
        layers,
        found,
        encoding,
        description=(
            "How many questions have which log odds of the matching answers against the others, with a line at 0: "
            "right of it the matching answers are preferred."
        ),
        theme=theme,
        title=title,
        note=note,
        transform={"bin": between, "spoken": "datum.bin + ': ' + datum.count + ' questions'"},
        width=width,
        height=height,
    )


def _bars(found: Any, width: int) -> Any:
    import altair as alt

    series: dict[str, Any] = {"shorthand": "series:N", "legend": series_legend(found, width), "sort": None}
    told = {"series:N": "series", "bin:N": "log odds (nats)", "count:Q": "questions"}
    return (
        alt.Chart()
        .transform_filter("datum.count > 0")
        .mark_bar(fillOpacity=0.4, strokeWidth=1.2)
        .encode(
            x2="high",
            y2=alt.datum(0),
            fill=alt.Fill(**series),
            stroke=alt.Stroke(**series),
            strokeDash=alt.StrokeDash(**series),
            description="spoken:N",
            tooltip=[alt.Tooltip(field, title=name) for field, name in told.items()],
        )
    )
