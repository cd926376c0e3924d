"""What the files of a page hold, before any browser reads them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import pyscore.report.page as page_module
from pyscore.report.page import SCRIPTS, render_page
from tests.report.example import example_blocks

FOLDER = Path(page_module.__file__).parent / "page"


class _Page(HTMLParser):
    """Collects attributes, and the texts of the table's cells that stand in the HTML itself."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.cells: list[str] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id" and value is not None]
        if tag in ("td", "th"):
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data


def _read(text: str) -> _Page:
    parser = _Page()
    parser.feed(text)
    return parser


def test_every_script_of_the_folder_is_in_the_page_once() -> None:
    assert sorted(SCRIPTS) == sorted(path.name for path in FOLDER.glob("*.js"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_reads_text_as_markup_or_code_or_asks_for_anything(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    markup, code = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", r"\beval\(|new Function"
    assert re.findall(rf"{markup}|{code}|\bfetch\(|XMLHttpRequest|\bimport\(", text) == []


def test_the_html_has_no_handlers_and_no_styles_that_its_policy_would_refuse_and_no_id_twice() -> None:
    parser = _read(render_page(example_blocks(), "title"))
    assert [name for name, _ in parser.attributes if name == "style" or name.startswith("on")] == []
    assert len(parser.ids) == len(set(parser.ids))


def test_the_headline_numbers_of_the_html_say_why_one_is_missing() -> None:
    blocks = example_blocks(datasets=1, steps=4, templates=1)
    cells = _read(render_page(blocks, "title")).cells
    first = blocks["numbers"]["cells"]["metrics"]["mean_probability"]
    value, low, high = (first[name][0] for name in ("value", "low", "high"))
    assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in cells
    assert f"{first['value'][1]:.3f} no interval: all values are equal" in cells
    assert "not scored" in cells
