"""Colours that every reader can tell apart, on white and on a dark page.

A page's background may be `LIGHT` or `DARK`, and a chart is drawn once for both. Every colour of marks has a contrast
of 3 to 1 or more with either (WCAG 2.2, criterion 1.4.11), so its relative luminance lies between 0.124 and 0.30. In so
narrow a band the colours of Okabe & Ito (2008, "Color Universal Design") are too light or too near each other: these
keep their order of hues, and are moved to where any two differ by 13 or more in CIEDE2000, to a normal eye and under
protanopia, deuteranopia and tritanopia as simulated by Machado, Oliveira & Fernandes (2009, "A Physiologically-based
Model for Simulation of Color Vision Deficiency").
"""

from __future__ import annotations

from typing import Any

from pyscore.ops.checks import check_choice

__all__ = ["BLUE", "BROWN", "CATEGORIES", "DARK", "GREY", "LIGHT", "RAMP", "TEXT", "config", "ramp"]

LIGHT, DARK = "#ffffff", "#15171a"
"""The backgrounds that colours are chosen for: those of a report's page."""

BLUE, BROWN, GREEN, PINK, OLIVE, SKY, GREY = CATEGORIES = (
    *("#2b59eb", "#a55212", "#008457", "#bf8086"),
    *("#9c960a", "#3296f8", "#63656c"),
)
"""Of things without an order."""

RAMP = ("#6740fc", "#516a9d", "#6c6c7b", "#7a6d68", "#946a4b", "#b95b16", "#dd7a10")
"""Of steps and sizes, from the first to the last: blue to orange, ever lighter. Neighbours differ by 10 or more in
CIEDE2000, to the same eyes. Of more than seven, Vega takes colours in between."""


def ramp(n: int) -> dict[str, Any]:
    """``config.range`` of n ordered series: few have the ends of `RAMP`, where Vega takes three from its middle."""
    few = 2 <= n <= len(RAMP)
    return {"ordinal": [RAMP[round(i * (len(RAMP) - 1) / (n - 1))] for i in range(n)]} if few else {}


SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
"""Told apart without any colour; used beside it."""

_MIDDLE = "#7a7a7a"  # 4.3 to 1 with both backgrounds; no grey has 4.5 to 1 with both
TEXT = {"page": "currentColor", "both": _MIDDLE, "print": "#26282c"}
"""The colour of texts by theme."""


def config(theme: str = "both") -> dict[str, Any]:
    """What charts have in common, as Vega-Lite's ``config``.

    Args:
        theme: "page": text has the colour of the text around the chart, for SVG within a page. "both": a grey that can
            be read on light and on dark, for charts that stand alone. "print": for white paper.

    Raises:
        ValueError: another theme.
    """
    check_choice(theme, "theme", tuple(TEXT))
    text = TEXT[theme]
    return {
        "background": "transparent",
        "font": "sans-serif",
        "view": {"stroke": None},
        "axis": {
            **{"labelColor": text, "titleColor": text, "domainColor": _MIDDLE, "tickColor": _MIDDLE},
            **{"gridColor": _MIDDLE, "gridOpacity": 0.25, "titleFontWeight": "normal", "tickSize": 4},
            # A label stands at its tick, also at the ends of an axis.
            "labelFlush": False,
        },
        "legend": {
            **{"labelColor": text, "titleColor": text, "titleFontWeight": "normal", "orient": "bottom"},
            **{"direction": "horizontal", "labelLimit": 200, "symbolStrokeWidth": 1.5, "offset": 8},
        },
        "title": {"color": text, "subtitleColor": text, "fontSize": 12, "anchor": "start", "frame": "group"},
        "header": {"labelColor": text, "titleColor": text, "labelFontWeight": "bold", "labelFontSize": 12},
        "text": {"color": text},
        "range": {"category": list(CATEGORIES), "ordinal": {"scheme": list(RAMP)}, "symbol": list(SHAPES)},
    }
