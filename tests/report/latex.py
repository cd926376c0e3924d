"""As much of TeX as a table needs, and no more: whatever else is written is an error, as it would be in a paper."""

from __future__ import annotations

import re

__all__ = ["read_tabular", "read_text"]

_COMMANDS = {
    "textbackslash": "\\",
    "textasciitilde": "~",
    "textasciicircum": "^",
    "textasciigrave": "`",
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "char34": '"',
}
_ESCAPED = "{}$&#%_"
_LIGATURES = ("--", "''", "``", "?`", "!`", ",,", "<<", ">>")
_TOKEN = re.compile(r"\\(?:char34|[A-Za-z]+)|\\.|.", re.DOTALL)


def read_text(text: str) -> str:
    """What is printed of text in a cell.

    Raises:
        ValueError: a character that TeX takes for something else, a command that isn't known, two characters that it
            makes one of.
    """
    tokens = _TOKEN.findall(text)
    printed, before = [], ""
    while tokens:
        token = tokens.pop(0)
        if token == "{" and tokens[:1] == ["}"]:
            tokens.pop(0)
            before = ""
            continue
        if token[0] == "\\" and len(token) > 2:
            if token[1:] not in _COMMANDS or tokens[:2] != ["{", "}"]:
                raise ValueError(f"{token} in {text!r}")
            character = _COMMANDS[token[1:]]
        elif token[0] == "\\":
            if token[1:] not in _ESCAPED:
                raise ValueError(f"{token} in {text!r}")
            character = token[1:]
        elif token in '\\{}$&#%_~^<>|"' or token in "\r\n\t" or ord(token) < 32:
            raise ValueError(f"{token!r} in {text!r}")
        else:
            character = token
            if before + token in _LIGATURES:
                raise ValueError(f"{before + token} in {text!r}")
        before = token if token == character else ""
        printed.append(character)
    return "".join(printed)


def read_tabular(text: str) -> tuple[str, list[list[str]]]:
    """The columns of a tabular, and the texts of its lines, the header first."""
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    begin = re.fullmatch(r"\\begin\{tabular\}\{([lr]+)\}", lines[0])
    assert begin and lines[1] == "\\toprule" and lines[-2:] == ["\\bottomrule", "\\end{tabular}"]
    found = []
    for line in lines[2:-2]:
        if line == "\\midrule":
            continue
        assert line.endswith(" \\\\")
        # What stands first after a line's end is read as its option.
        assert line[0] not in "[*"
        cells = re.split(r"(?<!\\)&", line.removesuffix("\\\\"))
        assert len(cells) == len(begin[1])
        found.append([read_text(cell.strip()) for cell in cells])
    return begin[1], found
