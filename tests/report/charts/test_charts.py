"""Charts draw every row once, name what they draw, and hold whatever names data sets have."""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pyscore.report.charts import KINDS, build, page_specs
from pyscore.report.charts.palette import RAMP, ramp
from pyscore.report.charts.two_numbers import story
from tests.report.charts.rows import (
    HOSTILE,
    behaviour,
    fills,
    forest,
    log_odds,
    marks,
    of_names,
    reliability,
    svg,
    texts,
    two_numbers,
)

NAMES = [f"behaviour {i}" for i in range(150)]


def test_two_numbers_has_a_point_and_a_cross_for_every_data_set() -> None:
    drawn = svg(build("two_numbers", two_numbers(NAMES)))
    assert marks(drawn, "symbol") == [150]
    assert marks(drawn, "rule") == [3, 150, 150]  # the diagonal and both halves; lines of the crosses
    assert {"mean probability (share)", "preference rate (share of questions)"} <= set(texts(drawn))
    assert drawn.count('aria-label="behaviour 7, m, step 3: mean probability ') == 1


def test_a_forest_has_a_line_for_every_data_set_in_the_order_of_the_differences() -> None:
    rows = forest(NAMES)
    drawn = svg(build("forest", rows))
    assert marks(drawn, "symbol") == [150]
    assert marks(drawn, "rule") == [1, 150]
    ordered = [row["label"] for row in sorted(rows, key=lambda row: -row["difference"])]
    assert [text for text in texts(drawn) if text.startswith("behaviour")] == ordered


def test_behaviour_has_a_line_a_band_and_points_for_every_series() -> None:
    drawn = svg(build("behaviour", behaviour(("step 0", "step 10", "step 200")), x="size", y_title="rate (share)"))
    assert marks(drawn, "line") == marks(drawn, "area") == [1, 1, 1]
    assert marks(drawn, "symbol") == [9]
    shown = texts(drawn)
    assert {"10M", "100M", "1B", "size (parameters)", "rate (share)"} <= set(shown)
    assert [text for text in shown if text.startswith("step")] == ["step 0", "step 10", "step 200"]


def test_series_come_in_the_order_of_their_values_whatever_that_of_the_rows() -> None:
    rows = behaviour(("step 9", "step 80", "step 700"))
    drawn = svg(build("behaviour", rows[::-1]))
    assert [text for text in texts(drawn) if text.startswith("step ")] == ["step 9", "step 80", "step 700"]


def test_one_series_has_no_legend_and_several_panels_have_one() -> None:
    assert "role-legend" not in svg(build("behaviour", behaviour(("",))))
    drawn = svg(build("behaviour", behaviour(panels=("first", "second", "third")), columns=2))
    assert drawn.count('class="mark-group role-legend"') == 1
    assert {"first", "second", "third"} <= set(texts(drawn))
    assert marks(drawn, "symbol") == [6, 6, 6]


def test_the_line_of_behaviour_is_at_one_half_and_shares_have_the_same_axis() -> None:
    drawn = svg(build("behaviour", behaviour(), height=100))
    assert {"0.0", "1.0"} <= set(texts(drawn))
    assert marks(svg(build("behaviour", behaviour(), guide=None, share=False)), "rule") == []


def test_what_lies_beyond_the_shares_is_drawn_as_well() -> None:
    rows = [{**row, "value": row["value"] * 10, "low": None, "high": None} for row in behaviour()]
    assert {"4", "5"} <= set(texts(svg(build("behaviour", rows))))


@pytest.mark.parametrize(
    "xs, x, log, shown",
    [
        ((7e7, 1.6e8, 4.1e8, 1e9, 1.4e9, 6.9e9), "size", None, ["100M", "1B"]),
        ((2e9, 3e9), "size", None, ["2B", "3B"]),  # no power of ten lies between
        ((0, 1, 8, 64, 512, 1000, 143000), "step", True, ["0", "1", "10", "100", "1k", "10k", "100k"]),
        ((1, 512, 143000), "step", True, ["1", "10", "100", "1k", "10k", "100k"]),
        ((1000, 2000), "size", None, ["1k", "2k"]),
    ],
)
def test_a_logarithmic_axis_names_powers_of_ten(xs: Any, x: str, log: Any, shown: list[str]) -> None:
    drawn = svg(build("behaviour", behaviour(("",), xs=xs), x=x, log=log, width=400))
    assert [text for text in texts(drawn) if text[0].isdigit() and "." not in text] == shown


