"""In a page that forbids eval, styles and the network every chart is drawn, with text in the page's colour."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pyscore.report.charts import KINDS, page_specs
from tests.report.browser import opened, watched
from tests.report.charts.rows import HOSTILE, of_names

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_DRAW = """
"use strict";
(async () => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const options = {ast: true, actions: false, defaultStyle: false, renderer: "svg",
                   tooltip: {disableDefaultStyle: true}};
  for (const [kind, spec] of Object.entries(specs)) {
    const element = document.createElement("div");
    element.id = kind;
    document.body.append(element);
    await vegaEmbed(element, spec, options);
  }
  document.body.dataset.drawn = "all";
})().catch((error) => { document.body.dataset.drawn = String(error); });
"""


def source_of(script: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, list[str]]]:
    """The page with all charts, and what it did that it must not do."""
    import vl_convert

    bundle = vl_convert.javascript_bundle(None).replace("</script", "<\\/script")
    specs = {kind: {**spec, "data": {"values": of_names(kind, HOSTILE)}} for kind, spec in page_specs().items()}
    policy = f"default-src 'none'; script-src {source_of(bundle)} {source_of(_DRAW)}; img-src data: blob:"
    data = json.dumps(specs).replace("<", "\\u003c")
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<title>charts</title><body><script type="text/plain" id="specs">{data}</script>'
        f"<script>{bundle}</script><script>{_DRAW}</script>"
    )
    with watched(browser, path) as (context, faults):
        tab = opened(context, path)
        tab.wait_for_selector("body[data-drawn]")
        yield tab, faults.told


def test_nothing_is_refused_and_nothing_is_fetched(page: tuple[Any, list[str]]) -> None:
    tab, said = page
    assert tab.evaluate("document.body.dataset.drawn") == "all"
    assert said == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_is_an_image_with_a_description(page: tuple[Any, list[str]], kind: str) -> None:
    description = page_specs()[kind]["description"]
    assert page[0].locator(f"#{kind}").get_attribute("aria-label") == description
    assert page[0].locator(f"#{kind} svg .mark-symbol.role-mark path, #{kind} svg .mark-rect path").count() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_texts_have_the_colour_of_the_page(page: tuple[Any, list[str]], kind: str) -> None:
    page[0].evaluate("document.body.style.color = 'rgb(1, 2, 3)'")
    found = page[0].evaluate(
        f"[...document.querySelectorAll('#{kind} svg text')].map((text) => getComputedStyle(text).fill)"
    )
    assert len(found) > 4
    assert set(found) <= {"rgb(1, 2, 3)", "rgba(1, 2, 3, 0)"}
