"""Mean probability beside preference rate: one point a data set, and where the two tell different stories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyscore.report.charts.palette import BLUE, BROWN, GREY
from pyscore.report.charts.parts import RULE, chart_of, constants, read_rows, said

__all__ = ["COLUMNS", "STORIES", "build", "story"]

COLUMNS = (
    *("dataset", "template", "checkpoint", "mean_probability", "mean_probability_low", "mean_probability_high"),
    *("preference_rate", "preference_rate_low", "preference_rate_high", "n", "story"),
)
STORIES = {"agree": ("circle", GREY), "lean apart": ("triangle-up", BLUE), "opposite sides": ("square", BROWN)}
"""What the two numbers can tell, each with its shape and colour."""

_GUIDES = ((0, 0, 1, 1), (0.5, 0, 0.5, 1), (0, 0.5, 1, 0.5))  # the diagonal, and 1/2 of each
_LABEL_HEIGHT = 13  # pixels


def story(line: Mapping[str, Any]) -> str:
    """What the two numbers of a data set tell, each a value with its interval.

    "opposite sides": one interval lies wholly above 1/2, the other wholly below. "lean apart": one lies wholly on a
    side of 1/2, and the other number's value on the other side. Else "agree", so also where intervals are missing.
    """
    sides, values = [], []
    for name in ("mean_probability", "preference_rate"):
        value, low, high = line[name], line[f"{name}_low"], line[f"{name}_high"]
        known = low is not None and high is not None
        sides.append(int(known and low > 0.5) - int(known and high < 0.5))
        values.append(0 if value is None else int(value > 0.5) - int(value < 0.5))
    if sides[0] * sides[1] < 0:
        return "opposite sides"
    return "lean apart" if sides[0] * values[1] < 0 or sides[1] * values[0] < 0 else "agree"


def build(
    rows: Any = None, *, width: int = 360, labels: int = 8, theme: str | None = None, title: str | None = None
) -> Any:
    """The chart.

    Args:
        rows: mappings with `COLUMNS`, an Arrow table of them, or None for the data set named "rows".
        width: of the square, in pixels.
        labels: data sets whose numbers are on opposite sides are named beside their points, if they are so few.
        theme: see `palette.config`; by default "page" without rows, else "both".
        title: above the chart.
    """
    import altair as alt

    found = read_rows(rows, COLUMNS, "two_numbers")
    guides = constants(*(dict(zip(("x", "y", "x2", "y2"), ends, strict=True)) for ends in _GUIDES))
    layers = [
        guides.mark_rule(**RULE).encode(x="x:Q", y="y:Q", x2="x2", y2="y2"),
        _cross("mean_probability").encode(x="mean_probability_low:Q", x2="mean_probability_high", color=_color()),
        _cross("preference_rate").encode(y="preference_rate_low:Q", y2="preference_rate_high", color=_color()),
        _points(),
        _labels(labels),
    ]
    scale = alt.Scale(domain=[0, 1], nice=False)
    axis = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f")
    encoding = [
        alt.X("mean_probability:Q", title="mean probability (share)", scale=scale, axis=axis),
        alt.Y("preference_rate:Q", title="preference rate (share of questions)", scale=scale, axis=axis),
    ]
    both = ("mean_probability", "preference_rate")
    return chart_of(
        layers,
        found,
        encoding,
        description=_description(found),
        theme=theme,
        title=title,
        transform={f"{name}_said": said(name, f"{name}_low", f"{name}_high") for name in both},
        width=width,
        height=width,
    )


def _cross(name: str) -> Any:
    """One of the two lines of a cross, of the points that have this interval."""
    import altair as alt

    intervals = alt.Chart().transform_filter(f"isValid(datum.{name}_low) && isValid(datum.{name}_high)")
    return intervals.mark_rule(aria=False)


def _color() -> Any:
    import altair as alt

    scale = alt.Scale(domain=list(STORIES), range=[color for _, color in STORIES.values()])
    return alt.Color("story:N", title="the two numbers", scale=scale)


def _points() -> Any:
    import altair as alt

    spoken = (
        "datum.dataset + ', ' + datum.checkpoint + ': mean probability ' + datum.mean_probability_said + "
        "', preference rate ' + datum.preference_rate_said + ', ' + datum.story"
    )
    scale = alt.Scale(domain=list(STORIES), range=[shape for shape, _ in STORIES.values()])
    told = {
        "dataset:N": "data set",
        "checkpoint:N": "checkpoint",
        "template:N": "template",
        "mean_probability_said:N": "mean probability",
        "preference_rate_said:N": "preference rate",
        "n:Q": "questions",
        "story:N": "the two numbers",
    }
    return (
        alt.Chart()
        .transform_calculate(spoken=spoken)
        .mark_point(filled=True, size=50, opacity=1)
        .encode(
            color=_color(),
            shape=alt.Shape("story:N", title="the two numbers", scale=scale),
            description="spoken:N",
            tooltip=[alt.Tooltip(field, title=name) for field, name in told.items()],
        )
    )


def _labels(most: int) -> Any:
    """Names beside the points, on the side away from the diagonal, moved until none covers another.

    From the outermost point inward, with u its distance along that way, j its place in the order and h a line's height,
    a name is put at max over i ≤ j of (u_i - i h) + j h: at its point, or h beyond the name before.
    """
    import altair as alt

    order: dict[str, Any] = {"groupby": ["side"], "sort": [alt.SortField("u")]}
    # The room beside a point, of 1, where mostly no other points are; a name that finds too little is put inward.
    room = "(datum.side < 0 ? datum.mean_probability : 1 - datum.mean_probability)"
    low, high = (f"datum.mean_probability_{end}" for end in ("low", "high"))
    beside = f"datum.leftward ? {low} : {high}"
    return (
        alt.Chart()
        .transform_filter("datum.story == 'opposite sides'")
        .transform_joinaggregate(count="count()")
        .transform_filter(f"datum.count <= {most}")
        .transform_calculate(side="datum.mean_probability < 0.5 ? -1 : 1")
        .transform_calculate(u="datum.side * datum.preference_rate", leftward=f"(datum.side < 0) == ({room} > 0.25)")
        .transform_calculate(beside=f"isValid({low}) && isValid({high}) ? ({beside}) : datum.mean_probability")
        .transform_window(j="row_number()", **order)
        .transform_calculate(start=f"datum.u - datum.j * {_LABEL_HEIGHT} / height")
        .transform_window(reached="max(start)", frame=[None, 0], **order)
        .transform_calculate(at=f"datum.side * (datum.reached + datum.j * {_LABEL_HEIGHT} / height)")
        .mark_text(
            align={"expr": "datum.leftward ? 'right' : 'left'"},
            dx={"expr": "datum.leftward ? -6 : 6"},
            limit={"expr": f"{room} > 0.25 ? {room} * width - 20 : 150"},
            baseline="middle",
            aria=False,
        )
        .encode(x="beside:Q", y="at:Q", text="dataset:N")
    )


def _description(rows: list[dict[str, Any]] | None) -> str:
    text = "Mean probability against preference rate, one point a data set, with intervals, the diagonal and 1/2."
    if rows is None:
        return text
    counts = {name: sum(row["story"] == name for row in rows) for name in STORIES}
    return f"{text} {len(rows)} points: " + ", ".join(f"{n} {name}" for name, n in counts.items()) + "."
