"""Notebooks are shown the words that are printed, in tables that are well formed, whatever names hold."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from pyscore import compare_answers, paired_difference, summarize
from pyscore.metrics import Report, comparison_calibration, unpaired_difference, variance_components
from pyscore.metrics.core.report import Estimate
from pyscore.metrics.core.shown import Grid, Shown, as_html, as_text

HOSTILE = "<script>alert('x')</script><img src=x onerror=\"y()\"> & | \udce9 é"


class Page(HTMLParser):
    """What a reader of HTML finds: tags that are closed in order, words, attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


def comparison(seed: int, n: int = 40) -> Any:
    logprobs = np.random.default_rng(seed).normal(-2, 1, (n, 2)).clip(max=-0.01)
    return compare_answers(logprobs.ravel(), np.arange(n + 1) * 2, np.tile([True, False], n))


RESULTS: dict[str, Any] = {
    "summary": summarize(comparison(0), clusters=np.arange(40) // 4),
    "summary of one question, without intervals": summarize(comparison(0, 1)),
    "paired difference": paired_difference(comparison(0), comparison(1), confidence=0.9),
    "difference of one pair, without p-values": paired_difference(comparison(0, 1), comparison(1, 1)),
    "unpaired difference": unpaired_difference(comparison(0), comparison(1, 30)),
    "estimates and a table of bins": comparison_calibration(comparison(0)),
    "two reports": variance_components(np.random.default_rng(0).uniform(size=(9, 3, 1, 1))),
    "numbers alone": Report("a title", {}, "metric:x", numbers={"p": 0.01, "n": 3}),
    "NaN without a reason": Report("t", {"x": Estimate(float("nan"), 1.0, -1e9, 1e9, 3)}, "metric:x"),
    "hostile names": Report(
        f"title {HOSTILE}",
        {HOSTILE: Estimate.without_interval(0.5, 1, f"why {HOSTILE}")},
        f"metric:{HOSTILE}",
        rows=[{HOSTILE: HOSTILE, "value": 1e-9}, {HOSTILE: None, "value": float("nan")}],
    ),
}


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS.keys())
def test_a_notebook_shows_the_words_that_are_printed_in_their_order(result: Any) -> None:
    page = Page(result._repr_html_())
    assert page.words == str(result).encode("utf-8", "backslashreplace").decode().split()
    assert {tag for tag, _ in page.tags} <= {"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "p"}


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS.keys())
def test_tables_have_names_and_headers_and_leave_colours_to_the_page(result: Any) -> None:
    page = Page(result._repr_html_())
    named = [tag for tag, attributes in page.tags if tag == "caption" or "aria-label" in attributes]
    assert len(named) == sum(tag == "table" for tag, _ in page.tags)
    assert all(attributes["scope"] in ("col", "row") for tag, attributes in page.tags if tag == "th")
    styles = {attributes["style"] for _, attributes in page.tags if "style" in attributes}
    assert styles <= {"text-align: left", "text-align: right"}
    assert {name for _, attributes in page.tags for name in attributes} <= {"style", "scope", "colspan", "aria-label"}


def test_every_line_has_a_cell_a_column() -> None:
    html = as_html(Shown("t", [Grid(("", "b", "c"), [("x", "1", ""), ("y", "", "2")])], ["signature"]))
    lines = [line for line in html.split("<tr>")[1:]]
    assert [line.count("<td") + line.count("<th") for line in lines] == [3, 3, 3, 1]
    assert 'colspan="3"' in lines[3]


def test_a_reason_stands_in_place_of_an_interval_and_a_standard_error() -> None:
    html = RESULTS["summary of one question, without intervals"]._repr_html_()
    reason = RESULTS["summary of one question, without intervals"].mean_log_odds.reason
    assert reason and f"({reason})" in html.replace("&#x27;", "'")
    assert "[nan" not in html


def test_text_is_aligned() -> None:
    grid = Grid(("", "n"), [("long name", "1"), ("x", "234")])
    assert as_text(Shown("t", [grid], ["s"])) == "t\n             n\nlong name    1\nx          234\ns"
