"""How often the preferred answers match, by how sure the model is of them: a point a bin."""

from __future__ import annotations

from typing import Any

from pyscore.report.charts.parts import RULE, chart_of, constants, read_rows, said, said_number, series_legend

__all__ = ["COLUMNS", "build"]

COLUMNS = ("confidence", "rate", "rate_low", "rate_high", "n", "series")


def build(rows: Any = None, *, width: int = 280, theme: str | None = None, title: str | None = None) -> Any:
    """The chart.

    Args:
        rows: mappings with `COLUMNS`, an Arrow table of them, or None for the data set named "rows".
        width: of the square, in pixels.
        theme: see `palette.config`; by default "page" without rows, else "both".
        title: above the chart.
    """
    import altair as alt

    found = read_rows(rows, COLUMNS, "reliability")
    diagonal = constants({"x": 0.5, "y": 0.5, "x2": 1, "y2": 1}).mark_rule(**RULE)
    shares = alt.Axis(tickCount=5, format=".2~f")
    encoding = [
        alt.X(
            "confidence:Q", title="confidence (probability)", scale=alt.Scale(domain=[0.5, 1], nice=False), axis=shares
        ),
        alt.Y("rate:Q", title="matching (share of questions)", scale=alt.Scale(domain=[0, 1], nice=False), axis=shares),
    ]
    color = alt.Color("series:N", legend=None, sort=None)
    layers = [
        diagonal.encode(x="x:Q", y="y:Q", x2="x2", y2="y2"),
        alt.Chart()
        .transform_filter("isValid(datum.rate_low) && isValid(datum.rate_high)")
        .mark_rule(strokeWidth=1.5, aria=False)
        .encode(y="rate_low:Q", y2="rate_high", color=color),
        alt.Chart().mark_line(strokeWidth=1, aria=False).encode(color=color),
        _points(found, width),
    ]
    return chart_of(
        layers,
        found,
        encoding,
        description=(
            "Reliability: the share of preferred answers that match against the confidence in them, a point a bin of "
            "confidence, with Wilson intervals, and the diagonal on which a calibrated model lies."
        ),
        theme=theme,
        title=title,
        transform={"rate_said": said("rate", "rate_low", "rate_high"), "confidence_said": said_number("confidence")},
        width=width,
        height=width,
    )


def _points(found: Any, width: float) -> Any:
    import altair as alt

    told = {
        "series:N": "series",
        "confidence_said:N": "mean confidence",
        "rate_said:N": "matching",
        "n:Q": "questions",
    }
    # Above the chart: beside the legend of sizes it would be wider than the chart.
    series = series_legend(found, width, orient="top")
    legend = alt.Legend(title="questions", tickCount=3, symbolType="circle", symbolFillColor="transparent")
    return (
        alt.Chart()
        .transform_calculate(spoken="'confidence ' + datum.confidence_said + ': ' + datum.rate_said + ', n ' + datum.n")
        .mark_point(filled=True, opacity=1)
        .encode(
            fill=alt.Fill("series:N", legend=series, sort=None),
            shape=alt.Shape("series:N", legend=series, sort=None),
            size=alt.Size("n:Q", scale=alt.Scale(range=[20, 220]), legend=legend),
            description="spoken:N",
            tooltip=[alt.Tooltip(field, title=name) for field, name in told.items()],
        )
    )
