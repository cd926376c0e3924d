"""The sections of a report in a browser: what is picked is shown, and charts and tables say what the file says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.example import HOSTILE, example_blocks
from tests.report.pages import Example, number_of, shown_lines, shows

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.report.conftest import OpenPage

STORIES = ("opposite sides", "lean apart", "agree")


def go(page: Page, name: str) -> Locator:
    """A section, drawn, with its charts."""
    link = page.get_by_role("navigation", name="Sections").get_by_role("link", name=name, exact=True)
    link.press("Enter")
    section = page.locator(link.get_attribute("href"))
    section.and_(page.locator("[data-drawn]")).wait_for()
    return section


def chart(section: Locator, kind: str) -> Locator:
    """The chart of this kind, drawn."""
    found = section.locator(f"figure.chart[data-kind={kind}]")
    found.and_(section.page.locator("[data-drawn]")).wait_for()
    return found


def marks(figure: Locator, kind: str = "symbol") -> int:
    """How many points, or bars, are drawn; those of legends don't count."""
    return figure.locator(f"svg .mark-{kind}.role-mark path").count()


def behind(figure: Locator) -> list[list[str]]:
    """The table behind a chart, as texts."""
    figure.get_by_text("Show as table").press("Enter")
    figure.get_by_role("table").wait_for()
    rows = figure.get_by_role("table").locator("tbody tr")
    return rows.evaluate_all("(rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText))")


def test_the_two_numbers_of_every_checkpoint_are_told_apart(page: Page, example: Example) -> None:
    section, cells = go(page, "The two numbers"), example.numbers["cells"]
    for checkpoint, about in enumerate(example.numbers["checkpoints"]):
        for template, template_name in enumerate(example.numbers["templates"]):
            section.get_by_role("combobox", name="Checkpoint").select_option(about["name"])
            section.get_by_role("combobox", name="Template").select_option(template_name)
            places = zip(cells["checkpoint"], cells["template"], cells["scope"], strict=True)
            own = [i for i, place in enumerate(places) if place == (checkpoint, template, "dataset")]
            apart = [i for name in STORIES[:2] for i in own if example.story(i) == name]
            assert section.get_by_role("status").inner_text() == (
                f"The two numbers tell different stories on {len(apart)} of {len(own)} data sets."
            )
            items = section.locator("li [data-metric]:first-child")
            assert items.evaluate_all("(items) => items.map((each) => Number(each.dataset.cell))") == apart
    figure = chart(section, "two_numbers")
    known = [i for i in own if None not in [example.column(m, "value")[i] for m in example.numbers["headlines"]]]
    assert marks(figure) == len(known)
    assert figure.get_by_role("img", name=re.compile(f"{about['name']}, {template_name}")).count() == 1
    assert [row[-1] for row in behind(figure)] == [example.story(i) for i in known]


def test_a_point_leads_to_its_data_set_and_escape_back(page: Page, example: Example) -> None:
    figure = chart(go(page, "The two numbers"), "two_numbers")
    names = [row[0] for row in behind(figure)]
    figure.locator("svg .mark-symbol.role-mark path").nth(1).click(force=True)
    page.get_by_role("region", name="Data sets").get_by_role("heading", name=names[1], exact=True).wait_for()
    assert "dataset=" in page.url
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "#dataset=" not in url)


def test_escape_gives_the_focus_back_to_what_opened_a_data_set(page: Page, example: Example) -> None:
    lines = page.get_by_role("table", name="Every number of the study")
    lines.get_by_role("link", name="awareness of topic 3").first.press("Enter")
    section = page.get_by_role("region", name="Data sets")
    section.get_by_role("heading", name="Questions that stand out").wait_for()
    page.locator("#dataset:focus-within").wait_for()
    table, cells = section.get_by_role("table", name="Both numbers of awareness of topic 3"), example.numbers["cells"]
    own = [i for i in range(len(cells["n"])) if cells["dataset"][i] == 3]
    shown = shown_lines(table)
    assert [line["numbers"][0]["cell"] for line in shown] == own
    for line, cell in zip(shown, own, strict=True):
        for found in line["numbers"]:
            assert number_of(found["value"]) == example.column(found["metric"], "value")[cell]
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "#dataset=" not in url)
    page.locator("a:focus", has_text="awareness of topic 3").wait_for()


