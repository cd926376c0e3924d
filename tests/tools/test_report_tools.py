"""The tools that open reports: sizes add up, every use is timed, pictures show sections, faults are no results."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.report.browser import needed_browser
from tests.report.example import example_blocks
from tests.report.pages import Example
from tools.report_pictures import SECTIONS, TALLEST, pictures
from tools.report_scale import measure_page


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    needed_browser()
    return Example.write(tmp_path_factory.mktemp("example"), example_blocks(2, 2, 1, 1))


def test_a_page_is_weighed_and_every_use_of_it_timed(example: Example) -> None:
    found = measure_page(example.path, times=1)
    assert found["milliseconds"].keys() == {"opening", "sorting", "filtering", "comparison", "data set"}
    assert all(len(own) == 1 and own[0] > 0 for own in found["milliseconds"].values())
    size = found["bytes"]
    assert size["all"] == example.path.stat().st_size
    assert size["all"] - size["without data sets' questions"] == size["dataset-0"] + size["dataset-1"]


def test_pictures_show_each_section_from_its_top(example: Example, tmp_path: Path) -> None:
    made = list(pictures(example.path, tmp_path / "images"))
    assert [path.name for path in made] == [f"report-{name}.png" for name in SECTIONS]
    for path in made:
        width, height = struct.unpack(">II", path.read_bytes()[16:24])  # of the header that every PNG begins with
        assert 1000 < width <= 1120 and 100 < height <= TALLEST


def test_a_page_with_a_fault_gives_no_times(example: Example, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(example.path.read_text("utf-8") + "<img src='https://example.org/x.png' alt=''>", "utf-8")
    with pytest.raises(RuntimeError, match=r"broken\.html reported"):
        measure_page(broken, times=1)
