"""Options are found as their definition says, however a prompt is put together."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pyscore.tasks.choices import find_choices

_PIECES = ["(A)", "(B)", "(C)", "(Z)", "\n", "\r", "\u2028", " ", "\t", "x", "(AB)", "text"]


def defined(prompt: str) -> Any:
    """All lines of options are listed; the last block from an (A) on counts, if its letters run without a gap."""
    options = list(re.finditer(r"^[ \t]*\(([A-Z])\)([^\n]*)", prompt, re.MULTILINE))
    starts = [i for i, option in enumerate(options) if option[1] == "A"]
    block = options[starts[-1] :] if starts else []
    letters = [option[1] for option in block]
    if len(block) < 2 or letters != [chr(ord("A") + i) for i in range(len(block))]:
        return None
    return prompt[: block[0].start()], tuple(letters), tuple(option[2] for option in block)


@given(st.lists(st.sampled_from(_PIECES), max_size=24).map("".join))
def test_the_last_block_of_options_is_found(prompt: str) -> None:
    assert find_choices(prompt) == defined(prompt)


def test_many_marks_within_a_line_take_no_longer_than_the_line() -> None:
    assert find_choices("x(A)" * 300_000 + "\n" + "x(A)" * 300_000) is None
