"""The pictures of the pages hold what pyscore computes, and so does the page that explains the two numbers."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.docs.pages import DOCS, code_blocks
from tools.pictures import EXAMPLES, FOLDER, PICTURES, main, many_data_sets, summary_of

PAGE = (DOCS / "two_numbers.md").read_text()


def texts(path: Path) -> set[str]:
    root = ElementTree.parse(path).getroot()
    return {"".join(each.itertext()) for each in root.iter() if each.tag.endswith(("}text", "}tspan"))}


def test_the_pictures_in_the_pages_are_those_that_the_tool_draws(tmp_path: Path) -> None:
    main(tmp_path)
    assert sorted(path.name for path in FOLDER.glob("*.svg")) == sorted(PICTURES)
    for name in PICTURES:
        assert texts(FOLDER / name) == texts(tmp_path / name)
        assert f"](images/{name})" in PAGE


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_page_and_the_picture_tell_the_numbers_of_the_example(name: str) -> None:
    found = summary_of(EXAMPLES[name])
    mean, rate = f"{found.mean_probability.value:.3g}", f"{found.preference_rate.value:.2g}"
    assert f"| {name} | {' '.join(f'{p:.2f}' for p in EXAMPLES[name])} | {mean} | {rate} |" in PAGE
    assert {name, f"mean probability {mean}", f"preference rate {rate}"} <= texts(FOLDER / "two_numbers.svg")


def test_the_numbers_of_the_example_are_plain_averages() -> None:
    for p in EXAMPLES.values():
        found = summary_of(p)
        assert found.mean_probability.value == pytest.approx(sum(p) / 10)
        assert found.preference_rate.value == sum(each > 0.5 for each in p) / 10


def test_the_code_of_the_page_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = code_blocks(PAGE, "python")
    exec(block, {})
    printed = [float(each) for each in capsys.readouterr().out.split()]
    assert printed == pytest.approx([float(each) for each in re.findall(r"# ([\d.]+) ([\d.]+)$", block, re.M)[0]])


def test_the_chart_of_data_sets_shows_both_kinds_of_opposite_sides() -> None:
    (rows,) = [rows for rows in many_data_sets().to_dict()["datasets"].values() if "story" in rows[0]]
    apart = [row for row in rows if row["story"] == "opposite sides"]
    assert {row["mean_probability"] > 0.5 for row in apart} == {True, False}
    assert len(rows) == 24
