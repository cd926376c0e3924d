"""Charts become files: of the right kind, whole or not at all, on white where paper is."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pyscore import report
from pyscore.report.charts import build
from tests.report.charts.rows import forest

BEGINNINGS = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<svg ", "pdf": b"%PDF-"}


@pytest.fixture(scope="module")
def chart() -> Any:
    return build("forest", forest(["a", '<b> & "c"']), title="A <title>")


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_the_ending_says_what_is_written(chart: Any, kind: str, tmp_path: Path) -> None:
    report.save(chart, tmp_path / f"chart.{kind}")
    report.save(chart, str(tmp_path / "other"), kind.upper())
    written = (tmp_path / f"chart.{kind}").read_bytes()
    assert written.startswith(BEGINNINGS[kind])
    assert (tmp_path / "other").read_bytes().startswith(BEGINNINGS[kind])
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"chart.{kind}", "other"]


def test_an_open_file_is_written_to(chart: Any) -> None:
    file = io.BytesIO()
    report.save(chart, file, "png")
    assert file.getvalue().startswith(BEGINNINGS["png"])


def size(png: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_png_has_two_pixels_for_one_of_the_chart_and_is_on_white(chart: Any) -> None:
    import vl_convert

    file = io.BytesIO()
    report.save(chart, file, "png")
    once = size(vl_convert.vegalite_to_png(chart.to_dict(), scale=1))
    assert size(file.getvalue()) == (2 * once[0], 2 * once[1])
    white = vl_convert.vegalite_to_png(
        {
            **build("forest", forest(["a", '<b> & "c"']), title="A <title>", theme="print").to_dict(),
            "background": "#ffffff",
        },
        scale=2,
    )
    assert file.getvalue() == white


def test_a_theme_that_was_chosen_stays_in_print(chart: Any) -> None:
    own = build("forest", forest(["a"])).configure_axis(labelColor="#ff0000")
    spec = own.to_dict()
    from pyscore.report.images import _printed

    assert _printed(spec)["config"]["axis"] == spec["config"]["axis"]


def test_an_svg_is_transparent_and_says_what_it_is(chart: Any) -> None:
    file = io.BytesIO()
    report.save(chart, file, "svg")
    root = ElementTree.fromstring(file.getvalue())
    assert root.get("aria-label") == chart.to_dict()["description"]
    assert "2 lines" in root.get("aria-label", "")
    assert b'fill="white"' not in file.getvalue()
    assert "A <title>" in ["".join(each.itertext()) for each in root.iter() if each.tag.endswith("}text")]


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_names_that_no_xml_can_hold_are_drawn_as_escapes(kind: str) -> None:
    file = io.BytesIO()
    names = ["a\x1b[31m", "b\x01\x00", "c\ud800", "d\ufffe", "e\u202e\n"]
    report.save(build("forest", forest(names), title="T\x02"), file, kind)
    assert file.getvalue().startswith(BEGINNINGS[kind])
    if kind == "svg":
        texts = ["".join(each.itertext()) for each in ElementTree.fromstring(file.getvalue()).iter()]
        assert {"T\\x02", "a\\x1b[31m", "b\\x01\\x00", "c\\ud800", "d\\ufffe"} <= {*texts}


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    path.write_bytes(b"before")
    with pytest.raises(ValueError):
        report.save({"mark": "no such mark", "data": {"values": []}}, path)
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["chart.png"]


@pytest.mark.parametrize("name, kind", [("chart.gif", None), ("chart", None), ("chart.svg", "jpeg")])
def test_another_format_is_refused(chart: Any, tmp_path: Path, name: str, kind: str | None) -> None:
    with pytest.raises(ValueError, match=r"is not one of png, svg, pdf: give one, or a name that ends in .png"):
        report.save(chart, tmp_path / name, kind)
    assert list(tmp_path.iterdir()) == []
