"""The first table of a report: no warning is out of sight there, and the largest model's last step is never hidden."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.report.example import example_blocks
from tests.report.pages import Example

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.report.conftest import OpenPage

HEADLINE = "The two headline numbers"


def test_an_average_says_its_own_warnings_and_how_many_of_its_data_sets_have_some(page: Page, example: Example) -> None:
    cells, warnings = example.numbers["cells"], example.numbers["warnings"]
    table = page.get_by_role("table", name=HEADLINE)
    for cell in [i for i, scope in enumerate(cells["scope"]) if scope == "pooled"]:
        place = (cells["checkpoint"][cell], cells["template"][cell])
        own = [each["text"] for each in warnings if each["cell"] == cell]
        places = list(zip(cells["checkpoint"], cells["template"], strict=True))
        under = {
            each["cell"]
            for each in warnings
            if places[each["cell"]] == place and cells["scope"][each["cell"]] == "dataset"
        }
        row = table.locator("tbody tr").filter(has=page.locator(f"[data-cell='{cell}']"))
        mark = row.get_by_role("button", name="Warning about mean probability", expanded=False)
        assert mark.count() == int(bool(own or under))
        if own or under:
            mark.press("Enter")
            said = table.locator("tr.detail").inner_text()
            assert all(text in said for text in own)
            found = re.findall(r"(\d+) of 6 data sets ha(?:s|ve) warnings", said)
            assert found == ([str(len(under))] if under else [])
            row.get_by_role("button", expanded=True).first.press("Enter")
            assert table.locator("tr.detail").count() == 0
        coverage = example.column("mean_coverage", "value")[cell]
        assert f"{coverage:.3f}" in row.locator("[data-metric=mean_coverage]").inner_text()


def test_the_last_step_of_the_largest_model_is_shown_and_picked_first(open_page: OpenPage, tmp_path: Path) -> None:
    example = Example.write(tmp_path, example_blocks(2, 9, 4, 1))
    page = open_page(example.path)
    rows = page.get_by_role("table", name=HEADLINE).locator("tbody tr")
    shown = rows.locator("visible=true").get_by_role("rowheader").all_inner_texts()
    assert len(shown) == 31 and shown[-1] == "m3, step 800"
    page.get_by_role("button", name="Show all 36 checkpoints").press("Enter")
    assert rows.locator("visible=true").count() == 36
    assert page.evaluate("document.activeElement.closest('tr').rowIndex") == 31
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Comparison").press("Enter")
    page.get_by_role("heading", name="m3, step 800 minus m3, step 0").wait_for()
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="The two numbers").press("Enter")
    assert page.locator("#two-numbers select").first.input_value() == "m3, step 800"