def strongest_first(block: Any, why: str) -> list[str]:
    """The ids of the questions that stand out for this, by how much they do."""
    strengths: dict[str, Callable[[list[float]], float]] = {
        "changed": lambda p: max(p) - min(p),
        "extreme": lambda p: abs(sum(p) / len(p) - 0.5),
        "undecided": lambda p: -sum(abs(each - 0.5) for each in p) / len(p),
    }
    strength = strengths[why]
    own = [each for each in block["questions"] if why in each["why"]]
    return [each["id"] for each in sorted(own, key=lambda each: -strength(each["probability"]))]


def test_questions_of_a_data_set_are_shown_as_they_are(page: Page, example: Example) -> None:
    page.goto(example.path.as_uri() + "#dataset=awareness%20of%20topic%201")
    section, block = page.get_by_role("region", name="Data sets"), example.block("dataset-1")
    items = section.locator("details.question")
    items.first.wait_for()
    ids = items.evaluate_all("(items) => items.map((each) => each.dataset.question)")
    assert ids == [each for why in ("changed", "extreme", "undecided") for each in strongest_first(block, why)]
    questions = {each["id"]: each for each in block["questions"]}
    for item, question in zip(items.all(), [questions[each] for each in ids], strict=True):
        item.locator("summary").first.press("Enter")
        item.get_by_role("table", name=f"What each checkpoint makes of {question['id']}").wait_for()
        assert item.locator(".prompt").text_content() == question["prompt"] and HOSTILE in question["prompt"]
        assert item.locator(".answers .text").all_text_contents() == [each["text"] for each in question["answers"]]
        assert item.get_by_text("The prompt was cut here.").count() == int(question["cut"])
        shown = [text.strip() for text in item.locator("tbody td.number").all_inner_texts()]
        assert all(map(shows, shown, question["probability"])) and len(shown) == len(question["probability"])
        preferred = [("other", "matching")[x] for x in question["prefers"]]
        assert item.locator("tbody td:last-child").all_inner_texts() == preferred
        n = question["prefers"].count(1)
        assert f"Of 4 checkpoints, {n} prefer a matching answer and {4 - n} another" in item.inner_text()
        check_reason(item.locator(".why").inner_text(), question)
    section.get_by_role("combobox", name="Which").select_option("most changed")
    changed = strongest_first(block, "changed")
    assert items.evaluate_all("(items) => items.map((each) => each.dataset.question)") == changed
    assert section.get_by_text(f"{len(changed)} of {len(block['questions'])} questions").is_visible()
    section.get_by_label("Search id, prompt or answer").fill(f"QUESTION {changed[0]}")
    assert items.count() == 1
    assert page.evaluate("window.pwned") is None


def check_reason(text: str, question: Any) -> None:
    """Why a question stands out is said with the number that makes it do so."""
    p, (why,) = question["probability"], question["why"]
    assert text.startswith(f"most {why}: ")
    if why == "changed":
        first, last = sorted([p.index(min(p)), p.index(max(p))])
        assert text.endswith(f"{p[first]:.3f} → {p[last]:.3f} (step {100 * first} → step {100 * last})")
    else:
        assert shows(re.search(r"(\d\.\d+) on average", text)[1], sum(p) / len(p))


def test_a_question_has_an_address_and_neighbours(page: Page, example: Example) -> None:
    page.goto("about:blank")
    page.goto(example.path.as_uri() + "#dataset=awareness%20of%20topic%202&question=q4&template=template%200")
    section = page.get_by_role("region", name="Data sets")
    item = section.locator("details.question[data-question=q4]")
    item.get_by_role("table", name="What each checkpoint makes of q4").wait_for()
    section.locator("details.question[data-question=q4]:focus-within").wait_for()
    ids = section.locator("details.question").evaluate_all("(all) => all.map((each) => each.dataset.question)")
    following = ids[ids.index("q4") + 1]
    item.get_by_role("button", name="Next question").press("Enter")
    section.locator(f"details.question[data-question={following}]:focus-within").wait_for()
    page.wait_for_url(re.compile(f"&question={following}&"))
    assert not item.get_by_role("button", name="Next question").is_visible()
    section.get_by_role("button", name="Calibration").press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Calibration"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") < 120
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile("#overview$"))


