"""The first page of a report in a browser: every number is that of the study, and all of it can be found and used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.pages import Example, number_of, show_all, shown_lines, shows

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

LINES = "Every number of the study"


def lines_of(page: Page) -> Locator:
    return page.get_by_role("table", name=LINES)


def check_numbers(found: dict[str, Any], example: Example) -> None:
    """Attributes are the numbers of the file, and texts are these numbers to three digits."""
    metric, cell = found["metric"], found["cell"]
    exact = [example.column(metric, name)[cell] for name in ("value", "low", "high")]
    assert [number_of(found[name]) for name in ("value", "low", "high")] == exact
    texts = re.findall(r"-?[\d.]+(?:e[-+]?\d+)?", found["text"].replace("\N{MINUS SIGN}", "-"))
    said = [each for each in exact if each is not None]
    assert len(texts) == len(said) and all(map(shows, texts, said)), found
    reason = example.column(metric, "reason")[cell]
    assert reason is None or example.numbers["reasons"][reason] in found["text"]


def test_every_number_of_the_table_is_that_of_the_file(page: Page, example: Example) -> None:
    show_all(page)
    lines, seen = shown_lines(lines_of(page)), set()
    for line in lines:
        cell = line["numbers"][0]["cell"]
        assert (line["texts"]["Checkpoint"], line["texts"]["Template"], line["texts"]["Data set"]) == example.names_of(
            cell
        )
        assert line["texts"]["n"] == f"{example.numbers['cells']['n'][cell]:,}"
        assert {each["cell"] for each in line["numbers"]} == {cell}
        for each in line["numbers"]:
            check_numbers(each, example)
            seen.add((each["metric"], cell))
    assert len(seen) == len(example.numbers["cells"]["n"]) * len(example.numbers["metrics"])
    for line in (headline := shown_lines(page.get_by_role("table", name="The two headline numbers"))):
        for each in line["numbers"]:
            check_numbers(each, example)
    pooled = [i for i, scope in enumerate(example.numbers["cells"]["scope"]) if scope == "pooled"]
    assert [each["numbers"][0]["cell"] for each in headline] == pooled


@pytest.mark.parametrize("metric", ["mean_probability", "mean_log_odds"])
def test_a_press_on_a_name_sorts_by_number_with_missing_values_last(page: Page, example: Example, metric: str) -> None:
    show_all(page)
    head = lines_of(page).get_by_role(
        "columnheader", name=re.compile(f"^{metric.replace('_', ' ')}( \\(nats\\))?$", re.I)
    )
    known = sorted(value for value in example.column(metric, "value") if value is not None)
    missing = [None] * (len(example.numbers["cells"]["n"]) - len(known))
    assert missing and head.get_attribute("aria-sort") == "none"
    before = shown_values(page, metric)
    for said, values in [("descending", known[::-1] + missing), ("ascending", known + missing), ("none", before)]:
        head.get_by_role("button").press("Enter")
        assert head.get_attribute("aria-sort") == said
        assert shown_values(page, metric) == values
        assert page.evaluate("document.activeElement.closest('th').ariaSort") == said  # the focus stays on the name


def shown_values(page: Page, metric: str) -> list[float | None]:
    found = [each for line in shown_lines(lines_of(page)) for each in line["numbers"] if each["metric"] == metric]
    return [number_of(each["value"]) for each in found]


def test_filters_keep_the_lines_that_they_say_and_how_many_is_announced(page: Page, example: Example) -> None:
    filters, cells = page.get_by_role("group", name="Filter lines"), example.numbers["cells"]
    said = page.locator("#overview").get_by_role("status").filter(has_text=re.compile(r" of \d+ lines?$"))
    page.get_by_label("Lines a page").select_option("all")

    def check(wanted: list[int]) -> None:
        found = [line["numbers"][0]["cell"] for line in shown_lines(lines_of(page))]
        assert sorted(found) == wanted
        assert said.inner_text().startswith(f"{len(wanted)} of {len(cells['n'])} line")

    every = range(len(cells["n"]))
    filters.get_by_label("Search").fill("TOPIC 2 step 100")
    check([i for i in every if cells["dataset"][i] == 2 and cells["checkpoint"][i] == 1])
    filters.get_by_label("Search").fill("")
    filters.get_by_role("combobox", name="Checkpoint").select_option("m0, step 200")
    filters.get_by_role("combobox", name="Template").select_option("template 1")
    check([i for i in every if cells["checkpoint"][i] == 2 and cells["template"][i] == 1])
    filters.get_by_role("combobox", name="Scope").select_option("macro")
    check([i for i in every if (cells["checkpoint"][i], cells["template"][i], cells["scope"][i]) == (2, 1, "macro")])
    filters.get_by_role("button", name="Reset").click()
    check(list(every))
    filters.get_by_label("only with warnings").check()
    check(sorted({warning["cell"] for warning in example.numbers["warnings"]}))
    filters.get_by_role("button", name="Reset").click()
    filters.get_by_label("different stories").check()
    check([i for i in every if example.story(i) != "agree"])
    filters.get_by_label("Search").fill("nowhere")
    assert "0 of" in said.inner_text()


def test_lines_are_shown_page_by_page(page: Page, example: Example) -> None:
    pages = page.get_by_role("navigation", name=f"Pages of: {LINES}")
    shown, n = pages.get_by_role("status"), len(example.numbers["cells"]["n"])
    first = shown_lines(lines_of(page))
    assert len(first) == 50 and shown.inner_text() == f"lines 1 to 50 of {n}"
    assert pages.get_by_role("button", name="Previous").is_disabled()
    pages.get_by_role("button", name="Next").press("Enter")
    second = shown_lines(lines_of(page))
    assert shown.inner_text() == f"lines 51 to {n} of {n}" and len(second) == n - 50
    assert pages.get_by_role("button", name="Next").is_disabled()
    assert page.evaluate("document.activeElement.closest('nav') && !document.activeElement.disabled")
    cells = [line["numbers"][0]["cell"] for line in first + second]
    assert sorted(cells) == list(range(n))
    pages.get_by_role("button", name="First").click()
    assert shown_lines(lines_of(page)) == first
    pages.get_by_label("Lines a page").select_option("100")
    assert len(shown_lines(lines_of(page))) == n


def expected_citation(example: Example, metric: str, cell: int) -> list[str]:
    """What a citation has to hold, in this order."""
    about, cells = example.numbers["metrics"][metric], example.numbers["cells"]
    value, low, high = (example.column(metric, part)[cell] for part in ("value", "low", "high"))
    clusters = cells["n_clusters"][cell]
    return [
        f"{about['label']} {value:.3f}",
        f"95% interval {low:.3f} to {high:.3f}",
        f"n = {cells['n'][cell]} questions",
        *([] if clusters is None else [f"in {clusters} clusters"]),
        f"checkpoint {example.numbers['checkpoints'][cells['checkpoint'][cell]]['name']}",
        about["definition"].rstrip("."),
        f"[{about['signature']}]",
    ]


def test_cite_copies_the_number_and_what_it_means(page: Page, example: Example) -> None:
    cells = example.numbers["cells"]
    cell = cells["scope"].index("pooled")
    name = f"Cite the numbers of {' · '.join(example.names_of(cell))}"
    press = page.get_by_role("table", name="The two headline numbers").get_by_role("button", name=name)
    press.press("Enter")
    dialog = page.get_by_role("dialog", name="Cite this number")
    for metric in example.numbers["headlines"]:
        dialog.get_by_role("button", name=f"Copy {example.numbers['metrics'][metric]['label']}").press("Enter")
        dialog.get_by_text("Copied.").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == dialog.locator(f"[data-metric={metric}]").inner_text()
        at = [copied.find(part) for part in expected_citation(example, metric, cell)]
        assert -1 not in at and at == sorted(at), (copied, at)
        dialog.get_by_role("button", name=f"Copy short form of {example.numbers['metrics'][metric]['label']}").click()
        value, low, high = (example.column(metric, part)[cell] for part in ("value", "low", "high"))
        short = f"{value:.3f}, 95% CI [{low:.3f}, {high:.3f}], n = {cells['n'][cell]} questions"
        assert short in page.evaluate("navigator.clipboard.readText()")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == name


def test_a_closed_clipboard_leaves_the_text_selected(page: Page) -> None:
    page.evaluate("() => { navigator.clipboard.writeText = async () => { throw new Error('closed'); }; }")
    page.get_by_role("button", name="Cite").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Copy mean probability").click()
    dialog.get_by_text("The text is selected").wait_for()
    assert page.evaluate("getSelection().toString()") == dialog.locator("[data-metric=mean_probability]").inner_text()


def test_a_warning_opens_beside_its_number_and_is_found_from_the_list(page: Page, example: Example) -> None:
    warning = example.numbers["warnings"][1]
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Warnings").press("Enter")
    page.get_by_role("region", name="Warnings").get_by_role("link").nth(1).press("Enter")
    row = lines_of(page).locator("tr").filter(has=page.locator(f"[data-cell='{warning['cell']}']"))
    toggle = row.get_by_role("button", expanded=True).last
    assert lines_of(page).get_by_text(warning["text"]).is_visible()
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    toggle.press("Enter")
    assert lines_of(page).get_by_text(warning["text"]).count() == 0
