"""Format: how the rows of a published data set become questions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pyscore.tasks.question import Question
from pyscore.tasks.reading import Record

__all__ = ["ANSWERS", "Format", "Reading", "WrongFormatError"]

ANSWERS = ("auto", "text", "letter")
"""What is compared of a question that lists choices: their texts, or their letters after a list of them."""


class WrongFormatError(ValueError):
    """A row shows that its whole file is of another format: leaving this row out would misread the others."""


@dataclass(frozen=True)
class Reading:
    """How rows are read.

    Attributes:
        stem: what ids begin with: ``"<stem>:<row>"``.
        answers: one of `ANSWERS`; "auto" is the custom of the data set, as lm-evaluation-harness asks it.
    """

    stem: str
    answers: str = "auto"

    def id(self, record: Record) -> str:
        """The id of the question of a row."""
        return f"{self.stem}:{record.row}"


@dataclass(frozen=True)
class Format:
    """A published format.

    Attributes:
        name: what `pyscore.load_questions` calls it.
        data: the data sets that come in it, for the docs: names, with who published them and where.
        keys: the keys that a row must have to be of it, each group of them alone enough.
        read: makes the question of a row, or several. ValueError and TypeError say what is wrong with the row.
        example: a row of our own writing with the keys, types and quirks of a real one.
        fits: decides where keys don't: whether a row that has them is of this format; True by default.
        asks: what a question is, one line for the docs: the prompt, the answers, which one matches, clusters, groups.
        header: names of the columns of a table in this format that has no header; empty where it has one.
        headerless: whether a first row, mistaken for a header, tells that the table is of this format.
        several_right: whether more than one answer may match.
        bare: whether a prompt may be empty: the answers are whole texts then.
    """

    name: str
    data: str
    keys: tuple[frozenset[str], ...]
    read: Callable[[Record, Reading], Question | tuple[Question, ...]]
    example: Mapping[str, Any]
    asks: str
    fits: Callable[[Mapping[str, Any]], bool] = lambda values: True
    header: tuple[str, ...] = ()
    headerless: Callable[[Collection[str]], bool] = lambda fields: False
    several_right: bool = False
    bare: bool = False

    def matches(self, values: Mapping[str, Any]) -> bool:
        """Whether a row is of this format, as far as its keys and ``fits`` tell."""
        return any(group <= values.keys() for group in self.keys) and self.fits(values)
