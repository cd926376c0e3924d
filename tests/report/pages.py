"""Pages that tests open, with what they were made of; what is read off them, and what is to be there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyscore.report.blocks import read_block
from pyscore.report.charts import page_specs
from pyscore.report.page import render_page

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

__all__ = ["Example", "number_of", "settle", "show_all", "shown_lines", "shows"]

_LINES = """(table) => [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => ({
    texts: Object.fromEntries(
        [...row.cells].map((cell, i) => [table.tHead.rows[0].cells[i].innerText.trim(), cell.innerText])),
    numbers: [...row.querySelectorAll("[data-metric]")].map((cell) => ({
        metric: cell.dataset.metric, cell: Number(cell.dataset.cell), value: cell.dataset.value, low: cell.dataset.low,
        high: cell.dataset.high, text: cell.innerText})),
}))"""


@dataclass(frozen=True)
class Example:
    """A page as a file.

    Attributes:
        path: of the file.
    """

    path: Path

    @classmethod
    def write(cls, folder: Path, blocks: Mapping[str, Any]) -> Example:
        """Write the page of these blocks, with the charts of real reports."""
        blocks = {**blocks, "numbers": {**blocks["numbers"], "chart_specs": page_specs()}}
        path = folder / "report.html"
        path.write_text(render_page(blocks, blocks["numbers"]["title"]), "utf-8")
        return cls(path)

    def block(self, name: str) -> Any:
        """What the file holds in a block, as Python reads it."""
        text = self.path.read_text("utf-8")
        found = re.search(rf'<script type="text/plain"[^>]* data-block="{name}"[^>]*>([^<]+)<', text)
        return read_block(found[1])

    @cached_property
    def numbers(self) -> Any:
        """The block "numbers"."""
        return self.block("numbers")

    def names_of(self, cell: int) -> tuple[str, str, str]:
        """Of the checkpoint, the template and the data set of a line."""
        cells = self.numbers["cells"]
        dataset, scope = cells["dataset"][cell], cells["scope"][cell]
        averages = {"pooled": "all questions (pooled)", "macro": "mean of data sets (macro)"}
        return (
            self.numbers["checkpoints"][cells["checkpoint"][cell]]["name"],
            self.numbers["templates"][cells["template"][cell]],
            averages[scope] if dataset is None else self.numbers["datasets"][dataset]["name"],
        )

    def story(self, cell: int) -> str:
        """What the two headline numbers of a line tell, by the sides of 1/2 that intervals and values lie on."""
        found = [[self.column(m, part)[cell] for part in ("value", "low", "high")] for m in self.numbers["headlines"]]
        if any(None in each for each in found):
            return "agree"
        sides = [1 if low > 0.5 else -1 if high < 0.5 else 0 for _, low, high in found]
        if sides[0] * sides[1] == -1:
            return "opposite sides"
        others = [each[0] - 0.5 for each in reversed(found)]
        return "lean apart" if any(side * other < 0 for side, other in zip(sides, others, strict=True)) else "agree"

    def column(self, metric: str, name: str) -> list[float | None]:
        """Values, or limits, of all lines."""
        found: list[float | None] = self.numbers["cells"]["metrics"][metric][name]
        return found


def shown_lines(table: Locator) -> list[dict[str, Any]]:
    """The lines of a table that are there, with their texts by the names of their columns, and their numbers."""
    found: list[dict[str, Any]] = table.evaluate(_LINES)
    return found


def show_all(page: Page) -> Locator:
    """The table of the overview with every line and every column."""
    page.get_by_text("Columns", exact=True).click()
    for box in page.get_by_role("group", name="Columns shown").get_by_role("checkbox").all():
        box.check()
    sizes = page.locator("#overview").get_by_label("Lines a page")
    if sizes.is_visible():
        sizes.select_option("all")
    return page.get_by_role("table", name="Every number of the study")


def number_of(attribute: str | None) -> float | None:
    """An exact number, as an attribute holds it."""
    return None if attribute is None else float(attribute)


def shows(text: str, number: float) -> bool:
    """Whether a text is the number to the digits that it has."""
    plain = text.replace("\N{MINUS SIGN}", "-").replace(",", "")
    digits = len(plain.partition(".")[2])
    return abs(float(plain) - number) <= 0.5000001 * 10.0**-digits


def settle(page: Page) -> None:
    """Draw every section, and wait for their charts."""
    from playwright.sync_api import expect

    for link in page.get_by_role("navigation", name="Sections").get_by_role("link").all():
        link.press("Enter")
        page.locator(link.get_attribute("href")).and_(page.locator("#overview, [data-drawn]")).wait_for()
    # Not `wait_for_function`, which asks again by an eval that the page's policy forbids.
    expect(page.locator("figure.chart:not([data-drawn])")).to_have_count(0, timeout=20_000)
