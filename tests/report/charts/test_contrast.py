"""Marks as they are drawn, with their opacity, have 3 to 1 with a page's background by day and by night."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import pyscore.report
from pyscore.report.charts import KINDS, build
from pyscore.report.charts.palette import DARK, LIGHT
from tests.report.charts.rows import of_names, svg
from tests.report.colors import contrast

MARKS = ("mark-symbol", "mark-line", "mark-rule", "mark-rect")


def hexed(color: str) -> str | None:
    """ "#rrggbb" of a colour of an SVG; None for none."""
    channels = re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", color)
    if channels:
        return "#" + "".join(f"{int(value):02x}" for value in channels.groups())
    return color if re.fullmatch("#[0-9a-f]{6}", color) else None


def over(color: str, opacity: float, background: str) -> str:
    """What is seen of a colour that lets some of the background through."""
    mixed = (opacity * int(color[i : i + 2], 16) + (1 - opacity) * int(background[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(value):02x}" for value in mixed)


def drawn(text: str) -> list[tuple[str, list[tuple[str, float]]]]:
    """Each mark's kind, and the colours and opacities of its fill and its stroke."""
    found = []
    for group in ElementTree.fromstring(text).iter():
        classes = group.get("class", "").split()
        kind = next((name for name in MARKS if name in classes and "role-mark" in classes), None)
        for mark in group if kind else ():
            seen: list[tuple[str, float]] = []
            for part in ("fill", "stroke"):
                color = hexed(mark.get(part, "none"))
                opacity = float(mark.get("opacity", 1)) * float(mark.get(f"{part}-opacity", 1))
                if color and opacity:
                    seen.append((color, opacity))
            if seen:
                found.append((str(kind), seen))
    return found


@pytest.mark.parametrize("background", [LIGHT, DARK])
@pytest.mark.parametrize("kind", KINDS)
def test_every_mark_stands_out_as_it_is_drawn(kind: str, background: str) -> None:
    found = drawn(svg(build(kind, of_names(kind, ["a", "b", "c"]))))
    assert len(found) > 6
    faint = [
        (name, seen)
        for name, seen in found
        if max(contrast(over(color, opacity, background), background) for color, opacity in seen) < 3
    ]
    assert faint == []


def test_the_backgrounds_are_those_of_a_page() -> None:
    style = (Path(pyscore.report.__file__).parent / "page" / "style.css").read_text()
    assert set(re.findall(r"--paper: (#[0-9a-f]{6});", style)) == {LIGHT, DARK}


@pytest.mark.parametrize("color, opacity, expected", [("#000000", 0.5, "#808080"), ("#2b59eb", 1, "#2b59eb")])
def test_a_colour_is_mixed_with_what_lies_behind(color: str, opacity: Any, expected: str) -> None:
    assert over(color, opacity, "#ffffff") == expected
