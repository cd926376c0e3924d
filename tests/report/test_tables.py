"""The headline table: the numbers of the tidy table, in every format, whatever names hold."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pyscore.report.formats import format_of
from pyscore.report.table_texts import decimals, in_latex, in_markdown, number
from pyscore.report.tables import HeadlineTable, headline_table
from pyscore.results import tidy
from pyscore.store import write_rows
from pyscore.sweep.study import ComparisonRule, NamedTemplate, Study
from pyscore.sweep.sweeps import run
from tests.metrics.core.test_shown import Page
from tests.report.latex import read_tabular, read_text
from tests.store.tables import pair, table
from tests.sweep.fake_models import small_study

HOSTILE = [
    "a|b\\|c\\\\",
    "<script>alert('x')</script>",
    "_it_ *is* `code` [link](x) ![i](y) &amp; ~s~ $x$ #1 {y} a_b_c",
    "50% & $5 #1 a_b {c} ~d ^e \\f \"g\" 'h' ''i'' ``j`` --k-- ---l !`m ?`n <<o>> |p|",
    "[begins with a bracket]",
    "*begins with a star",
    '=HYPERLINK("http://x";"y")',
    'a "quoted", name',
    "two\nlines\tand a tab",
    "é 日本 \u202e",
    "bell \x07",
]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Not to be changed."""
    found = small_study(tmp_path_factory.mktemp("tables"), comparison=ComparisonRule(ties="first"), confidence=0.9)
    run(found)
    return found


def hostile_table() -> HeadlineTable:
    """A line for each name, which is that of its checkpoint, its template and its data set."""
    numbers = {"value": 0.5, "low": 0.4, "high": 0.6, "reason": None}
    lines = [
        {"checkpoint": name, "model": name, "template": name, "scope": "dataset", "dataset": name, "n": 3}
        | {"n_clusters": None, "n_skipped": 2}
        | {
            f"{metric}{'' if end == 'value' else '_' + end}": value
            for metric in ("mean_probability", "preference_rate", "mean_coverage", "tie_rate")
            for end, value in numbers.items()
        }
        for name in HOSTILE
    ]
    return HeadlineTable(lines, 0.95, "metric:headlines|version:0")


def shown(name: str) -> str:
    """What is left of a name: one line, control characters as escapes."""
    return " ".join(name.split()).replace("\x07", "\\x07").replace("\u202e", "\\u202e")


@pytest.mark.parametrize("at_once", [1024, 5])
def test_every_cell_has_the_numbers_of_the_tidy_table(
    study: Study, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyscore.report.tables._AT_ONCE", at_once)
    metrics = ("mean_probability", "preference_rate", "mean_coverage", "tie_rate")
    expected = tidy(study.output, metrics=metrics).to_pylist()
    found = headline_table(study.output)
    assert len(found.lines) == 3 * 2 * 4 == len(expected) / 4
    for i, each in enumerate(expected):
        line, metric = found.lines[i // 4], each["metric"]
        assert [line[name] for name in (metric, f"{metric}_low", f"{metric}_high", f"{metric}_reason")] == [
            each[name] for name in ("value", "low", "high", "reason")
        ]
        labels = ("model", "step", "size", "template", "scope", "dataset", "n", "n_clusters", "n_skipped", "confidence")
        assert [line[name] for name in labels] == [each[name] for name in labels]
    assert found.lines[8]["checkpoint"] == "m, step 100"
    assert "ties:first" in found.signature and "confidence:0.9|" in found.signature


def test_values_and_intervals_are_those_of_the_lines_rounded_alike(study: Study) -> None:
    found = headline_table(study.output)
    for texts, line in zip(found.shown().grids[0].lines, found.lines, strict=True):
        for text, name in zip(texts[5:7], ("mean_probability", "preference_rate"), strict=True):
            numbers = re.findall(r"[\d.]+", text)
            assert len({len(each.partition(".")[2]) for each in numbers}) == 1
            places = len(numbers[0].partition(".")[2])
            values = [line[name], line[f"{name}_low"], line[f"{name}_high"]]
            assert [float(each) for each in numbers] == pytest.approx(values, abs=0.5001 * 10**-places)


@given(st.floats(1e-7, 0.5), st.floats(0, 0.5))
def test_decimals_show_two_digits_of_half_the_width_within_2_to_4(half: float, low: float) -> None:
    places = decimals(low, low + 2 * half)
    digits = half * 10**places
    assert 2 <= places <= 4
    assert digits < 100 * (1 + 1e-6) or places == 2
    assert digits >= 10 * (1 - 1e-6) or places == 4


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(0.0, 2, "0.00"), (1e-9, 4, "<0.0001"), (0.004, 2, "<0.01"), (0.006, 2, "0.01"), (1.0, 3, "1.000")],
)
def test_a_number_that_is_not_0_is_not_shown_as_0(value: float, places: int, text: str) -> None:
    assert number(value, places) == text
    assert decimals(0.2, 0.2) == 4


