"""Colours stand out on light and on dark, and differ to every eye."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from pyscore.report.charts.palette import CATEGORIES, DARK, LIGHT, RAMP, SHAPES, TEXT, config
from tests.report.colors import VISIONS, ciede2000, contrast, lab, luminance


@pytest.mark.parametrize(
    "one, other, expected",  # pairs 1, 4, 9 and 25 of Sharma, Wu & Dalal (2005), table 1
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
        ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ],
)
def test_the_measure_of_these_tests_is_the_published_one(
    one: tuple[float, ...], other: tuple[float, ...], expected: float
) -> None:
    assert ciede2000(np.array(one), np.array(other)) == pytest.approx(expected, abs=6e-5)


@pytest.mark.parametrize("background", [LIGHT, DARK])
@pytest.mark.parametrize("color", [*CATEGORIES, *RAMP])
def test_marks_stand_out_on_both_backgrounds(color: str, background: str) -> None:
    assert contrast(color, background) >= 3


@pytest.mark.parametrize("background", [LIGHT, DARK])
def test_text_of_charts_that_stand_alone_has_what_one_grey_can_have_on_both(background: str) -> None:
    assert contrast(TEXT["both"], background) > 4.1
    assert np.sqrt(contrast(LIGHT, DARK)) < 4.5  # which is the most that one grey has on both


def test_text_of_print_is_dark() -> None:
    assert contrast(TEXT["print"], LIGHT) > 12


@pytest.mark.parametrize("vision", VISIONS)
def test_categories_differ_to_every_eye(vision: str) -> None:
    assert len(CATEGORIES) >= 7
    distances = [ciede2000(lab(a, vision), lab(b, vision)) for a, b in combinations(CATEGORIES, 2)]
    assert min(distances) >= 13


@pytest.mark.parametrize("vision", VISIONS)
def test_neighbours_of_the_ramp_differ_to_every_eye(vision: str) -> None:
    assert min(ciede2000(lab(a, vision), lab(b, vision)) for a, b in pairwise(RAMP)) >= 10


def test_the_ramp_grows_lighter_and_from_blue_to_orange() -> None:
    assert all(luminance(a) < luminance(b) for a, b in pairwise(RAMP))
    assert lab(RAMP[0])[2] < -30 < 30 < lab(RAMP[-1])[2]


@pytest.mark.parametrize("n", [2, 3, 5, 8, 12, 20])
def test_what_vega_takes_between_the_colours_of_the_ramp_stands_out_as_well(n: int) -> None:
    import re

    import altair as alt
    import vl_convert

    rows = [{"x": i, "s": f"{i:02}"} for i in range(n)]
    chart = alt.Chart(alt.InlineData(values=rows)).mark_point(filled=True, opacity=1).encode(x="x:Q", color="s:O")
    svg = vl_convert.vegalite_to_svg({**chart.to_dict(), "config": config()})
    marks = svg.split("role-legend")[0]
    colors = [
        "#" + "".join(f"{int(v):02x}" for v in found) for found in re.findall(r"rgb\((\d+), (\d+), (\d+)\)", marks)
    ]
    assert len(set(colors)) == n
    assert all(contrast(color, background) >= 2.95 for color in colors for background in (LIGHT, DARK))


def test_there_is_a_shape_for_every_category() -> None:
    assert len(set(SHAPES)) >= len(CATEGORIES)


def test_another_theme_is_refused() -> None:
    with pytest.raises(ValueError, match="theme='dark' is not one of 'page', 'both', 'print'"):
        config("dark")
