"""The reader of JSON that refuses a key which stands twice in an object."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["DECODER", "at_its_end"]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):  # the reader of json keeps the last one without a word
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands there more than once")
    return values


DECODER = json.JSONDecoder(object_pairs_hook=_once)

_LONGEST_WORD = len("-Infinity")


def at_its_end(error: json.JSONDecodeError) -> bool:
    """Whether more text might mend it: JSON that breaks off, within a word, a number or an escape perhaps."""
    if error.msg.startswith("Unterminated string"):
        return True
    return error.pos >= len(error.doc.rstrip()) - _LONGEST_WORD and not _is_wrong_already(error)


def _is_wrong_already(error: json.JSONDecodeError) -> bool:
    """Whether the characters from the fault on can't be the beginning of what may stand there."""
    if error.msg.startswith("Invalid control character"):
        return True
    rest = error.doc[error.pos :].strip()
    if not rest or rest[0] == "\\":
        return False
    if error.msg == "Expecting value":
        words = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
        return not any(word.startswith(rest) for word in words) and rest != "-"
    if error.msg.startswith("Expecting ',' delimiter") and re.fullmatch(r"\.|[eE][+-]?", rest):
        return False  # of a number, which was taken for a shorter one
    return not error.msg.startswith("Invalid \\")