def test_what_is_not_scored_says_so_and_has_no_numbers(tmp_path: Path) -> None:
    whole = small_study(tmp_path)
    run(replace(whole, models=whole.models[:1]))
    Path(whole.output, "study.json").write_bytes(_study_json(tmp_path / "other"))
    found = headline_table(whole.output)
    texts = [line for line in found.shown().grids[0].lines if line[0] == "m, step 100"]
    assert texts[0][3:] == ["0", "-", "(not scored)", "(not scored)", "-", "-"]
    assert len(texts) == 2 * 4
    read = list(csv.DictReader(io.StringIO(found.to_csv(), newline="")))
    assert (read[8]["mean_probability"], read[8]["mean_probability_reason"]) == ("", "not scored")


def _study_json(folder: Path) -> bytes:
    """Of the whole study: which others of the same files say, too."""
    study = small_study(folder)
    run(study)
    return Path(study.output, "study.json").read_bytes()


def test_a_line_without_an_interval_says_why(tmp_path: Path) -> None:
    write_rows(table(pair(-1.0, -2.0)), tmp_path / "rows.parquet")
    found = headline_table(tmp_path / "rows.parquet")
    reason = found.lines[0]["mean_probability_reason"]
    assert reason and f"0.73 ({reason})" in str(found) and reason in found.to_latex()
    assert "template" not in found.shown().grids[0].header
    assert found.lines[0]["mean_probability"] == pytest.approx(math.exp(-1) / (math.exp(-1) + math.exp(-2)))


def test_two_runs_of_one_model_on_one_data_set_are_told_apart(tmp_path: Path) -> None:
    rows = [*pair(-1.0, -2.0), *pair(-2.0, -1.0, run_id="again")]
    write_rows(table(rows), tmp_path / "rows.parquet")
    names = [line["checkpoint"] for line in headline_table(tmp_path / "rows.parquet").lines]
    assert names == ["m", "m (2)"]


@pytest.mark.parametrize(
    ("chosen", "n"),
    [
        ({"template": "hint"}, 12),
        ({"checkpoint": "m, step 100"}, 8),
        ({"dataset": "d1"}, 6),
        ({"dataset": "macro", "template": "plain"}, 3),
        ({"averages": False}, 12),
    ],
)
def test_lines_are_chosen_by_name(study: Study, chosen: dict[str, Any], n: int) -> None:
    found = headline_table(study.output, **chosen)
    assert len(found.lines) == n
    whole = headline_table(study.output).lines
    assert all(line in whole for line in found.lines)


def test_a_name_that_is_not_there_is_told_with_those_that_are(study: Study) -> None:
    with pytest.raises(ValueError, match="template 'x' is none of those that there are: 'plain', 'hint'"):
        headline_table(study.output, template="x")
    with pytest.raises(ValueError, match=r"dataset 'x' is none .* 'd0', 'd1', 'pooled', 'macro'"):
        headline_table(study.output, dataset="x")


def test_studies_that_compare_in_other_ways_are_refused_until_one_is_chosen(study: Study, tmp_path: Path) -> None:
    other = small_study(tmp_path, models=1, templates=(NamedTemplate("plain"),))
    run(other)
    with pytest.raises(ValueError, match="compare answers in different ways, or of different confidence"):
        headline_table([study.output, other.output])
    found = headline_table([study.output, other.output], ties="half", confidence=0.95)
    assert len(found.lines) == 24 + 4 and {line["confidence"] for line in found.lines} == {0.95}


def test_markdown_is_read_as_the_names_that_were_written() -> None:
    found = hostile_table()
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(found.to_markdown())
    assert set(re.findall(r"<(\w+)", html)) == {"table", "thead", "tbody", "tr", "th", "td", "p", "code"}
    lines = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)[1:]
    for name, line in zip(HOSTILE, lines, strict=True):
        cells = [" ".join(Page(cell).words) for cell in re.findall(r"<td[^>]*>(.*?)</td>", line, re.DOTALL)]
        assert cells == [*[shown(name)] * 3, "3", "0.50 [0.40, 0.60]", "0.50 [0.40, 0.60]", "0.50", "0.50"]
    assert found.signature in html and "up to 2 questions of a data set are left out" in html


