"""Tables of texts as Markdown, LaTeX and CSV: every character of a name stands for itself, whatever it is."""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from pyscore.metrics.core.shown import Grid

__all__ = ["as_csv", "as_latex", "as_markdown", "decimals", "in_latex", "in_markdown", "number"]

_FEWEST, _MOST = 2, 4


def decimals(low: float, high: float) -> int:
    """How many decimals a number and its interval have: those of two digits of half the width, 2 to 4.

    Half a width of 0.12 shows in hundredths, one of 0.012 in thousandths: a third digit of an interval says nothing.
    """
    half = (high - low) / 2
    return min(max(1 - math.floor(math.log10(half)), _FEWEST), _MOST) if half > 0 else _MOST


def number(value: float, places: int) -> str:
    """The value with so many decimals; one that would be shown as 0 and isn't, as less than the smallest that is."""
    text = f"{value:.{places}f}"
    return f"<{10**-places:.{places}f}" if value > 0 and float(text) == 0 else text


def as_markdown(grid: Grid, notes: Sequence[str], signature: str) -> str:
    """A table of GitHub's Markdown (GFM), and under it the notes, a paragraph each, and the signature as code."""
    sides = [":--" if i in grid.left else "--:" for i in range(len(grid.header))]
    texts = [" | ".join(map(in_markdown, line)) for line in (grid.header, *grid.lines)]
    texts.insert(1, " | ".join(sides))
    paragraphs = "".join(f"\n{each}\n" for each in (*map(in_markdown, notes), f"`{_one_line(signature)}`"))
    return "".join(f"| {text} |\n" for text in texts) + paragraphs


def as_latex(grid: Grid, notes: Sequence[str], group: int = 0) -> str:
    """A ``tabular`` with the rules of the package booktabs, and the notes as comments before it.

    Args:
        grid: the table.
        notes: a comment each.
        group: a column: lines that share its text stand together, with the text in the first one, between rules.
    """
    sides = "".join("l" if i in grid.left else "r" for i in range(len(grid.header)))
    made = [f"% {_one_line(note)}" for note in ("needs \\usepackage{booktabs}", *notes)]
    made += [f"\\begin{{tabular}}{{{sides}}}", r"\toprule", _latex_line(grid.header)]
    before = None
    for line in grid.lines:
        if line[group] != before:
            made.append(r"\midrule")
        texts = [("" if i == group and text == before else text) for i, text in enumerate(line)]
        made.append(_latex_line(texts))
        before = line[group]
    return "\n".join([*made, r"\bottomrule", r"\end{tabular}", ""])


def as_csv(lines: Sequence[Mapping[str, Any]]) -> str:
    """RFC 4180: a header, CRLF, quotes where they are needed; numbers in full, nothing for what is not known.

    Texts are written as they are. A program that calculates may take one that begins with "=", "+", "-" or "@" for a
    formula: read such files as text there.
    """
    out = StringIO()
    # csv writes floats by repr(), the shortest text that is read as the same number.
    writer = csv.DictWriter(out, list(lines[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


_MARKDOWN = re.compile(r"[\\`*\[\]<>#~$|&!{}]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_NUMBER = re.compile(r"<?[\d.]+( \[[\d.]+, [\d.]+\])?")


def in_markdown(text: str) -> str:
    """The text with a backslash before what Markdown reads as markup, which ``_`` within a word or a number isn't."""
    line = _one_line(text)
    return line if _NUMBER.fullmatch(line) else _MARKDOWN.sub(r"\\\g<0>", line)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    # A straight quote is a command where babel speaks German.
    '"': r"\char34{}",
    **{character: f"\\{character}" for character in "{}$&#%_"},
}
_LIGATURE = re.compile(r"([-',])(?=\1)")


def in_latex(text: str) -> str:
    """The text with every character that TeX would read as something else written so that it is printed."""
    escaped = "".join(_LATEX.get(character, character) for character in _one_line(text))
    return _LIGATURE.sub(r"\1{}", escaped)


def _latex_line(texts: Sequence[str]) -> str:
    line = " & ".join(map(in_latex, texts)) + r" \\"
    # The end of the line before would take these for an option of its own.
    return "{}" + line if line.startswith(("[", "*")) else line


_JOINERS = "\u200c\u200d"  # of letters and emoji: they steer nothing
_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Control characters, those that turn the direction of writing, halves of surrogate pairs, separators of lines."""


def _one_line(text: str) -> str:
    r"""White space as single spaces, and what would steer an editor or TeX as escapes such as \x1b."""
    return "".join(
        c.encode("unicode_escape", "surrogatepass").decode()
        if c not in _JOINERS and unicodedata.category(c) in _STEERING
        else c
        for c in " ".join(text.split())
    )
