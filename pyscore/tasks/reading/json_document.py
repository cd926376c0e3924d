"""JSON that isn't one object a line: an array, element by element, and objects that go over several lines."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pyscore.tasks.reading.json_text import DECODER, at_its_end
from pyscore.tasks.reading.lines import BOM
from pyscore.tasks.reading.record import Record

__all__ = ["read_array", "read_objects"]

_SPACE = re.compile(r"[ \t\n\r]*")
_LEAST = 2**16  # characters that are asked for at once


class _Text:
    """The text of a file that is read as it is asked for; what was used of it is dropped.

    Attributes:
        text, at: what is held of the text, and the index in it of what comes next.
    """

    def __init__(self, file: Iterable[bytes], name: str) -> None:
        self.text, self.at, self.name = "", 0, name
        self._blocks = iter(file)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._bytes = self._lines = 0
        self._ended, self._fault = False, ""

    def line(self, at: int | None = None) -> int:
        """The line, from 1, of an index in the text that is held."""
        return self._lines + self.text.count("\n", 0, self.at if at is None else at) + 1

    def more(self) -> bool:
        """Read on, as much again as is held, so that reading an element is linear in its length; False at the end."""
        self._lines += self.text.count("\n", 0, self.at)
        held = [self.text[self.at :]]
        self.at, wanted = 0, max(_LEAST, len(held[0]))
        while wanted > 0 and not self._ended:
            block = next(self._blocks, b"")
            self._ended = not block
            held.append(self._decoded(block))
            wanted -= len(held[-1])
        self.text = "".join(held)
        if self._fault and len(held[0]) == len(self.text):
            raise ValueError(f"{self.name}: {self._fault}")
        return len(held[0]) < len(self.text)

    def _decoded(self, block: bytes) -> str:
        """The text of a block; a fault in it is kept until the text before it was used."""
        if self._bytes == 0 and block.startswith(BOM):
            block, self._bytes = block.removeprefix(BOM), len(BOM)
        pending = len(self._decoder.getstate()[0])
        whole, nul, _ = block.partition(b"\0")
        try:
            text = self._decoder.decode(whole, final=not block)
        except UnicodeDecodeError as error:
            begin = self._bytes - pending
            self._fault, self._ended = f"not UTF-8 (byte {begin + error.start} of the file)", True
            return error.object[: error.start].decode()
        if nul:
            at = self._bytes + len(whole)
            self._fault = f"NUL bytes (byte {at} of the file): it is damaged, or not text in UTF-8 (is it UTF-16?)"
            self._ended = True
        self._bytes += len(block)
        return text

    def next_character(self) -> str:
        """The next one that is no space, which isn't passed; "" at the end."""
        while True:
            self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def value(self, where: str) -> Any:
        """The value that begins here; `at` is then behind it."""
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if at_its_end(error) and self.more():
                    continue
                told = f"not JSON ({error.msg} in line {self.line(error.pos)})"
                if at_its_end(error):
                    told += ": the file breaks off here, copy or download it again"
                raise ValueError(f"{self.name}, {where} from line {self.line()} on: {told}") from None
            except RecursionError:
                raise ValueError(f"{self.name}, {where}: JSON that is nested too deeply to be read") from None
            except ValueError as error:  # a number of too many digits; a key that stands there twice
                raise ValueError(f"{self.name}, {where}: {error}") from None
            if end == len(self.text) and not isinstance(value, dict) and self.more():
                continue  # the rest of a number may follow
            self.at = end
            return value


def read_array(file: Iterable[bytes], name: str) -> Iterator[Record]:
    """The objects of a JSON array, one by one; what isn't asked for isn't read.

    Args:
        file: blocks of bytes, such as its lines; the first character is the bracket.
        name: what messages call it.

    Raises:
        ValueError: an element (named in the message) is no object, has a key twice, or isn't JSON; the array breaks off
            or something follows it; not UTF-8.
    """
    text = _Text(file, name)
    text.next_character()
    text.at += 1
    row = 0
    while (character := text.next_character()) != "]" or row:
        where = f"element {row + 1}"
        if row and character == "]":
            break
        if row and character:
            if character != ",":
                raise ValueError(f"{name}, line {text.line()}: a comma or ] is needed after element {row}")
            text.at += 1
            character = text.next_character()
        if not character:
            raise ValueError(f"{name} breaks off after element {row}: the array has no ]: copy or download it again")
        yield Record(row, _object(text, where), where)
        row += 1
    text.at += 1
    if text.next_character():
        raise ValueError(f"{name}, line {text.line()}: text after the end of the array: is it several arrays?")


def read_objects(file: Iterable[bytes], name: str) -> Iterator[Record]:
    """The objects of a file that go over lines as they like, one after another: mostly a single one.

    Args:
        file: blocks of bytes, such as its lines.
        name: what messages call it.

    Raises:
        ValueError: as `read_array`.
    """
    text = _Text(file, name)
    row = 0
    while text.next_character():
        where = f"object {row + 1}"
        yield Record(row, _object(text, where), where)
        row += 1


def _object(text: _Text, where: str) -> dict[str, Any]:
    value = text.value(where)
    if not isinstance(value, dict):
        raise ValueError(f"{text.name}, {where}: a JSON object is needed, found {type(value).__name__}")
    return value
