"""The eyes of the tests in a browser: what a page must not do is seen, and a missing browser is no success."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.paths import ROOT
from tests.report.browser import NAMES, browser_path, needed_browser, opened, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_POLICY = """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'">"""


_FAULTS = {
    "<script>console.error('oh')</script>": "oh",
    "<script>console.warn('hm')</script>": "hm",
    "<script>missing()</script>": "uncaught: missing is not defined",
    "<script>Promise.reject(new Error('later'))</script>": "uncaught: later",
    "<img src='https://example.org/a.png' alt=''>": "asked for https://example.org/a.png",
    "<img src='beside.png' alt=''>": "asked for file:///",
    "<script>fetch('https://example.org/b').catch(() => 0)</script>": "asked for https://example.org/b",
    "<script>new WebSocket('ws://127.0.0.1:9')</script>": "opened ws://127.0.0.1:9",
}
_FORBIDDEN = {
    "<img src='https://example.org/c.png' alt=''>": "the policy forbids img-src of https://example.org",
    "<p style='color: red'>": "the policy forbids style-src-attr of inline",
    "<script>try { eval('1') } catch {}</script>": "the policy forbids script-src of eval",
}


@pytest.mark.parametrize(("head", "faults"), [("", _FAULTS), (_POLICY, _FORBIDDEN)], ids=["open", "under a policy"])
def test_what_a_page_must_not_do_is_noted(browser: Browser, tmp_path: Path, head: str, faults: dict[str, str]) -> None:
    file = tmp_path / "page.html"
    file.write_text(f"<!doctype html><title>t</title>{head}{''.join(faults)}")
    with watched(browser, file) as (context, found):
        opened(context, file).wait_for_load_state("networkidle")
    assert [told for told in faults.values() if not any(told in each for each in found.told)] == [], found.told


def test_a_page_of_its_own_makes_no_fault(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("<!doctype html><title>t</title><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' alt=''>")
    with watched(browser, file) as (context, faults):
        assert opened(context, file, "somewhere").title() == "t"
    assert faults.told == []


def test_the_makefile_looks_for_the_same_browsers() -> None:
    assert f"for name in {' '.join(NAMES)};" in (ROOT / "Makefile").read_text()


def test_a_browser_is_named_or_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYSCORE_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser_path() is None
    for name in ("google-chrome", "chromium"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert browser_path() == str(tmp_path / name)
    monkeypatch.setenv("PYSCORE_BROWSER", str(tmp_path / "google-chrome"))
    assert browser_path() == str(tmp_path / "google-chrome")
    monkeypatch.setenv("PYSCORE_BROWSER", str(tmp_path / "gone"))
    with pytest.raises(ValueError, match="where no file is"):
        browser_path()


def test_without_a_browser_tests_skip_or_fail_as_they_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PYSCORE_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PYSCORE_NEEDS_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make browser"):
        needed_browser()
    monkeypatch.setenv("PYSCORE_NEEDS_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="make browser"):
        needed_browser()


def test_no_test_waits_by_an_eval_which_pages_forbid() -> None:
    """Playwright's ``wait_for_function`` asks again by one: such a test fails whenever it has to wait."""
    waits = re.compile(r"\.wait_for_function\(")
    assert [path.name for path in Path(__file__).parent.rglob("*.py") if waits.search(path.read_text("utf-8"))] == []
