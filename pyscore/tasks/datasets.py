"""Data sets of files: the questions of each place, and what their data set is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from pyscore.tasks.loaders import read_distinct, warn_left_out
from pyscore.tasks.names import dataset_names
from pyscore.tasks.options import ReadOptions
from pyscore.tasks.question import Question
from pyscore.tasks.reading import Place
from pyscore.tasks.rows import PlaceReader

__all__ = ["PlaceQuestions", "read_datasets"]


class PlaceQuestions(NamedTuple):
    """The questions of a place.

    Attributes:
        name: of its data set.
        place: what messages call the place.
        format: name of the format that the rows were read in; None where columns say what they are.
        n_rows, n_left_out: rows that were read, and how many of them are no questions and left out.
        questions: each in the data set that it names itself, else in this one.
    """

    name: str
    place: str
    format: str | None
    n_rows: int
    n_left_out: int
    questions: list[Question]


def read_datasets(places: Sequence[Place], options: ReadOptions) -> list[PlaceQuestions]:
    """The questions of places, each of which is a data set named by `pyscore.tasks.names.dataset_names`.

    Ids begin with the stem of the place, whatever its data set is called.

    Raises:
        FileNotFoundError, ValueError: as `pyscore.load_questions`.
    """
    readers = [PlaceReader(place, place.stem, options) for place in places]
    found = []
    for name, reader in zip(dataset_names(places), readers, strict=True):
        questions = [
            question if question.dataset is not None else replace(question, dataset=name)
            for question in read_distinct(reader, set())
        ]
        format = None if reader.format is None else reader.format.name
        found.append(PlaceQuestions(name, reader.place.name, format, reader.n_rows, len(reader.left_out), questions))
    warn_left_out(readers)
    return found