def test_reliability_has_a_point_with_an_interval_for_every_bin() -> None:
    drawn = svg(build("reliability", reliability(("m", "n"))))
    assert marks(drawn, "symbol") == [6]
    assert marks(drawn, "rule") == [1, 6]
    assert {"confidence (probability)", "matching (share of questions)", "questions", "m", "n"} <= set(texts(drawn))


def test_log_odds_has_a_bar_for_every_bin_with_questions() -> None:
    rows = log_odds()
    drawn = svg(build("log_odds", [*rows, {**rows[0], "low": 5, "high": 6, "count": 0}], note="a note"))
    assert marks(drawn, "rect") == [9]
    quarters = svg(build("log_odds", [{"low": -0.25, "high": 0.0, "count": 7, "series": "m"}]))
    assert '0.25 to 0.00: 7 questions"' in quarters
    assert marks(drawn, "rule") == [1]
    assert {"log odds of the matching answers (nats)", "questions", "a note"} <= set(texts(drawn))


@pytest.mark.parametrize("kind", ["behaviour", "reliability", "two_numbers"])
def test_labels_of_the_x_axis_stand_at_their_ticks_also_at_its_ends(kind: str) -> None:
    axis = svg(build(kind, of_names(kind, ["a"]))).split("X-axis titled")[1].split("role-axis-title")[0]
    labels = axis.split("role-axis-label")[1].split("</g>")[0]
    assert labels.count("<text") >= 2
    assert labels.count('text-anchor="middle"') == labels.count("<text")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_told_by_colour_alone(kind: str) -> None:
    spec = json.dumps(build(kind, of_names(kind, ["a", "b", "c"])).to_dict())
    assert '"shape": {' in spec or '"strokeDash": {"field"' in spec


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_text_whatever_they_hold(kind: str) -> None:
    names = [name for name in HOSTILE if name] if kind == "forest" else HOSTILE
    rows = of_names(kind, names)
    if kind == "two_numbers":  # names of data sets stand beside points on opposite sides
        rows = [{**row, "story": "opposite sides"} for row in rows]
    drawn = svg(build(kind, rows, width=500, **({"ordered": False} if kind == "behaviour" else {})))
    shown = texts(drawn)
    assert "<script" not in drawn
    assert any(text.startswith("<script>alert(1)</scrip") for text in shown)
    assert "\"double\" & 'single' quotes" in shown
    assert {"datum.value", "a.b[0]", "数据集 ✓ é"} <= set(shown)
    assert not any("x" * 100 in text for text in shown)  # cut, so that the chart has room
    assert any(text.startswith("xxxx") for text in shown)


@pytest.mark.parametrize("kind", KINDS)
def test_without_rows_there_is_an_empty_chart(kind: str) -> None:
    drawn = svg(build(kind, []))
    assert [n for mark in ("symbol", "line", "area", "rect") for n in marks(drawn, mark) if n] == []
    assert drawn.count("role-axis-title") == (1 if kind == "forest" else 2)


@pytest.mark.parametrize("missing", [None, nan, inf, np.float64("nan")])
def test_without_an_interval_there_is_a_point_alone(missing: Any) -> None:
    rows = two_numbers(["a", "b"])
    rows[0] |= {"preference_rate_low": missing, "preference_rate_high": missing}
    drawn = svg(build("two_numbers", rows))
    assert (marks(drawn, "symbol"), marks(drawn, "rule")) == ([2], [3, 2, 1])
    assert "none" not in drawn.split('aria-label="a, m')[1].split('"')[0]
    found = forest(["a", "b"])
    found[0] |= {"low": missing, "high": missing, "adjusted_p": missing, "verdict": "no verdict"}
    drawn = svg(build("forest", found))
    assert (marks(drawn, "symbol"), marks(drawn, "rule")) == ([2], [1, 1])
    bins = reliability()
    bins[0] |= {"rate_low": missing, "rate_high": missing}
    assert marks(svg(build("reliability", bins)), "rule") == [1, 2]


def test_a_checkpoint_without_a_value_leaves_a_gap() -> None:
    rows = behaviour(("",), xs=(1, 2, 3, 4, 5))
    rows[2] |= {"value": None, "low": None, "high": None}
    drawn = svg(build("behaviour", rows))
    assert marks(drawn, "symbol") == [4]
    line = drawn.split("mark-line")[1].split(' d="')[1].split('"')[0]
    assert line.count("M") == 2


