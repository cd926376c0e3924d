"""One browser for the tests of a file, and one tab, which is loaded anew for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.browser import Tab, launched, needed_browser, opened, watched
from tests.report.example import example_blocks
from tests.report.pages import Example

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched(needed_browser()) as found:
        yield found


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """A page of six data sets, one with markup in its name, and four checkpoints under two templates: 64 lines."""
    return Example.write(tmp_path_factory.mktemp("example"), example_blocks())


@pytest.fixture(scope="module")
def tab(browser: Browser, example: Example) -> Iterator[Tab]:
    """The tab that the tests of a file share; it may use the clipboard."""
    with watched(browser, example.path, permissions=["clipboard-read", "clipboard-write"]) as (context, faults):
        yield Tab(context, faults, example.path)


@pytest.fixture
def page(tab: Tab) -> Iterator[Page]:
    """The example's page, just opened; in the end, it may not have done what it should not."""
    yield tab.fresh()
    tab.check()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a file in a context of its own, for other options; in the end, no page may have done what it should not."""
    faults = []
    with ExitStack() as stack:

        def open_page(file: Path, fragment: str = "", **options: Any) -> Page:
            context, own = stack.enter_context(watched(browser, file, **options))
            faults.append(own)
            page = opened(context, file, fragment)
            if options.get("java_script_enabled", True):
                page.wait_for_selector("body[data-ready]")
            return page

        yield open_page
    assert [text for own in faults for text in own.told] == []