def differences(example: Example, first: int, other: int, template: int) -> dict[tuple[str, Any, str], list[Any]]:
    """Difference, limits and verdict by scope, data set and metric, as the file has them."""
    block = example.block("differences")
    pair = next(p for p in block["pairs"] if (p["first"], p["other"], p["template"]) == (first, other, template))
    cells, found = pair["cells"], {}
    for metric in example.numbers["headlines"]:
        own = cells[metric]
        for i, scope in enumerate(cells["scope"]):
            value, low, high = own["difference"][i], own["below"][i], own["above"][i]
            numbers = [value / 1e5, (value - low) / 1e5, (value + high) / 1e5]
            said = [own["adjusted_p"][i], block["verdicts"][own["verdict"][i]]]
            found[scope, cells["dataset"][i], metric] = numbers + said
    return found


def test_two_checkpoints_are_compared_as_the_file_says_and_turned_round(page: Page, example: Example) -> None:
    section = go(page, "Comparison")
    pick = section.get_by_role("group", name="Pick two checkpoints")
    names = [each["name"] for each in example.numbers["checkpoints"]]
    for first, other, template in [(0, 1, 0), (1, 3, 1), (2, 3, 0)]:
        pick.get_by_role("combobox", name="First").select_option(names[first])
        pick.get_by_role("combobox", name="Other").select_option(names[other])
        pick.get_by_role("combobox", name="Template").select_option(example.numbers["templates"][template])
        wanted = differences(example, first, other, template)
        check_differences(section, example, wanted, f"{names[other]} minus {names[first]}", 1)
    pick.get_by_role("button", name="Swap").press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Swap"
    check_differences(section, example, wanted, f"{names[2]} minus {names[3]}", -1)
    assert marks(chart(section, "forest")) == len(wanted) // 2
    pick.get_by_role("combobox", name="First").select_option(names[2])
    assert section.get_by_text("one checkpoint twice").is_visible()


def check_differences(section: Locator, example: Example, wanted: dict[Any, list[Any]], title: str, sign: int) -> None:
    """Against those that the file has, which are other - first; the table may show first - other."""
    datasets = [each["name"] for each in example.numbers["datasets"]]
    places = {"all questions (pooled)": ("pooled", None), "mean of data sets (macro)": ("macro", None)}
    places |= {name: ("dataset", i) for i, name in enumerate(datasets)}
    turned = {"higher": "lower", "lower": "higher"} if sign < 0 else {}
    table = section.get_by_role("table", name=title)
    lines = shown_lines(table)
    assert len(lines) == len(wanted) // 2
    verdicts = table.locator("tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.querySelectorAll('.verdict')].map((cell) => cell.innerText))"
    )
    for line, said in zip(lines, verdicts, strict=True):
        for found, verdict in zip(line["numbers"], said, strict=True):
            value, low, high, _, expected = wanted[(*places[line["texts"]["Data set"]], found["metric"])]
            exact = [value, low, high] if sign > 0 else [-value, -high, -low]
            assert [number_of(found[part]) for part in ("value", "low", "high")] == pytest.approx(exact, abs=1e-9)
            texts = re.findall(r"-?\d\.\d+", found["text"].replace("\N{MINUS SIGN}", "-"))
            assert all(map(shows, texts, exact)) and len(texts) == 3
            assert verdict == turned.get(expected, expected)


def test_a_difference_is_cited_with_its_pair(page: Page, example: Example) -> None:
    section = go(page, "Comparison")
    section.get_by_role("button", name="Cite the differences").first.press("Enter")
    text = page.get_by_role("dialog").locator("[data-metric=preference_rate]").inner_text()
    value, low, high, p, _ = differences(example, 0, 3, 0)["pooled", None, "preference_rate"]
    assert f"difference in preference rate {value:.3f} (95% interval {low:.3f} to {high:.3f}, corrected p " in text
    assert shows(re.search(r"corrected p ([\d.]+)", text)[1], p)
    assert "step 300 minus checkpoint m0, step 0" in text and "n = 600 questions" in text
    assert example.numbers["metrics"]["preference_rate"]["signature"] in text


