"""Pictures of a report for the documentation: `python -m tools.report_pictures report.html docs/images`.

Each section is a PNG named after it, as a desktop shows it by day. `--judge` adds the same on a phone and by night, and
the whole page, to be looked at and not to be kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.report.browser import browser_path, launched, opened, watched
from tests.report.pages import settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["main", "pictures"]

SECTIONS = ("overview", "two-numbers", "behaviour", "comparison", "calibration", "dataset")
MARGIN = 24
"""Pixels on both sides of a section."""
TALLEST = 900
"""Pixels: a section is shown from its top, as much of it as fits a window."""


class Look(NamedTuple):
    """How a page is looked at.

    Attributes:
        suffix: of the names of its pictures.
        options: of the browser's context.
    """

    suffix: str
    options: dict[str, Any]


DESKTOP = Look("", {"viewport": {"width": 1120, "height": 800}, "color_scheme": "light"})
OTHERS = (
    Look("-dark", {**DESKTOP.options, "color_scheme": "dark"}),
    Look("-phone", {"viewport": {"width": 360, "height": 740}, "color_scheme": "light", "device_scale_factor": 2}),
)


def pictures(report: Path, folder: Path, *, judge: bool = False) -> Iterator[Path]:
    """Make the pictures of a report, and tell of each once it is there.

    Args:
        report: the page.
        folder: for the pictures; made if it is missing.
        judge: also by night and on a phone, and of the whole page.

    Raises:
        RuntimeError: there is no browser, or the page reported an error.
    """
    chosen = browser_path()
    if chosen is None:
        raise RuntimeError("no Chromium found: `make browser` installs one, or says how")
    folder.mkdir(parents=True, exist_ok=True)
    with launched(chosen) as browser:
        for look in (DESKTOP, *OTHERS) if judge else (DESKTOP,):
            yield from _taken(browser, report, folder, look, judge)


def _taken(browser: Browser, report: Path, folder: Path, look: Look, judge: bool) -> Iterator[Path]:
    with watched(browser, report, reduced_motion="reduce", **look.options) as (context, faults):
        page = opened(context, report)
        page.wait_for_selector("body[data-ready]")
        _prepare(page)
        for name in SECTIONS:
            path = folder / f"report-{name}{look.suffix}.png"
            box = page.locator(f"#{name}").bounding_box()
            page.screenshot(path=path, full_page=True, clip=_around({**box}))
            yield path
        if judge:
            path = folder / f"report{look.suffix}.png"
            page.screenshot(path=path, full_page=True)
            yield path
    if faults.told:
        raise RuntimeError(f"{report} reported {faults.told[0]}: its pictures may show half of it")


def _around(box: Mapping[str, Any]) -> Any:
    """The part of a page that shows what is in a box, with some of what is beside it."""
    left = max(0, box["x"] - MARGIN)
    return {
        "x": left,
        "y": box["y"],
        "width": box["width"] + 2 * (box["x"] - left),
        "height": min(box["height"], TALLEST),
    }


def _prepare(page: Page) -> None:
    """Draw all sections and open the first data set; what sticks to the window's edge would hide parts of sections."""
    settle(page)
    page.locator("#dataset select").first.select_option(index=1)
    page.wait_for_selector("#dataset .question, #dataset .note")
    for panel in page.locator(".panel").all():  # charts are drawn once they come near the window
        panel.scroll_into_view_if_needed()
        panel.locator("figure[data-drawn]").wait_for()
    settle(page)
    page.evaluate("document.querySelector('nav.sections').style.position = 'static'")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


def main() -> None:
    """Make pictures and name them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="the page")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/images"))
    parser.add_argument("--judge", action="store_true", help="also by night, on a phone, and the whole page")
    options = parser.parse_args()
    for path in pictures(options.report, options.folder, judge=options.judge):
        print(f"{path}  {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
