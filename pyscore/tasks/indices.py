"""Indices of right answers in columns: whether they count from 0 or from 1, told from the first rows of a file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any, NamedTuple

from pyscore.tasks.columns import Columns, answers_by
from pyscore.tasks.nested import value_at
from pyscore.tasks.reading import Record, whole

__all__ = ["ENOUGH", "with_known_base"]

ENOUGH = 8
"""Rows in which some index of 0 is to be expected: of four answers, nine times in ten."""

_LOOKED_AT = 1000
"""Rows that are looked at, the most, before the first one is read."""


class _Index(NamedTuple):
    value: int
    n_answers: int


def with_known_base(records: Iterator[Record], columns: Columns, place: str, *, strict: bool) -> Iterator[Record]:
    """The same records, after a look at the first ones for indices that count from 1.

    An index that is the number of answers, where none is 0, can only count from 1, and then each other row would be
    read as the answer after the right one, without an error. Rows are looked at until one has an index of 0, and those
    after a limit as well.

    Args:
        records: of one file or table.
        columns: as they were given; nothing is looked at where they say what indices count from.
        place: what messages call the file.
        strict: whether one such row is enough, or `ENOUGH` rows have to have an index: where others are left out.

    Raises:
        ValueError: the indices count from 1, and ``columns`` don't say so.

    Warns:
        UserWarning: they may count from 1.
    """
    if "matching" not in columns or "first" in columns:
        return records
    kept: list[Record] = []
    failed: list[Exception] = []
    beyond: tuple[Record, _Index] | None = None
    n_indices = 0
    looked_at = _until_error(islice(records, _LOOKED_AT), failed)
    for record in looked_at:
        kept.append(record)
        found = _indices(record.values, columns)
        if any(index.value == 0 for index in found):
            return chain(kept, _goes_on(records, failed))
        n_indices += bool(found)
        beyond = beyond or next(((record, index) for index in found if index.value == index.n_answers), None)
    name = columns["matching"] if isinstance(columns["matching"], str) else columns["matching"][0]
    if beyond is not None and (strict or n_indices >= ENOUGH):
        record, index = beyond
        raise ValueError(
            f"{place}, {record.where}: {name!r} is {index.value}, of {index.n_answers} answers, and is 0 in no row: "
            f"it counts from 1. Say so, --columns '...,matching={name},first=1', in Python "
            f'columns={{..., "matching": "{name}", "first": 1}}'
        )
    if n_indices:
        warnings.warn(
            f"{place}: {name!r} is 0 in none of the {n_indices} rows looked at; it is taken to count from 0, and if it "
            "counts from 1, each row is read as the answer after the right one. Say which: first=0 or first=1 among "
            "the columns",
            stacklevel=2,
        )
    return chain(kept, _goes_on(records, failed))


def _until_error(records: Iterator[Record], failed: list[Exception]) -> Iterator[Record]:
    """Records up to one that can't be read: it is an error where it stands, after those before were questions."""
    try:
        yield from records
    except (ValueError, OSError) as error:
        failed.append(error)


def _goes_on(records: Iterator[Record], failed: list[Exception]) -> Iterator[Record]:
    if failed:
        raise failed[0]
    yield from records


def _indices(values: Mapping[str, Any], columns: Columns) -> list[_Index]:
    """What can only be an index of a row's answers; none where a row is malformed, which its reading tells."""
    name = columns["matching"] if isinstance(columns["matching"], str) else columns["matching"][0]
    try:
        answers = answers_by(values, columns["answers"])
        if answers.labels or name in answers.keys:
            return []
        given = value_at(values, name)
    except ValueError:
        return []
    texts = [text.strip() for text in answers.texts]
    found = []
    for one in given if isinstance(given, list) else [given]:
        each = whole(one)
        plain = str(each).strip()
        is_number = isinstance(each, int) and not isinstance(each, bool)
        if isinstance(each, str) and plain not in texts and plain.endswith(".0"):
            plain = plain.removesuffix(".0")
        is_digits = isinstance(each, str) and plain.isascii() and plain.isdigit() and plain not in texts
        if (is_number or is_digits) and 0 <= int(plain) <= len(texts):
            found.append(_Index(int(plain), len(texts)))
    return found
