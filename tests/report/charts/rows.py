"""Rows to draw, of every kind, and what a chart of them becomes."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np

from pyscore.report.charts.two_numbers import story

HOSTILE = (
    "<script>alert(1)</script>",
    "\"double\" & 'single' quotes",
    "two\nlines",
    "数据集 ✓ é",
    "x" * 200,
    "",
    "datum.value",
    "a.b[0]",
)


def two_numbers(names: Any, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows = []
    for name in names:
        values = {"mean_probability": rng.uniform(0.3, 0.7), "preference_rate": rng.uniform(0.05, 0.95)}
        row: dict[str, Any] = {"dataset": name, "template": "plain", "checkpoint": "m, step 3", "n": 100}
        for metric, value in values.items():
            row |= {metric: value, f"{metric}_low": value - 0.03, f"{metric}_high": value + 0.03}
        rows.append({**row, "story": story(row)})
    return rows


def behaviour(
    series: Any = ("step 0", "step 9"), panels: Any = ("p",), xs: Any = (1e7, 1e8, 1e9)
) -> list[dict[str, Any]]:
    rows = []
    for panel in panels:
        for k, name in enumerate(series):
            for i, x in enumerate(xs):
                value = 0.3 + 0.1 * i + 0.05 * k
                ends = {"low": value - 0.1, "high": value + 0.1, "n": 9, "checkpoint": f"m {x:g}"}
                rows.append({"panel": panel, "series": name, "series_value": k, "x": x, "value": value, **ends})
    return rows


def forest(labels: Any) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    verdicts = ("higher", "lower", "not shown", "no verdict")
    rows = []
    for i, label in enumerate(labels):
        d = float(rng.normal(0, 0.1))
        told = {"adjusted_p": 0.02, "verdict": verdicts[i % 4], "n": 50}
        rows.append({"label": label, "difference": d, "low": d - 0.05, "high": d + 0.05, **told})
    return rows


def reliability(series: Any = ("m",)) -> list[dict[str, Any]]:
    return [
        {"confidence": c, "rate": c - 0.1, "rate_low": c - 0.2, "rate_high": min(1.0, c), "n": 30, "series": name}
        for name in series
        for c in (0.55, 0.7, 0.9)
    ]


def log_odds(series: Any = ("m",)) -> list[dict[str, Any]]:
    return [{"low": i, "high": i + 1, "count": 5 - abs(i), "series": name} for name in series for i in range(-4, 5)]


def of_names(kind: str, names: Any) -> list[dict[str, Any]]:
    """Rows of a kind in which all of these names stand."""
    if kind == "behaviour":
        return behaviour(names)
    found: list[dict[str, Any]] = globals()[kind](names)
    return found


def svg(chart: Any) -> str:
    """The chart as a page draws it, well-formed."""
    import vl_convert

    spec = chart if isinstance(chart, dict) else chart.to_dict()
    text: str = vl_convert.vegalite_to_svg(spec)
    ElementTree.fromstring(text)
    return text


def marks(text: str, kind: str) -> list[int]:
    """How many items each group of marks of this kind has, in the order in which they are drawn; legends left out."""
    root = ElementTree.fromstring(text)
    found = []
    for each in root.iter():
        classes = each.get("class", "").split()
        if f"mark-{kind}" in classes and "role-mark" in classes:
            found.append(len(list(each)))
    return found


def texts(text: str) -> list[str]:
    """Every text of the picture."""
    root = ElementTree.fromstring(text)
    return ["".join(each.itertext()) for each in root.iter() if each.tag.endswith("}text")]


def fills(text: str) -> set[str]:
    return set(re.findall(r'fill="([^"]+)"', text))


__all__ = [
    *("HOSTILE", "behaviour", "fills", "forest", "log_odds", "marks", "of_names", "reliability", "svg"),
    *("texts", "two_numbers"),
]