def test_names_on_opposite_sides_stand_beside_their_points_and_do_not_cover_each_other() -> None:
    import re

    base = {"template": "", "checkpoint": "m", "n": 9}
    rows = []
    for i in range(8):
        row: dict[str, Any] = {**base, "dataset": f"near {i}"}
        for metric, value in (("mean_probability", 0.3), ("preference_rate", 0.8 + i / 1000)):
            row |= {metric: value, f"{metric}_low": value - 0.01, f"{metric}_high": value + 0.01}
        rows.append({**row, "story": story(row)})
    drawn = svg(build("two_numbers", rows))
    heights = sorted(
        float(y) for y in re.findall(r'<text [^>]*transform="translate\([\d.]+,([\d.]+)\)[^>]*>near \d</text>', drawn)
    )
    assert len(heights) == 8
    assert min(np.diff(heights)) >= 12
    assert "near 3" not in texts(svg(build("two_numbers", rows, labels=7)))


@pytest.mark.parametrize(
    "mean, rate, expected",
    [
        ((0.6, 0.55, 0.65), (0.4, 0.3, 0.45), "opposite sides"),
        ((0.4, 0.35, 0.45), (0.9, 0.8, 0.95), "opposite sides"),
        ((0.6, 0.55, 0.65), (0.4, 0.3, 0.5), "lean apart"),
        ((0.6, 0.45, 0.65), (0.4, 0.3, 0.45), "lean apart"),
        ((0.6, 0.45, 0.65), (0.4, 0.3, 0.55), "agree"),
        ((0.6, 0.55, 0.65), (0.5, 0.3, 0.6), "agree"),
        ((0.6, None, None), (0.4, 0.3, 0.45), "lean apart"),
        ((0.6, None, None), (0.4, None, None), "agree"),
        ((None, None, None), (0.4, 0.3, 0.45), "agree"),
    ],
)
def test_which_numbers_tell_different_stories(mean: Any, rate: Any, expected: str) -> None:
    line: dict[str, Any] = {}
    for name, (value, low, high) in (("mean_probability", mean), ("preference_rate", rate)):
        line |= {name: value, f"{name}_low": low, f"{name}_high": high}
    assert story(line) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_charts_are_transparent_described_and_need_nothing_from_elsewhere(kind: str) -> None:
    spec = build(kind, of_names(kind, ["a", "b"])).to_dict()
    assert spec["config"]["background"] == "transparent"
    assert len(spec["description"]) > 40
    told = json.dumps({key: value for key, value in spec.items() if key not in ("$schema", "datasets")})
    assert "http" not in told and '"url"' not in told and "image" not in told
    assert "white" not in fills(svg(spec))


@pytest.mark.parametrize("kind", KINDS)
def test_the_specification_for_a_page_is_small_and_draws_what_it_is_given(kind: str) -> None:
    spec = page_specs()[kind]
    assert spec["data"] == {"name": "rows"}
    assert len(json.dumps(spec)) < 7_000
    for names in ([], ["a"], ["", "a"], ["a", "b", "c"]):
        assert "currentColor" in svg({**spec, "data": {"values": of_names(kind, names)}})


def test_a_legend_is_no_wider_than_the_chart() -> None:
    import re

    for kind in ("behaviour", "reliability", "log_odds"):
        options = {"ordered": False} if kind == "behaviour" else {}
        short, long = (
            float(re.findall(r'viewBox="0 0 ([\d.]+)', svg(build(kind, of_names(kind, names), **options)))[0])
            for names in (["a", "b", "c"], ["w" * 90, "x" * 90, "y" * 90])
        )
        assert long <= short + 10


def test_rows_may_be_an_arrow_table() -> None:
    rows = forest(["a", "b"])
    assert build("forest", pa.Table.from_pylist(rows)).to_dict() == build("forest", rows).to_dict()


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="kind='pie' is not one of two_numbers, behaviour"):
        build("pie")
    with pytest.raises(ValueError, match="row 1 has no 'adjusted_p'; forest draws the columns label, difference"):
        build("forest", [*forest(["a"]), {"label": "b", "difference": 1.0, "low": 0.5, "high": 2.0}])
    with pytest.raises(ValueError, match="theme='dark'"):
        build("log_odds", theme="dark")
    with pytest.raises(ValueError, match="x='time' is not one of 'step', 'size'"):
        build("behaviour", x="time")


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_few_ordered_series_have_the_ends_of_the_ramp(n: int) -> None:
    rows = [
        {"panel": "p", "series": f"step {i}", "series_value": i, "x": x, "value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
        | {"checkpoint": f"m, step {i}"}
        for i in range(n)
        for x in (1e7, 1e8)
    ]
    drawn = svg(build("behaviour", rows, x="size"))
    assert RAMP[0] in drawn and RAMP[-1] in drawn
    assert len(set(ramp(n)["ordinal"])) == n
