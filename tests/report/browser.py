"""A page in a browser: a headless Chromium of the system's, and all that a page does there which it should not.

Playwright's loop runs in the thread that started it until it is stopped, and `asyncio.run` fails there meanwhile: a
browser lives as long as the tests of one file, so that those of other files have the thread to themselves.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

__all__ = ["DESKTOP", "NAMES", "Faults", "Tab", "browser_path", "launched", "needed_browser", "opened", "watched"]

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
"""What Chromium is called, in the order in which it is looked for; the Makefile looks for the same."""
DESKTOP: Any = {"width": 1280, "height": 800}
_MISSING = "no Chromium found: `make browser` installs one, or says how; or set PYSCORE_BROWSER to the path of one"
_TELL = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`the policy forbids ${event.violatedDirective} of ${event.blockedURI}`));"""


def browser_path() -> str | None:
    """Where the browser lies: PYSCORE_BROWSER, if that is set, or the first of `NAMES` on the path.

    Raises:
        ValueError: if PYSCORE_BROWSER names no file.
    """
    chosen = os.environ.get("PYSCORE_BROWSER")
    if chosen and not Path(chosen).is_file():
        raise ValueError(f"PYSCORE_BROWSER is {chosen!r}, where no file is: set it to the path of a Chromium")
    return chosen or next(filter(None, map(shutil.which, NAMES)), None)


def needed_browser() -> str:
    """Where the browser lies; a test skips where there is none, or fails if PYSCORE_NEEDS_BROWSER is 1."""
    path = browser_path()
    if path is None:
        (pytest.fail if os.environ.get("PYSCORE_NEEDS_BROWSER") == "1" else pytest.skip)(_MISSING)
    return path


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """A browser without a window, closed in the end."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # which Chromium refuses to start with as root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Faults:
    """What pages did that a page of a report must not do."""

    file: str
    told: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Note errors, and requests for more than the file itself, which fail."""
        context.add_init_script(_TELL)
        context.on("console", lambda message: self._note(_is_fault(message), message.text))
        context.on("weberror", lambda error: self._note(True, f"uncaught: {error.error}"))
        context.on("request", lambda request: self._note(not self._is_own(request.url), f"asked for {request.url}"))
        context.on("page", lambda page: page.on("websocket", lambda socket: self._note(True, f"opened {socket.url}")))
        context.route(re.compile("^(?!file:|data:|blob:)"), lambda route: route.abort())

    def _note(self, is_fault: bool, text: str) -> None:
        if is_fault:
            self.told.append(text)

    def _is_own(self, url: str) -> bool:
        return url.split("#")[0] == self.file or url.startswith(("about:", "data:", "blob:"))


def _is_fault(message: ConsoleMessage) -> bool:
    """Vega-Lite's own warnings are none: it tells of what charts mean to do, and can't be silenced."""
    is_of_vega = message.type == "warning" and message.text.startswith("WARN ")
    return message.type in ("error", "warning") and not is_of_vega


@contextmanager
def watched(browser: Browser, file: Path, **options: Any) -> Iterator[tuple[BrowserContext, Faults]]:
    """A context for pages of this file: nothing is remembered from before, and what goes wrong is noted.

    Args:
        browser: to open it in.
        file: the only one that pages may ask for.
        options: of `Browser.new_context`.
    """
    context = browser.new_context(**options)
    try:
        faults = Faults(file.resolve().as_uri())
        faults.watch(context)
        context.set_default_timeout(20_000)  # a machine may be busy; what never comes costs a failing test that long
        yield context, faults
    finally:
        context.close()


class Tab:
    """A page that tests share: it is loaded anew for each, which takes half as long as a context of its own.

    Args:
        context: of pages of this file.
        faults: what they do there.
        file: the page.
    """

    def __init__(self, context: BrowserContext, faults: Faults, file: Path) -> None:
        self._faults, self._file, self._page = faults, file, context.new_page()

    def fresh(self) -> Page:
        """The page as it is when it has been opened."""
        self._faults.told.clear()
        page = self._page
        page.set_viewport_size(DESKTOP)
        page.emulate_media(media="screen", color_scheme="light", reduced_motion="reduce")
        page.goto("about:blank")
        page.goto(self._file.resolve().as_uri())
        page.wait_for_selector("body[data-ready]")
        return page

    def check(self) -> None:
        """Fail if the page did what it must not do since it was opened."""
        assert self._faults.told == []


def opened(context: BrowserContext, file: Path, fragment: str = "") -> Page:
    """The page in a tab of its own, once it is loaded."""
    page = context.new_page()
    page.goto(file.resolve().as_uri() + (f"#{fragment}" if fragment else ""))
    return page
