"""PlaceReader: the questions of one place, row by row, with one clear error for a row that is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import Any

from pyscore.tasks import formats
from pyscore.tasks.blanks import with_whole_sentences
from pyscore.tasks.choices import with_listed_choices
from pyscore.tasks.columns import question_by_columns
from pyscore.tasks.formats import Format, Reading
from pyscore.tasks.formats.choice import BeyondLastError
from pyscore.tasks.formats.format import WrongFormatError
from pyscore.tasks.indices import ENOUGH, with_known_base
from pyscore.tasks.messages import known_format, no_choices, unknown_rows, with_reading
from pyscore.tasks.options import ReadOptions
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Place, Record
from pyscore.tasks.reading.files import FilePlace

__all__ = ["NOTHING", "PlaceReader"]

NOTHING = "it is empty, or has blank lines or a header alone"
_LOOKED_AT = 10
"""Rows of a file of no known format that its description is made from."""


class _WrongOptionError(ValueError):
    """What was asked for can't be done with any row of a format."""


class PlaceReader:
    """Reads the questions of a place, once.

    Args:
        place: which one.
        name: what ids begin with.
        options: how.

    Attributes:
        place, name: as given.
        format: the format that the rows were read in; None where columns say what they are, or before the first row.
        n_rows: rows that were read.
        left_out: of ``on_error="skip"``, what was wrong with each row that is left out.
    """

    def __init__(self, place: Place, name: str, options: ReadOptions) -> None:
        self.place, self.name, self._options = place, name, options
        self.format: Format | None = options.chosen_format
        self.n_rows = 0
        self.left_out: list[str] = []
        self._reading = Reading(name, options.answers)
        self._first: Mapping[str, Any] | None = None

    def __iter__(self) -> Iterator[tuple[str, Question]]:
        """Each question, and where it stands.

        Raises:
            FileNotFoundError, ValueError: as `Place.records`; a row that is no question, unless such rows are left
                out; no questions at all.
        """
        found = False
        n_read, from_zero, beyond = 0, False, ""
        with self._opened() as records:
            for record in islice(records, self._options.limit):
                self.n_rows += 1
                try:
                    asked = self._questions(record, records)
                except (_WrongOptionError, WrongFormatError) as error:
                    raise ValueError(f"{self.place.name}, {record.where}: {error}") from None
                except (ValueError, TypeError) as error:
                    self.leave_out(f"{self.place.name}, {record.where}: {error}", error)
                    if isinstance(error, BeyondLastError) or isinstance(error.__cause__, BeyondLastError):
                        beyond = beyond or self.left_out[-1]
                    continue
                n_read += 1
                from_zero = from_zero or any(question.is_matching[0] for question in asked)
                found = found or bool(asked)
                yield from ((record.where, question) for question in asked)
        if beyond and n_read >= ENOUGH and not from_zero:
            raise ValueError(
                f"{beyond}. This isn't left out: no row's first answer is right, so that indices seem to count from 1, "
                "and each other row would be read as the answer after the right one; count them from 0"
            )
        if not found:
            first = f"; the first of them: {self.left_out[0]}" if self.left_out else ""
            why = f"all {len(self.left_out)} rows are left out{first}" if self.left_out else NOTHING
            raise ValueError(f"{self.place.name} holds no questions: {why}")

    def leave_out(self, message: str, error: Exception | None = None) -> None:
        """Note a row that is no question, or raise ValueError where none may be left out."""
        if self._options.on_error == "raise":
            raise ValueError(message) from error
        self.left_out.append(message)

    def _questions(self, record: Record, others: Iterable[Record]) -> list[Question]:
        options = self._options
        if options.columns is not None:
            made: Question | tuple[Question, ...] = question_by_columns(
                record, self._reading, options.columns, options.prompt_template
            )
        else:
            if self.format is None:
                self.format = self._detected(record, others)
            made = self._read(self.format, record)
        asked = (made,) if isinstance(made, Question) else made
        _check_prompts(asked, self.format)
        if options.choices == "listed":
            asked = tuple(with_listed_choices(one) for one in asked)
        return [with_whole_sentences(one) if options.blank == "whole" else one for one in asked]

    def _read(self, format: Format, record: Record) -> Question | tuple[Question, ...]:
        first, self._first = self._first, self._first or record.values
        try:
            made = format.read(record, self._reading)
            if first is None and self._reading.answers != "auto":
                kinds = [format.read(record, Reading(self.name, answers)) for answers in ("text", "letter")]
                if kinds[0] == kinds[1]:
                    raise _WrongOptionError(no_choices(format, self._reading.answers))
        except (_WrongOptionError, WrongFormatError):
            raise
        except (ValueError, TypeError) as error:
            if self._options.format != "auto":
                raise
            raise ValueError(with_reading(str(error), format, record.values, first)) from error
        return made

    def _detected(self, record: Record, others: Iterable[Record]) -> Format:
        found = formats.format_of(record.values)
        if found is not None:
            return found
        rows = [record.values]
        if self._options.on_error == "raise":
            with suppress(ValueError, OSError):  # what is wrong with a later row is not what is wrong with this one
                rows += [other.values for other in islice(others, _LOOKED_AT - 1)]
        raise ValueError(unknown_rows(self.place.name, rows))

    @contextmanager
    def _opened(self) -> Iterator[Iterator[Record]]:
        """The records; of a table without a header, read by the names that its format gives the columns."""
        with self.place.records() as records:
            first = None
            try:
                first = next(records, None)
                found = self._headerless(first)
            except ValueError:  # a row of data may be no header, because it says something twice
                found = self._headerless(None)
                if found is None:
                    raise
            if found is None:
                rest = chain([] if first is None else [first], records)
                columns, strict = self._options.columns, self._options.on_error == "raise"
                yield rest if columns is None else with_known_base(rest, columns, self.place.name, strict=strict)
                return
        self.format = found
        with self.place.records(header=found.header) as records:
            yield records

    def _headerless(self, first: Record | None) -> Format | None:
        """The format of a table whose first row was taken for a header, told by that row; None: it is no such table."""
        if self._options.columns is not None:
            return None
        chosen = self._options.chosen_format
        if first is not None and (known_format(first.values) if chosen is None else chosen.matches(first.values)):
            return None
        candidates = [one for one in (formats.FORMATS.values() if chosen is None else [chosen]) if one.header]
        if not candidates or not isinstance(self.place, FilePlace):
            return None
        fields = self.place.first_row()
        return next((one for one in candidates if fields and one.headerless(fields)), None)


def _check_prompts(questions: Iterable[Question], format: Format | None) -> None:
    """ValueError where a column of questions has an empty one, which only some formats mean."""
    for question in questions:
        if not question.prompt and not (format and format.bare):
            raise ValueError(f"the question is empty (id {question.id!r}): it must hold some text")
