"""A page is one file that lets nothing else in, and holds its numbers as they are."""

from __future__ import annotations

import re

from pyscore.report.blocks import as_block, read_block, rounded
from pyscore.report.page import render_page
from tests.report.example import HOSTILE, example_blocks


def test_blocks_are_read_as_they_were_written() -> None:
    value = {"a": [1.23456789, None, float("nan"), float("inf"), -0.0, 3], "b": {"c": HOSTILE + "\ud800é☃"}}
    assert read_block(as_block(value)) == rounded(value)
    assert rounded(1.23456789) == 1.234568
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", as_block(value))


def test_a_page_names_no_other_place_and_shows_markup_as_text() -> None:
    page = render_page(example_blocks(), f"title {HOSTILE}")
    assert HOSTILE not in page
    assert "default-src &#39;none&#39;" in page
    outside = re.findall(r"""(?:src|href|action)\s*=\s*["']?(?!#|data:)[a-z]+:""", page.split("<script", 1)[0])
    assert outside == []
    numbers = re.search(r'id="numbers"[^>]*>([^<]+)<', page)
    assert read_block(numbers[1]) == rounded(example_blocks()["numbers"])
