"""Write the page of formats, docs/formats.md, from their records: `python -m tools.formats`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyscore.tasks import FORMATS, Format

__all__ = ["FILE", "page"]

FILE = Path(__file__).parent.parent / "docs" / "formats.md"
_WIDTH = 120
_BEGINNING = """# Formats of questions

Formats that `pyscore.load_questions` and `pyscore score` read. A file's format is told from the keys of its first row,
in the order of this table; `format=` or `--format` names one. What their prompts, clusters and choices mean is said in
[tasks.md](tasks.md#files), and how any other table is read, by its columns. `python -m tools.formats` writes this page
from `pyscore/tasks/formats/`; [a new format](howto/format.md) is a record there.
"""


def page() -> str:
    """The page as it should be."""
    rows = [f"| [{each.name}](#{each.name}) | {_cell(each.data)} | {_keys(each)} |" for each in FORMATS.values()]
    table = "\n".join(["| format | data sets | keys that tell it |", "|---|---|---|", *rows])
    return "\n".join([_BEGINNING, table, *(_section(each) for each in FORMATS.values())]) + "\n"


def _section(format: Format) -> str:
    notes = [f"Asked: {_ended(format.asks)}"]
    if format.several_right:
        notes.append("Several answers may match.")
    if format.header:
        names = ", ".join(f"`{name}`" for name in format.header)
        notes.append(f"Tables without a header have the columns {names}.")
    prose = textwrap.fill(" ".join(notes), _WIDTH, break_long_words=False, break_on_hyphens=False)
    return f"\n## {format.name}\n\n{prose}\n\n```json\n{_example(format.example)}\n```"


def _ended(text: str) -> str:
    """A sentence's end, put where there is none."""
    return text if text.endswith(".") else f"{text}."


def _keys(format: Format) -> str:
    groups = (", ".join(f"`{key}`" for key in sorted(group)) for group in format.keys)
    return _cell(" or ".join(groups))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _example(row: Mapping[str, Any]) -> str:
    """A row as JSON, a key a line where it is long."""
    short = json.dumps(dict(row), ensure_ascii=False, default=str)
    if len(short) <= _WIDTH:
        return short
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, default=str)}" for key, value in row.items()]
    return "{\n" + ",\n".join(f"  {line}" for line in lines) + "\n}"


if __name__ == "__main__":
    FILE.write_text(page())
    print(f"wrote {FILE}")
