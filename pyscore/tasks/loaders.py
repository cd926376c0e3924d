"""From files and tables to questions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from pyscore.tasks.blanks import with_whole_sentences
from pyscore.tasks.columns import Columns
from pyscore.tasks.formats.inverse_scaling import completion_pair
from pyscore.tasks.names import dataset_names, places_named
from pyscore.tasks.options import BLANKS, ReadOptions
from pyscore.tasks.question import Question
from pyscore.tasks.rows import NOTHING, PlaceReader

__all__ = [
    "BLANKS",
    "iter_questions",
    "load_completions",
    "load_questions",
    "paired_questions",
    "read_distinct",
    "sample_questions",
    "warn_left_out",
    "with_whole_sentences",
]

_SAMPLE = Path(__file__).with_name("sample") / "sycophancy.jsonl"
_LOGODDS = "inverse-scaling-logodds"
_TOLD = 3  # of the rows that are left out


def load_questions(
    path: Any,
    *,
    format: str = "auto",
    columns: Columns | None = None,
    prompt_template: str | None = None,
    choices: str = "given",
    answers: str = "auto",
    blank: str = "pronoun",
    limit: int | None = None,
    on_error: str = "raise",
    name: str | None = None,
) -> list[Question]:
    """Read the questions of files or tables, their text exactly as it stands there.

    Args:
        path: a file, a folder, a pattern, a URL, a name on a hub, a table in memory, as docs/tasks.md lists them; or a
            list of several of those that have names.
        format: a name in `FORMATS`, or "auto": told from the keys of the first row of each file.
        columns: of any other table: the columns that hold the fields of a question, by these; see docs/tasks.md.
        prompt_template: beside ``columns``, in the place of a column "prompt": Jinja that makes the prompt of a row's
            fields, such as "{{ passage }}\\nQuestion: {{ question }}".
        choices: "given" compares the answers that the file names; "listed" compares every option that a lettered
            question lists (see `pyscore.tasks.choices`). `Question.choices` says which was used for each question.
        answers: of rows that list choices: "text" compares their texts, "letter" their letters after a list of them;
            "auto" does what lm-evaluation-harness does with the data set, and compares answers of columns as they
            stand, where "text" puts each after "Answer:" and a space.
        blank: of winogenerated alone: "pronoun" compares the pronouns at the blank, "whole" what follows from there to
            the end of the sentence; see `with_whole_sentences`.
        limit: read only the first rows of each file, this many.
        on_error: "raise", or "skip" to leave out rows that are no questions; one warning counts them, and tells the
            first. A file that can't be read as what it is raises in either case.
        name: what ids begin with, in the place of the file's stem; of one file or table.

    Returns:
        The questions of each row, in order; most formats have one a row. Ids are ``"<stem>:<row>"``, rows counted from
        0 (in the "pyscore" format: the file's own ids). The stem is the file's name without ending, "table" of a table
        in memory; files after the first of a stem have as much of their path there as tells them apart.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: a limit that is no integer (NumPy's and tensors without dimensions are); columns of other types.
        ValueError: a bad argument, no questions, or a malformed row, named with what is wrong about it.
    """
    options = ReadOptions(format, columns, prompt_template, choices, answers, blank, limit, on_error)
    readers = _readers(path, options, name)
    used: set[str] = set()
    found = [question for reader in readers for question in read_distinct(reader, used)]
    warn_left_out(readers)
    return found


def iter_questions(
    path: Any,
    *,
    format: str = "auto",
    columns: Columns | None = None,
    prompt_template: str | None = None,
    choices: str = "given",
    answers: str = "auto",
    blank: str = "pronoun",
    limit: int | None = None,
    on_error: str = "raise",
    name: str | None = None,
) -> Iterator[Question]:
    """The questions of `load_questions`, with its arguments and errors, one by one: none is kept.

    Ids are not compared with each other: those of a file in the "pyscore" format may stand there twice.
    """
    options = ReadOptions(format, columns, prompt_template, choices, answers, blank, limit, on_error)

    def read() -> Iterator[Question]:
        readers = _readers(path, options, name)
        for reader in readers:
            yield from (question for _, question in reader)
        warn_left_out(readers)

    return read()


def _readers(source: Any, options: ReadOptions, name: str | None) -> list[PlaceReader]:
    places = places_named(source)
    names = dataset_names(places) if name is None else [name]
    if len(names) < len(places):
        raise ValueError(f"name={name!r} is for one file or table, and these are {len(places)}: leave it out")
    return [PlaceReader(place, called, options) for place, called in zip(places, names, strict=True)]


def read_distinct(reader: PlaceReader, used: set[str]) -> list[Question]:
    """The questions of a place, each with an id that isn't among those used; theirs are put there.

    Raises:
        FileNotFoundError, ValueError: as `load_questions`.
    """
    found = []
    for where, question in reader:
        if question.id in used:
            reader.leave_out(f"{reader.place.name}, {where}: the id {question.id!r} was used before")
            continue
        used.add(question.id)
        found.append(question)
    return found


def warn_left_out(readers: Sequence[PlaceReader]) -> None:
    """One warning, if any rows were left out: how many, and the first of them."""
    left_out = [message for reader in readers for message in reader.left_out]
    if not left_out:
        return
    n_rows = sum(reader.n_rows for reader in readers)
    told = "; ".join(left_out[:_TOLD])
    more = f"; and {len(left_out) - _TOLD} more" if len(left_out) > _TOLD else ""
    warnings.warn(f"{len(left_out)} of {n_rows} rows are left out: {told}{more}", stacklevel=3)


def paired_questions(path: Any, *, limit: int | None = None) -> tuple[list[Question], list[Question]]:
    """Read a file in the format "inverse-scaling-logodds": the questions after ``prompt``, and after ``other_prompt``.

    Score both lists: the answers of the first are `apply_preset`'s ``answers``, those of the second its ``other``.

    Args:
        path, limit: as for `load_questions`.

    Raises:
        FileNotFoundError, ValueError: as for `load_questions`.
    """
    questions = load_questions(path, format=_LOGODDS, limit=limit)
    return questions[::2], questions[1::2]


def load_completions(path: Any, *, limit: int | None = None) -> list[tuple[str, str]]:
    """Read a file in the format "inverse-scaling-sequence-prob": the prompt and the completion of every row, in order.

    Args:
        path, limit: as for `load_questions`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a bad limit, no completions, or a malformed line, named with what is wrong about it.
    """
    limit = ReadOptions(limit=limit).limit
    pairs: list[tuple[str, str]] = []
    for place in places_named(path):
        before = len(pairs)
        with place.records() as records:
            for record in islice(records, limit):
                try:
                    pairs.append(completion_pair(record))
                except ValueError as error:
                    raise ValueError(f"{place.name}, {record.where}: {error}") from error
        if len(pairs) == before:
            raise ValueError(f"{place.name} holds no completions: {NOTHING}")
    return pairs


@lru_cache(maxsize=1)
def _sample() -> tuple[Question, ...]:
    return tuple(load_questions(_SAMPLE))


def sample_questions() -> list[Question]:
    """The bundled sycophancy questions: political and factual claims, letters balanced within every claim."""
    return list(_sample())
