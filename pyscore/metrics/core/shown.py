"""What a result shows, decided once: as aligned text for a terminal, and as HTML for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

__all__ = ["Grid", "Shown", "as_html", "as_text"]


class Grid(NamedTuple):
    """A table of texts.

    Attributes:
        header: of each column; may be empty for the first one, which names the lines.
        lines: as many texts as the header has, each.
        left: the columns whose texts begin at the left; the others end at the right.
    """

    header: Sequence[str]
    lines: Sequence[Sequence[str]]
    left: Sequence[int] = (0,)


class Shown(NamedTuple):
    """What is shown, from top to bottom.

    Attributes:
        title: what was measured, and on how much.
        grids: tables under it.
        notes: lines under these; the last one is the signature, where there is one.
    """

    title: str
    grids: Sequence[Grid]
    notes: Sequence[str]


def as_text(shown: Shown) -> str:
    """Lines of text, columns aligned."""
    return "\n".join([shown.title, *map(_aligned, shown.grids), *shown.notes])


def as_html(shown: Shown) -> str:
    """The same words in the same order as tables that screen readers read: caption, headers with a scope, a footer.

    Every text is escaped. Colours, fonts and borders are left to the page, so that dark notebooks stay dark.
    """
    if not shown.grids:
        return "".join(f"<p>{_escaped(line)}</p>" for line in (shown.title, *shown.notes))
    last = len(shown.grids) - 1
    tables = []
    for i, grid in enumerate(shown.grids):
        title = _escaped(shown.title)
        # The words of the title are there once; a second table has it as its name only.
        begin = f'<table><caption style="{_LEFT}">{title}</caption>' if i == 0 else f'<table aria-label="{title}">'
        foot = _foot(shown.notes, len(grid.header)) if i == last else ""
        tables.append(f"{begin}{_head(grid)}{_body(grid)}{foot}</table>")
    return "".join(tables)


_LEFT = "text-align: left"


def _aligned(grid: Grid) -> str:
    """Columns two spaces apart."""
    texts = [grid.header, *grid.lines]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    sides = ["<" if i in grid.left else ">" for i in range(len(widths))]
    lines = ("  ".join(f"{t:{s}{w}}" for t, s, w in zip(own, sides, widths, strict=True)) for own in texts)
    return "\n".join(line.rstrip() for line in lines)


def _head(grid: Grid) -> str:
    cells = [
        # A header without words would be read out as one.
        f'<th scope="col"{_side(grid, i)}>{_escaped(text)}</th>' if text else "<td></td>"
        for i, text in enumerate(grid.header)
    ]
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _body(grid: Grid) -> str:
    lines = []
    for first, *others in grid.lines:
        cells = [f'<th scope="row"{_side(grid, 0)}>{_escaped(first)}</th>']
        cells += [f"<td{_side(grid, i)}>{_escaped(text)}</td>" for i, text in enumerate(others, 1)]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<tbody>{''.join(lines)}</tbody>"


def _foot(notes: Sequence[str], n_columns: int) -> str:
    lines = [f'<tr><td colspan="{n_columns}" style="{_LEFT}">{_escaped(note)}</td></tr>' for note in notes]
    return f"<tfoot>{''.join(lines)}</tfoot>" if lines else ""


def _side(grid: Grid, column: int) -> str:
    return f' style="{_LEFT if column in grid.left else "text-align: right"}"'


def _escaped(text: str) -> str:
    """Text for HTML in UTF-8, which has no halves of surrogate pairs: names of files may hold some."""
    return escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))
