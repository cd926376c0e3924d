"""From a sweep to what a reader sees: the numbers of a page in a browser are those of `tidy` and of `compare_runs`."""

from __future__ import annotations

import math
import re
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pyscore.report import write
from pyscore.report.blocks import rounded
from pyscore.results import compare_runs, tidy
from pyscore.store.studies import StudyFolder
from pyscore.sweep import run
from pyscore.sweep.study import NamedTemplate, Study
from tests.report.example import HOSTILE
from tests.report.pages import Example, number_of, settle, show_all, shown_lines, shows
from tests.sweep.fake_models import questions_file, small_study

if TYPE_CHECKING:
    from playwright.sync_api import Page

AVERAGES = {"all questions (pooled)": "pooled", "mean of data sets (macro)": "macro"}
HINT = "{{ question }} <b onclick=alert(1)>one word</b>"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("study")
    found = small_study(folder, name=HOSTILE, templates=(NamedTemplate("plain"), NamedTemplate("hint", HINT)))
    questions_file(folder, "d0", 7, f"{HOSTILE} Is {{i}} odd? Answer:")
    run(found)
    return found


@pytest.fixture(scope="module")
def example(study: Study) -> Example:
    """The report of the study, for the tab."""
    path = Path(study.output).parent / "report.html"
    write(study.output, path)
    return Example(path)


def test_every_number_that_is_shown_is_that_of_tidy(page: Page, study: Study, example: Example) -> None:
    metrics = list(example.numbers["metrics"])
    lines = {
        (f"m, step {line['step']}", line["template"], line["dataset"] or line["scope"], line["metric"]): line
        for line in tidy(study.output, metrics=metrics).to_pylist()
    }
    seen = set()
    for shown in shown_lines(show_all(page)):
        texts = shown["texts"]
        place = (texts["Checkpoint"], texts["Template"], AVERAGES.get(texts["Data set"], texts["Data set"]))
        for found in shown["numbers"]:
            line = lines[(*place, found["metric"])]
            assert [number_of(found[name]) for name in ("value", "low", "high")] == [
                rounded(line[name]) for name in ("value", "low", "high")
            ]
            assert texts["n"] == str(line["n"])
            assert line["reason"] is None or line["reason"] in found["text"]
            seen.add((*place, found["metric"]))
    assert seen == set(lines)


def test_every_difference_that_is_shown_is_that_of_compare_runs(page: Page, study: Study) -> None:
    folder = StudyFolder(study.output)
    runs = {(c.model["step"], c.template["name"]): folder.run_path(c.run.name) for c in folder.cells()}
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Comparison").press("Enter")
    pick = page.get_by_role("group", name="Pick two checkpoints")
    for first, other in combinations((0, 100, 200), 2):
        pick.get_by_role("combobox", name="First").select_option(f"m, step {first}")
        pick.get_by_role("combobox", name="Other").select_option(f"m, step {other}")
        for template in ("plain", "hint"):
            pick.get_by_role("combobox", name="Template").select_option(template)
            table = page.get_by_role("table", name=f"m, step {other} minus m, step {first}, {template}")
            found = {line["texts"]["Data set"]: line["numbers"] for line in shown_lines(table)}
            expected = compare_runs(runs[first, template], runs[other, template]).differences
            names = {scope: text for text, scope in AVERAGES.items()}
            assert len(found) == len(expected)
            for each in expected:
                for shown in found[names.get(each.scope, each.dataset)]:
                    check_difference(shown, getattr(each, shown["metric"]).difference)


def check_difference(shown: dict[str, Any], expected: Any) -> None:
    """To the hundred-thousandth that a page holds, and to the digits that it shows."""
    limits = [] if math.isnan(expected.low) else [expected.low, expected.high]
    exact = [expected.value, *limits]
    found = [number_of(shown[name]) for name in ("value", "low", "high")]
    assert [each for each in found if each is not None] == pytest.approx(exact, abs=1.01e-5)
    texts = re.findall(r"[-+]?\d\.\d+", shown["text"].replace("\N{MINUS SIGN}", "-"))
    assert len(texts) == len(exact)
    assert all(shows(text, number) for text, number in zip(texts, found, strict=False))


def test_markup_of_a_study_is_text_from_its_files_to_the_screen(page: Page) -> None:
    settle(page)
    assert page.get_by_role("heading", level=1).inner_text() == HOSTILE
    section = page.get_by_role("region", name="Data sets")
    section.get_by_role("combobox", name="Data set").select_option("d0")
    section.get_by_text(HOSTILE).first.wait_for()
    for question in section.locator("details.question > summary").all():
        question.press("Enter")
    section.locator("details.question").last.locator(".prompt").wait_for()
    prompts = section.locator(".prompt").all_text_contents()
    assert prompts and all(text.startswith(f"{HOSTILE} Is ") for text in prompts)
    assert {text.endswith("<b onclick=alert(1)>one word</b>") for text in prompts} == {True, False}
    assert page.locator("main b, main script, main img").count() == 0
    assert page.evaluate("window.pwned") is None
