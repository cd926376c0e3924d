"""A report for everybody: by keyboard, for a screen reader, on a phone, on paper, in the dark, and without scripts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.browser import DESKTOP, opened, watched
from tests.report.example import HOSTILE, example_blocks
from tests.report.pages import Example, settle

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.report.conftest import OpenPage

PHONE: Any = {"width": 360, "height": 740}
_SHORTEN = """() => {  // of lines, panels and warnings that are alike, the first two: axe takes 3 ms an element
    const alike = "tbody, .panels, .warning-list, .stories";
    for (const each of document.querySelectorAll(alike)) [...each.children].slice(2).forEach((child) => child.remove());
}"""

_REACHABLE = """() => {
    const kinds = "a[href], button, input, select, summary, textarea, [tabindex]";
    return [...document.querySelectorAll(kinds)]
        .filter((each) => each.tabIndex >= 0 && !each.disabled && each.checkVisibility())
        .map((each, i) => { each.dataset.stop = i; return i; });
}"""
_AT = """() => {
    const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
    return {stop: Number(at.dataset.stop ?? -1), name: at.outerHTML.slice(0, 120),
            outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
            seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight};
}"""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """A small page, for what is alike on large ones."""
    return Example.write(tmp_path_factory.mktemp("example"), example_blocks(2, 2, 1, 2))


def test_tab_reaches_everything_in_order_and_is_seen(page: Page) -> None:
    settle(page)
    stops = page.evaluate(_REACHABLE)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0); getSelection().removeAllRanges()")
    page.locator("body").click(position={"x": 1, "y": 1})
    found = []
    for _ in stops:
        page.keyboard.press("Tab")
        found.append(page.evaluate(_AT))
    assert [each["stop"] for each in found] == stops
    assert [each["name"] for each in found if not each["outline"]] == []
    assert [each["name"] for each in found if not each["seen"]] == []


def test_the_first_stop_skips_to_the_numbers(page: Page) -> None:
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the numbers")
    assert skip.evaluate("(link) => link === document.activeElement && link.getBoundingClientRect().top >= 0")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_markup_in_names_is_text(page: Page) -> None:
    settle(page)
    assert page.title() == f"example {HOSTILE}"
    assert page.get_by_role("heading", level=1).inner_text() == f"example {HOSTILE}"
    page.get_by_role("table", name="Every number of the study").get_by_role("link", name=HOSTILE).first.click()
    page.get_by_role("heading", name=HOSTILE).last.wait_for()
    assert page.evaluate("window.pwned") is None
    assert page.locator("img, iframe, object").count() == 0


def test_without_scripts_the_averages_are_there(open_page: OpenPage, example: Example) -> None:
    page = open_page(example.path, java_script_enabled=False)
    assert "Scripts are switched off" in page.locator("noscript").inner_text()
    lines = shown_lines_without_scripts(page)
    pooled = [i for i, scope in enumerate(example.numbers["cells"]["scope"]) if scope == "pooled"]
    assert len(lines) == len(pooled)
    for line, cell in zip(lines, pooled, strict=True):
        assert tuple(line[:2]) == example.names_of(cell)[:2]
        said = [float(x) for text in line[3:5] for x in re.findall(r"[\d.]+", text)]
        exact = [
            example.column(m, part)[cell] for m in example.numbers["headlines"] for part in ("value", "low", "high")
        ]
        assert said == pytest.approx(exact, abs=0.0005001)


def shown_lines_without_scripts(page: Page) -> list[list[str]]:
    rows = page.get_by_role("table", name="The two headline numbers").locator("tbody tr").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


def test_a_phone_scrolls_down_and_never_sideways(open_page: OpenPage, example: Example) -> None:
    page = open_page(example.path, viewport=PHONE)
    settle(page)
    page.get_by_role("button", name="Cite").first.click()
    wide = page.evaluate("""() => [document.documentElement, ...document.querySelectorAll("dialog")]
        .map((each) => [each.tagName, each.scrollWidth - each.clientWidth])""")
    assert [each for each in wide if each[1] > 0] == []
    box = page.get_by_role("dialog").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]


def test_on_paper_there_are_numbers_and_nothing_to_press(page: Page) -> None:
    settle(page)
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation", name="Sections").is_visible()
    assert [
        each.inner_text() for each in page.get_by_role("button").all() if each.inner_text() in ("Cite", "Copy", "Next")
    ] == []
    assert page.get_by_role("table", name="The two headline numbers").is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_a_browser_that_cannot_unpack_says_so_and_keeps_the_averages(browser: Any, example: Example) -> None:
    with watched(browser, example.path) as (context, faults):
        context.add_init_script("delete window.DecompressionStream")
        page = opened(context, example.path)
        assert "DecompressionStream" in page.get_by_role("alert").inner_text()
        assert len(shown_lines_without_scripts(page)) == example.numbers["cells"]["scope"].count("pooled")
    assert faults.told == []


def test_axe_finds_nothing_serious_on_a_desktop_or_a_phone_by_day_or_by_night(page: Page) -> None:
    settle(page)
    page.get_by_role("region", name="Data sets").get_by_role("combobox", name="Data set").select_option(index=2)
    page.locator("details.question").first.wait_for()
    page.evaluate("document.querySelectorAll('.question-list > *').forEach((each, i) => { if (i > 2) each.remove(); })")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.get_by_role("table", name="What each checkpoint makes of").first.wait_for()
    page.get_by_role("button", name="warning", expanded=False).first.click()
    settle(page)
    page.evaluate(_SHORTEN)
    press = page.get_by_role("button", name="Cite").first
    for context in (None, "dialog"):
        if context:
            press.click()
        page.set_viewport_size(DESKTOP)
        page.emulate_media(color_scheme="light")
        assert serious(page, context) == []
        page.emulate_media(color_scheme="dark")
        assert serious(page, context, ["color-contrast"]) == []  # nothing else depends on the light
        page.set_viewport_size(PHONE)
        assert serious(page, context) == []


def serious(page: Page, context: str | None = None, rules: list[str] | None = None) -> list[str]:
    """What axe calls serious or critical, with the first place of each."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    found = Axe().run(page, context, options).response["violations"]
    return [
        f"{each['id']}: {each['help']}; {len(each['nodes'])} like {each['nodes'][0]['html'][:200]}, "
        f"{each['nodes'][0]['failureSummary'][:300]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