def test_curves_are_found_by_number_data_set_and_verdict(open_page: OpenPage, tmp_path: Path) -> None:
    example = Example.write(tmp_path, example_blocks(14, 2, 2, 1))
    page = open_page(example.path)
    section, curves = go(page, "Over size and step"), example.numbers["curves"]
    panels = section.get_by_role("article")
    assert section.get_by_role("status").inner_text() == "12 of 16 charts"
    section.get_by_role("button", name="Show 4 more").press("Enter")
    assert panels.count() == 16 and page.evaluate("document.activeElement.closest('article') !== null")
    section.get_by_role("combobox", name="Number").select_option("preference rate")
    section.get_by_role("combobox", name="Over").select_option("size")
    section.get_by_label("Search data set").fill("topic 12")
    assert panels.count() == 1
    own = [c for c in curves if (c["x"], c["dataset"], c["metric"]) == ("size", 12, "preference_rate")]
    figure = chart(panels, "behaviour")
    assert marks(figure) == sum(len(curve["checkpoints"]) for curve in own) == 4
    said = " ".join(panels.locator("[data-verdict]").all_inner_texts())
    assert all(curve["trend"]["text"] in said for curve in own)
    section.get_by_label("Search data set").fill("")
    section.get_by_role("combobox", name="Verdict").select_option("rises")
    own = [c for c in curves if (c["x"], c["metric"]) == ("size", "preference_rate")]
    rising = {(c["scope"], c["dataset"]) for c in own if c["trend"]["verdict"] == "rises"}
    assert 0 < len(rising) < 16 and f"of {len(rising)} chart" in section.get_by_role("status").inner_text()


def test_warnings_of_one_sentence_are_said_once_with_the_worst_figures_first(
    open_page: OpenPage, tmp_path: Path
) -> None:
    blocks = example_blocks(2, 2, 1, 1)
    shares = ["4.5 %", "less than 0.1 %", "31.0 %", "2.0 %", "12.0 %", "7.0 %"]
    blocks["numbers"]["warnings"] = [
        {
            "cell": i,
            "kind": "low coverage",
            "metric": None,
            "text": f"They have {share} of it.",
            "advice": "Try `this`.",
        }
        for i, share in enumerate(shares)
    ]
    page = open_page(Example.write(tmp_path, blocks).path)
    section = go(page, "Warnings (6)")
    assert section.get_by_text("They have … of it.").count() == 1
    assert section.locator(".advice code").all_inner_texts() == ["this"]
    figures = section.locator("td.number")
    assert figures.all_inner_texts() == ["less than 0.1 %", "2.0 %", "4.5 %", "7.0 %", "12.0 %"]
    section.get_by_text("1 more").press("Enter")
    figures.nth(5).wait_for()
    assert figures.nth(5).inner_text() == "31.0 %"


def test_calibration_shows_the_checkpoints_that_are_picked(page: Page, example: Example) -> None:
    section, cells = go(page, "Calibration"), example.block("calibration")["cells"]
    names = [each["name"] for each in example.numbers["checkpoints"]]
    section.get_by_role("combobox", name="Checkpoint", exact=True).select_option(names[1])
    section.get_by_role("combobox", name="and checkpoint 2").select_option(names[2])
    section.get_by_role("combobox", name="Template").select_option("template 1")
    rows = section.get_by_role("table", name="How far matching answers lie from confidence").locator("tbody tr")
    own = [next(c for c in cells if (c["checkpoint"], c["template"]) == (i, 1)) for i in (1, 2)]
    for row, cell in zip(rows.all(), own, strict=True):
        texts = row.locator("td").all_inner_texts()
        assert texts[0] == str(sum(each["n"] for each in cell["bins"]))
        assert all(map(shows, texts[1:], [cell["ece"], cell["calibration_error"], cell["brier"]]))
    assert not re.search("right|overconfident", section.inner_text())  # a matching answer need not be a correct one
    assert marks(chart(section, "reliability")) == sum(len(cell["bins"]) for cell in own)
    assert marks(chart(section, "log_odds"), "rect") == sum(len(cell["log_odds"]["counts"]) for cell in own)


def test_provenance_can_be_copied_and_nothing_of_it_is_cut(page: Page, example: Example) -> None:
    section, told = go(page, "Provenance"), example.numbers["provenance"]
    section.get_by_role("button", name="Copy this page").press("Enter")
    section.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == told["commands"][0]["command"]
    text = section.text_content()
    assert all(entry["facts"]["weights"] in text for entry in told["checkpoints"])
    assert all(each["signature"] in text and each["definition"] in text for each in example.numbers["metrics"].values())
    assert all(f"{name}{version}" in text for name, version in told["versions"].items())


def test_an_address_leads_to_its_section_and_a_wrong_one_says_so(page: Page, example: Example) -> None:
    page.goto("about:blank")
    page.goto(example.path.as_uri() + "#comparison")
    page.locator("#comparison-title:focus").wait_for()
    page.goto(example.path.as_uri() + "#dataset=nowhere")
    page.get_by_text("There is no data set nowhere").wait_for()
    page.go_back()
    page.locator("#comparison-title:focus").wait_for()