@given(st.text(max_size=30))
def test_any_text_is_read_from_markdown_as_it_was(text: str) -> None:
    html = MarkdownIt("commonmark").enable("table").render(f"| a | b |\n|--|--|\n| {in_markdown(text)} | x |\n")
    cells = re.findall(r"<td>(.*?)</td>", html, re.DOTALL)
    assert len(cells) == 2 and "<" not in cells[0]
    if text.isprintable():
        assert " ".join(Page(cells[0]).words) == " ".join(text.split())


def test_markdown_leaves_underscores_within_words_readable() -> None:
    assert in_markdown("sycophancy_on_nlp_survey") == "sycophancy_on_nlp_survey"
    assert in_markdown("0.50 [0.40, 0.60]") == "0.50 [0.40, 0.60]"


def test_latex_is_read_as_the_names_that_were_written() -> None:
    sides, lines = read_tabular(hostile_table().to_latex())
    assert sides == "lllrrrrr"
    assert lines[0][:3] == ["checkpoint", "template", "data set"]
    for name, line in zip(HOSTILE, lines[1:], strict=True):
        assert line[:3] == [shown(name)] * 3
        assert line[3:] == ["3", "0.50 [0.40, 0.60]", "0.50 [0.40, 0.60]", "0.50", "0.50"]


@given(st.text(max_size=30))
def test_any_text_is_read_from_latex_as_it_was(text: str) -> None:
    read = read_text(in_latex(text))
    if text.isprintable():
        assert read == " ".join(text.split())


def test_latex_names_a_checkpoint_once_and_rules_stand_between_checkpoints(study: Study) -> None:
    text = headline_table(study.output).to_latex()
    _, lines = read_tabular(text)
    assert [line[0] for line in lines[1:] if line[0]] == ["m, step 0", "m, step 100", "m, step 200"]
    assert len(lines) == 1 + 24 and text.count("\\midrule") == 3
    before = text.partition("\\begin")[0].splitlines()
    assert all(line.startswith("% ") for line in before) and "ties:first" in before[-1]


def test_csv_has_every_number_in_full_and_every_text_as_it_is(study: Study) -> None:
    found = headline_table(study.output)
    read = list(csv.reader(io.StringIO(found.to_csv(), newline="")))
    assert read[0] == list(found.lines[0])
    for texts, line in zip(read[1:], found.lines, strict=True):
        for text, value in zip(texts, line.values(), strict=True):
            assert text == ("" if value is None else text) and (value is None or type(value)(text) == value)
    text = hostile_table().to_csv()
    names = [line["checkpoint"] for line in csv.DictReader(io.StringIO(text, newline=""))]
    assert names == HOSTILE
    assert text.endswith("\r\n") and text.count("\r\n") == len(HOSTILE) + 1


def test_it_prints_and_shows_itself_in_notebooks() -> None:
    found = hostile_table()
    found = replace(found, lines=[line for line in found.lines if line["checkpoint"].isprintable()])
    assert Page(found._repr_html_()).words == str(found).split()


def test_a_file_is_of_the_format_that_its_name_says(study: Study, tmp_path: Path) -> None:
    found = headline_table(study.output)
    for name, text in (("a.md", found.to_markdown()), ("a.csv", found.to_csv()), ("a.tex", found.to_latex())):
        found.write(tmp_path / name)
        assert (tmp_path / name).read_bytes() == text.encode()
    found.write(tmp_path / "table.txt", "md")
    assert (tmp_path / "table.txt").read_text() == found.to_markdown()
    with pytest.raises(ValueError, match=r"must end in one of \.md, \.markdown, \.csv, \.tex"):
        found.write(tmp_path / "a.html")
    with pytest.raises(ValueError, match="format must be one of md, csv, latex, got 'html'"):
        found.text("html")


@pytest.mark.parametrize(
    ("name", "given", "found"),
    [("a.HTML", None, "html"), ("s3://b/a.tex", None, "latex"), ("a", "svg", "svg"), ("a.pdf", "pdf", "pdf")],
)
def test_formats_by_their_endings(name: str, given: str | None, found: str) -> None:
    assert format_of(name, given) == found


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("a.docx", None, "must end in one of .html, .htm, .png"),
        ("a", None, "must end in"),
        ("a.md", "csv", "a.md ends in .md, and the format is csv"),
        ("a.md", "xls", "format must be one of html, png"),
    ],
)
def test_a_format_that_is_not_said_or_said_twice_is_refused(name: str, given: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        format_of(name, given)
