"""One HTML file of everything: template, style, scripts and data, under a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pyscore.report.blocks import as_block, packed

__all__ = ["SCRIPTS", "STYLES", "render_page"]

_FOLDER = Path(__file__).parent / "page"

SCRIPTS = (
    "data.js",
    "format.js",
    "elements.js",
    "table.js",
    "charts.js",
    "cite.js",
    "markers.js",
    "columns.js",
    "headline.js",
    "overview.js",
    "two_numbers.js",
    "behaviour.js",
    "compare.js",
    "warnings.js",
    "calibration.js",
    "questions.js",
    "dataset.js",
    "provenance.js",
    "main.js",
)
"""The scripts of a page, in the order in which they stand in it."""

STYLES = ("style.css", "sections.css")
"""The styles of a page: of what all parts share and the overview, then of the other sections."""


def render_page(blocks: Mapping[str, Any], title: str) -> str:
    """The page.

    Args:
        blocks: what each block of data holds, by its id; what JSON can hold.
        title: of the page.
    """
    import jinja2

    script, vega = _script(), _vega()
    style = "".join((_FOLDER / name).read_text("utf-8") for name in STYLES)
    policy = "; ".join(
        [
            "default-src 'none'",
            "script-src " + f"{_hash(script)} {_hash(vega)}",
            "style-src " + _hash(style),
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string((_FOLDER / "template.html").read_text("utf-8"))
    return template.render(
        policy=policy,
        title=title,
        style=style,
        script=script,
        blocks={name: as_block(value) for name, value in blocks.items()} | {"vega": packed(vega)},
        numbers=blocks["numbers"],
    )


_SNIPPET = "window.vegaEmbed = vegaEmbed;"


@cache
def _vega() -> str:
    """The scripts of Vega, Vega-Lite and Vega-Embed, for the version of Vega-Lite that Altair writes.

    The page unpacks and runs them when it draws its first chart: packed they are half as long, and a reader sees the
    numbers before.
    """
    import altair
    import vl_convert

    version = ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    script: str = vl_convert.javascript_bundle(_SNIPPET, vl_version=version)
    return script


@cache
def _script() -> str:
    parts = [f"// {name}\n{(_FOLDER / name).read_text('utf-8')}" for name in SCRIPTS]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "\n})();\n"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
